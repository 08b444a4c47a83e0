"""The stage annotate: real verdicts replayed over HTTP, failures by script, money, and what is told."""

import json
from collections import Counter

import pytest

from prefcurate.transforms.annotate.annotate import Annotate
from prefcurate.transforms.annotate.chat import Message, Request
from prefcurate.transforms.annotate.pending import Site
from prefcurate.transforms.annotate.plan import plan_questions
from prefcurate.transforms.annotate.remarks import unfinished
from prefcurate.transforms.annotate.reservations import Purse, Reservation
from tests.helpers import context, make_store, pair
from tests.judge_server import GARBAGE, HALF_BODY, HANG_UP, JudgeServer, nothing, refuse
from tests.transforms.annotate.judging import (
    REPLAY,
    annotate,
    bytes_of,
    judge,
    judged_store,
    left_over,
    rows,
    snapshot,
    total,
)


def expected_label(comparison: dict, order: str) -> str:
    """The stored label that the recorded verdict means, worked out by hand from the texts shown."""
    a, b = comparison["response_a_text"], comparison["response_b_text"]
    shown_first, shown_second = (a, b) if order == "ab" else (b, a)
    said = REPLAY.expected(comparison["prompt_text"], shown_first, shown_second)
    if said == "tie":
        return "tie"
    return "a" if (shown_first if said == "first" else shown_second) == a else "b"


def test_both_orders_of_a_real_judge_become_the_labels_it_meant(tmp_path):
    store = judged_store(tmp_path, 30)
    with JudgeServer(REPLAY) as server:
        detail = annotate(store, judge(server.endpoint, concurrency=16))
    comparisons = {row["comparison_id"]: row for row in rows(store, "comparisons")}
    annotations = rows(store, "annotations")
    assert server.count == len(annotations) == 60
    for row in annotations:
        assert row["label"] == expected_label(comparisons[row["comparison_id"]], row["order_shown"])
        assert row["parse_status"] == "ok"
        assert (row["annotator"], row["kind"], row["family"]) == ("llm_judge:replayed", "llm_judge", "gpt-4")
        assert row["rationale"] == json.loads(row["raw_output"])["rationale"]
        assert row["occurrence_id"] is None
    orders = Counter((row["comparison_id"], row["order_shown"]) for row in annotations)
    assert orders == {(comparison, order): 1 for comparison in comparisons for order in ("ab", "ba")}
    assert len({row["label"] for row in annotations}) == 3
    assert detail == {}
    assert left_over(store) == []


def test_every_annotation_names_its_call_and_every_call_its_price(tmp_path):
    store = judged_store(tmp_path, 10)
    with JudgeServer(REPLAY, script=[refuse(500), None, GARBAGE]) as server:
        annotator = judge(server.endpoint, concurrency=1, tries=3)
        annotate(store, annotator)
    calls = {row["call_id"]: row for row in rows(store, "calls")}
    assert len(calls) == server.count == 22
    assert Counter(row["status"] for row in calls.values()) == {"ok": 20, "http_500": 1, "bad_body": 1}
    for row in rows(store, "annotations"):
        call = calls[row["call_id"]]
        assert (call["status"], call["stage"]) == ("ok", "annotate")
        assert call["comparison_id"] == row["comparison_id"]
        assert call["fingerprint"] == annotator.fingerprint()
        assert call["price_usd"] == pytest.approx((call["tokens_in"] * 1.0 + call["tokens_out"] * 4.0) / 1e6)


def test_an_unchanged_rerun_asks_nobody_and_changes_nothing(tmp_path):
    store = judged_store(tmp_path, 3)
    with JudgeServer(REPLAY) as server:
        annotate(store, judge(server.endpoint))
        before = bytes_of(store, "annotations"), bytes_of(store, "calls"), store.versions(), len(store.ledger())
        annotate(store, judge(server.endpoint, name="renamed", concurrency=9, price={"input": 9, "output": 9}))
    assert server.count == 6
    assert (bytes_of(store, "annotations"), bytes_of(store, "calls"), store.versions(), len(store.ledger())) == before


def test_new_pairs_and_changed_settings_ask_only_what_is_new(tmp_path):
    store = judged_store(tmp_path, 3)
    with JudgeServer(REPLAY) as server:
        annotate(store, judge(server.endpoint, orders="ab"))
        assert server.count == 3
        judged_store(tmp_path, 5)
        annotate(store, judge(server.endpoint, orders="ab"))
        assert server.count == 5
        annotate(store, judge(server.endpoint, orders="both"))
        assert server.count == 10
        annotate(store, judge(server.endpoint, orders="both", revision="2"))
        assert server.count == 20


def test_the_same_answers_are_the_same_bytes_whatever_the_shape_of_the_run(tmp_path):
    stores = []
    for name, lanes, concurrency in (("one", 1, 2), ("two", 3, 8)):
        store = judged_store(tmp_path / name, 10)
        with JudgeServer(REPLAY) as server:
            annotate(store, judge(server.endpoint, concurrency=concurrency), lanes=lanes, run_id=name)
        stores.append(store)
    assert bytes_of(stores[0], "annotations") == bytes_of(stores[1], "annotations")
    assert bytes_of(stores[0], "calls") == bytes_of(stores[1], "calls")


def test_concurrency_holds_for_the_whole_run(tmp_path):
    store = judged_store(tmp_path, 20, shards=4)
    with JudgeServer(REPLAY, delay=0.01) as server:
        annotate(store, judge(server.endpoint, concurrency=4), lanes=2)
    assert 2 <= server.most_at_once <= 4
    assert server.count == 40


def test_responses_with_the_same_words_are_not_asked_about(tmp_path):
    store = make_store(tmp_path, [pair("p", "same", "same"), pair("q", "one", "other")])
    with JudgeServer(lambda body: '{"verdict": "first"}') as server:
        annotate(store, judge(server.endpoint))
    assert server.count == 2


def test_a_failure_is_no_verdict_and_no_annotation(tmp_path):
    """One question fails in each way; all others are answered, and the next run asks the failed ones alone."""
    store = judged_store(tmp_path, 10)
    bad = [refuse(429, "0.05"), refuse(500), GARBAGE, HALF_BODY, HANG_UP, nothing(0.6)]
    with JudgeServer(REPLAY, script=bad) as server:
        detail = annotate(store, judge(server.endpoint, tries=1, timeout=0.3, orders="ab", concurrency=1))
        assert len(rows(store, "annotations")) == 4
        assert {row["parse_status"] for row in rows(store, "annotations")} == {"ok"}
        statuses = Counter(row["status"] for row in rows(store, "calls"))
        assert statuses == {"ok": 4, "http_429": 1, "http_500": 1, "bad_body": 1, "half_an_answer": 2, "timeout": 1}
        (line,) = detail["annotate.failed"]
        assert line.startswith("llm_judge:replayed: 6 questions failed")
        assert unfinished(detail) == [line]
        detail = annotate(store, judge(server.endpoint, tries=1, orders="ab"))
        assert server.count == 16
    assert len(rows(store, "annotations")) == 10
    assert len(rows(store, "calls")) == 16
    assert unfinished(detail) == []


def test_an_unreadable_answer_is_kept_and_asked_again_up_to_the_limit(tmp_path):
    store = judged_store(tmp_path, 3)
    with JudgeServer(lambda body: "I would rather not say.") as server:
        detail = annotate(store, judge(server.endpoint, orders="ab", attempts=3))
        assert server.count == 9
        annotate(store, judge(server.endpoint, orders="ab", attempts=3))
        assert server.count == 9
        server.answer = REPLAY
        annotate(store, judge(server.endpoint, orders="ab", attempts=4))
    annotations = rows(store, "annotations")
    assert server.count == 12
    assert Counter((row["attempt"], row["parse_status"]) for row in annotations) == {
        (0, "unparsed"): 3,
        (1, "unparsed"): 3,
        (2, "unparsed"): 3,
        (3, "ok"): 3,
    }
    unread = [row for row in annotations if row["parse_status"] == "unparsed"]
    assert {row["label"] for row in unread} == {None}
    assert {row["raw_output"] for row in unread} == {"I would rather not say."}
    assert len({row["annotation_id"] for row in annotations}) == 12
    assert detail["annotate.unparsed"][0].startswith("llm_judge:replayed: 3 questions")


def test_a_second_attempt_can_succeed_in_the_same_run(tmp_path):
    store = judged_store(tmp_path, 1)
    said = iter(["mumble", '{"verdict": "first", "rationale": "r"}'])
    with JudgeServer(lambda body: next(said)) as server:
        detail = annotate(store, judge(server.endpoint, orders="ab", attempts=2))
    assert [
        (row["attempt"], row["label"]) for row in sorted(rows(store, "annotations"), key=lambda r: r["attempt"])
    ] == [
        (0, None),
        (1, "a"),
    ]
    assert detail == {}


def test_a_wrong_key_stops_after_one_call_and_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "sk-secret")
    store = judged_store(tmp_path, 20, shards=4)
    with JudgeServer(REPLAY, always=refuse(401, body=b"bad key sk-secret")) as server:
        detail = annotate(store, judge(server.endpoint, api_key_env="JUDGE_KEY", concurrency=1))
    assert server.count == 1
    assert rows(store, "annotations") == []
    assert "http_401" in detail["annotate.unasked"][0]
    assert "39 questions" in detail["annotate.unasked"][0]
    assert "sk-secret" not in json.dumps(detail) + json.dumps(rows(store, "calls"))


def test_another_model_behind_the_name_is_told(tmp_path):
    store = judged_store(tmp_path, 3)
    with JudgeServer(REPLAY, model="gpt-4-0314") as server:
        assert annotate(store, judge(server.endpoint)) == {}
        judged_store(tmp_path, 4)
        server.model = "gpt-4-0613"
        detail = annotate(store, judge(server.endpoint))
    (line,) = detail["annotate.model_changed"]
    assert "'gpt-4-0613', before by 'gpt-4-0314'" in line
    assert {row["model_returned"] for row in rows(store, "calls")} == {"gpt-4-0314", "gpt-4-0613"}


def test_one_annotator_under_two_names_is_refused(tmp_path):
    twice = (judge("http://x/v1", "one"), judge("http://y/v1", "two"))
    store = judged_store(tmp_path, 1)
    with pytest.raises(ValueError, match="'one' and 'two' are the same annotator"):
        Annotate(context(store, "annotate", (), ()), twice)


class TestMoney:
    """The cap: with the worst case counted it is never exceeded, whatever fails."""

    @pytest.mark.parametrize("scope", ["annotator", "store"])
    def test_the_cap_holds_and_what_was_not_asked_is_told(self, tmp_path, scope):
        store = judged_store(tmp_path, 30)
        cap = 0.03
        with JudgeServer(REPLAY) as server:
            annotator = judge(server.endpoint, budget=cap if scope == "annotator" else None)
            detail = annotate(store, annotator, budget=cap if scope == "store" else None)
        answered = len(rows(store, "annotations"))
        assert 0 < answered < 60
        assert 0.2 * cap < total(store) <= cap
        assert server.count == answered
        assert f"{60 - answered} questions not asked: the money set aside" in detail["annotate.unasked"][0]

    def test_reruns_use_what_is_left_and_then_nothing_more(self, tmp_path):
        store = judged_store(tmp_path, 30)
        spends = []
        with JudgeServer(REPLAY) as server:
            for run in range(2):
                annotate(store, judge(server.endpoint), budget=0.03, run_id=f"r{run}")
                spends.append(total(store))
            count = server.count
            annotate(store, judge(server.endpoint), budget=0.03, run_id="again")
            assert server.count - count <= 1
            assert spends == sorted(spends)
            assert max(total(store), spends[-1]) <= 0.03
            detail = annotate(store, judge(server.endpoint), budget=1.0, run_id="raised")
        assert detail == {}
        assert len(rows(store, "annotations")) == 60
        assert server.count == 60

    def test_failures_that_may_be_billed_count_at_the_worst_price(self, tmp_path):
        store = judged_store(tmp_path, 10)
        with JudgeServer(REPLAY, script=[HANG_UP, HALF_BODY], always=GARBAGE) as server:
            annotate(store, judge(server.endpoint, concurrency=8, tries=1), budget=0.02)
        worst = 400 * 4.0 / 1e6
        assert server.count * worst <= total(store) <= 0.02
        assert 0 < server.count < 0.02 / worst

    def test_an_endpoint_that_tells_no_usage_cannot_break_the_cap(self, tmp_path):
        store = judged_store(tmp_path, 30)
        with JudgeServer(REPLAY, usage=False) as server:
            annotate(store, judge(server.endpoint, concurrency=8), budget=0.05)
        assert 0.025 < total(store) <= 0.05
        assert server.count < 60

    def test_what_other_annotators_and_stages_spent_counts(self, tmp_path):
        store = judged_store(tmp_path, 10)
        with JudgeServer(REPLAY) as server:
            annotate(store, judge(server.endpoint, "one"), budget=1.0)
            first = total(store)
            assert first > 0.003
            detail = annotate(store, judge(server.endpoint, "two", revision="2"), budget=first + 0.0001, run_id="two")
        assert server.count == 20
        assert total(store) == first
        assert "llm_judge:two: 20 questions not asked" in detail["annotate.unasked"][0]

    def test_a_free_endpoint_needs_no_money(self, tmp_path):
        store = judged_store(tmp_path, 3)
        with JudgeServer(REPLAY) as server:
            assert annotate(store, judge(server.endpoint, price={}), budget=0.0) == {}
        assert server.count == 6
        assert total(store) == 0

    def test_a_dead_runs_batch_in_flight_counts_as_spent(self, tmp_path):
        store = judged_store(tmp_path, 10)
        comparison = rows(store, "comparisons")[0]
        request = Request("key", (Message("user", "x"),), None, comparison["prompt_id"], comparison["comparison_id"])
        site = Site(store, "annotate", "dead", "unit", 0, "llm_judge:replayed", judge("http://x").fingerprint())
        Reservation.open(site, Purse(None), [(request, 0.07)], 0.0)
        with JudgeServer(REPLAY) as server:
            detail = annotate(store, judge(server.endpoint), budget=0.0701)
            assert server.count == 0
            assert "20 questions not asked" in detail["annotate.unasked"][0]
            (lost,) = rows(store, "calls")
            assert (lost["status"], lost["price_usd"]) == ("lost", 0.07)
            annotate(store, judge(server.endpoint), budget=1.0, run_id="raised")
        assert server.count == 20
        assert Counter(row["status"] for row in rows(store, "calls")) == {"lost": 1, "ok": 20}
        assert left_over(store) == []


def test_the_plan_says_what_would_be_asked_and_bounds_what_it_costs(tmp_path):
    store = judged_store(tmp_path, 30)
    with JudgeServer(REPLAY) as server:
        annotator = judge(server.endpoint)
        (planned,) = plan_questions(snapshot(store, annotator), [annotator])
        assert server.count == 0
        annotate(store, annotator)
        assert planned.questions == server.count == 60
        assert planned.worst_usd / 6 < total(store) <= planned.worst_usd
        assert planned.expected_usd == pytest.approx(total(store), rel=0.5)
        (nothing_left,) = plan_questions(snapshot(store, annotator), [annotator])
    assert (nothing_left.questions, nothing_left.worst_usd) == (0, 0.0)
