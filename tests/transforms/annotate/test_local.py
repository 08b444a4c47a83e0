"""Annotators that compute here: alone, fitted to the whole store, and beside a judge in one graph."""

from pathlib import Path

import pytest

from prefcurate.transforms.annotate import questions as questions_module
from prefcurate.transforms.annotate.annotator import Answer, annotation_rows
from prefcurate.transforms.annotate.pending import Site
from prefcurate.transforms.annotate.questions import answered, next_attempt, unanswered, works
from tests.judge_server import JudgeServer
from tests.transforms.annotate.judging import (
    REPLAY,
    annotate,
    bytes_of,
    judge,
    judged_store,
    left_over,
    rows,
    snapshot,
)
from tests.transforms.annotate.toys import Longer, LongerThanUsual


def differences(store) -> dict[str, int]:
    return {
        row["comparison_id"]: len(row["response_a_text"]) - len(row["response_b_text"])
        for row in rows(store, "comparisons")
    }


def test_all_sorts_of_annotators_answer_in_one_run(tmp_path):
    store = judged_store(tmp_path, 30)
    truth = differences(store)
    mean = sum(truth.values()) / 30
    with JudgeServer(REPLAY) as server:
        detail = annotate(store, Longer(name="l"), judge(server.endpoint), LongerThanUsual(name="u"))
    assert detail == {}
    found = {name: [] for name in ("longer:l", "llm_judge:replayed", "usual:u")}
    for row in rows(store, "annotations"):
        found[row["annotator"]].append(row)
    assert {name: len(those) for name, those in found.items()} == {
        "longer:l": 30,
        "llm_judge:replayed": 60,
        "usual:u": 30,
    }
    for row in found["longer:l"]:
        assert row["label"] == ("a" if truth[row["comparison_id"]] > 0 else "b")
        assert (row["kind"], row["order_shown"], row["call_id"]) == ("program", "unknown", None)
    for row in found["usual:u"]:
        assert row["strength"] == pytest.approx(truth[row["comparison_id"]] - mean)
    assert left_over(store) == []
    assert len(list((Path(store.root) / "_artefacts").glob("*.bin"))) == 1

    before = bytes_of(store, "annotations")
    with JudgeServer(REPLAY) as server:
        annotate(store, LongerThanUsual(name="u"), judge(server.endpoint), Longer(name="l"))
        assert server.count == 0
    assert bytes_of(store, "annotations") == before


def test_a_new_version_answers_beside_the_old(tmp_path):
    store = judged_store(tmp_path, 3)
    annotate(store, Longer(name="l"))
    annotate(store, Longer(name="l", version=2))
    assert len(rows(store, "annotations")) == 6
    pinned = snapshot(store, Longer(name="l", version=2))
    assert pinned.table("annotations").num_rows == 3


def test_too_little_to_learn_from_is_told(tmp_path):
    store = judged_store(tmp_path, 3)
    detail = annotate(store, LongerThanUsual(name="u", least=4))
    assert rows(store, "annotations") == []
    assert detail == {"annotate.unfitted": ["usual:u: 3 questions not answered: there is too little to learn from"]}


def test_what_a_dead_run_computed_is_taken_up(tmp_path):
    store = judged_store(tmp_path, 10)
    annotator = Longer(name="l")
    pinned = snapshot(store, annotator)
    first = next(annotator.questions(pinned, 0))
    marked = Answer(first, None, strength=12345.0)
    site = Site(store, "annotate", "dead", "unit", 0, annotator.annotator, annotator.fingerprint())
    site.write("annotations", annotation_rows(annotator, [marked]))
    annotate(store, annotator)
    found = {row["comparison_id"]: row["strength"] for row in rows(store, "annotations")}
    assert len(found) == 10
    assert found[first.comparison_id] == 12345.0
    assert left_over(store) == []


def test_units_cover_every_missing_question_once(tmp_path, monkeypatch):
    monkeypatch.setattr(questions_module, "UNIT_SECONDS", 5)
    store = judged_store(tmp_path, 30)
    annotator = judge("http://x", concurrency=4)
    pinned = snapshot(store, annotator)
    covered = []
    for shard in range(2):
        units = list(works(annotator, pinned, shard, {}))
        assert len(units) > 1
        for unit in units:
            inside = list(unanswered(annotator, pinned, shard, {}, (unit.first, unit.last)))
            assert len(inside) == unit.questions
            assert len(inside) <= questions_module.unit_size(annotator) + 1
            assert unit.worst_usd > unit.questions * 400 * 4.0 / 1e6
            covered += inside
    assert len(covered) == len(set(covered)) == 60
    names = {unit.unit("run") for shard in range(2) for unit in works(annotator, pinned, shard, {})}
    assert len(names) == sum(len(list(works(annotator, pinned, shard, {}))) for shard in range(2))


def test_only_answers_that_cannot_be_read_are_asked_again(tmp_path):
    annotator = judge("http://x")
    fingerprint = annotator.fingerprint()
    question = questions_module.Question("p", "c", "ab")
    first, second = question.annotation_id(fingerprint), question.again().annotation_id(fingerprint)
    cases = [
        ({}, 2, 0),
        ({first: "ok"}, 2, None),
        ({first: "refused"}, 2, None),
        ({first: "unparsed"}, 2, 1),
        ({first: "empty"}, 2, 1),
        ({first: "unparsed"}, 1, None),
        ({first: "unparsed", second: "ok"}, 3, None),
        ({first: "unparsed", second: "unparsed"}, 3, 2),
        ({first: "unparsed", second: "unparsed"}, 2, None),
    ]
    for known, attempts, expected in cases:
        following = next_attempt(question, fingerprint, known, attempts)
        assert (None if following is None else following.attempt) == expected, known


def test_known_answers_are_those_of_the_fingerprint(tmp_path):
    store = judged_store(tmp_path, 3)
    annotate(store, Longer(name="l"))
    pinned = snapshot(store)
    mine = [len(answered(Longer(name="l"), pinned, shard)) for shard in range(2)]
    assert sum(mine) == 3
    assert [answered(Longer(name="l", version=2), pinned, shard) for shard in range(2)] == [{}, {}]
