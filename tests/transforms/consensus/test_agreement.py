"""Agreements: hand-worked orders and gates, and on a store that they decide about decisions and never vote."""

import math

import pytest
from pydantic import TypeAdapter

from prefcurate.transforms.consensus.agreement import (
    Opinion,
    Signal,
    changed_by_agreement,
    consistency,
    gate,
    signals_of,
)
from prefcurate.transforms.consensus.agreement_options import Agreement, SameResponse, SteadyRanking
from prefcurate.transforms.consensus.decide import Decision
from prefcurate.transforms.consensus.options import ConsensusOptions
from prefcurate.transforms.consensus.overrides import read_overrides
from tests.helpers import label, pair, run_stage
from tests.transforms.consensus.test_stage import assign_gold, good_one, make_store, rows, stage

SCIR = SameResponse(rule="same", name="scir", all=("judge", "density"))
SKYWORK = SameResponse(rule="same", name="skywork", all=("gold_head",), any=("head", "judge"), otherwise="drop")
CREAM = SteadyRanking(rule="ranking", name="cream", of=("before", "after"))
KEPT = Decision(0.9, 0.08, 0.02, "a", "keep", 0.91, 0.8, 0.82, "they prefer A")


def said(annotator, side, comparison="c", strength=None, prompt="p", responses=("x", "y")):
    return Opinion(
        comparison, prompt, *responses, annotator, float(side), float(side if strength is None else strength)
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 40], (1, 1, 1)),
        ([1, 2, 3, 4], [4, 3, 2, 1], (0, 0, 0)),
        # One neighbouring pair of six changed: tau 4/6; rho 1 - 6 * 2 / (4 * 15) = .8. In the middle the ends stay.
        ([1, 2, 3, 4], [1, 3, 2, 4], (5 / 6, 0.9, 1)),
        ([1, 2, 3, 4], [1, 2, 4, 3], (5 / 6, 0.9, 0)),
        ([1, 2, 3], [5, 5, 5], (0.5, 0.5, 0)),
    ],
)
def test_how_far_two_orders_agree(one, other, expected):
    assert consistency(one, other) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rule", "opinions", "label_", "missing"),
    [
        (SCIR, [said("judge", 2), said("density", 1)], "a", False),
        (SCIR, [said("judge", 2), said("density", -1)], None, False),
        (SCIR, [said("judge", -1), said("density", -1)], "b", False),
        (SCIR, [said("judge", 0), said("density", 1)], None, False),  # one order A, the other B: it names nobody
        (SCIR, [said("judge", 1)], "a", True),
        (SKYWORK, [said("gold_head", 1), said("head", -1), said("judge", 1)], "a", False),
        (SKYWORK, [said("gold_head", 1), said("head", -1), said("judge", -1)], None, False),
        (SKYWORK, [said("gold_head", 1), said("judge", 1)], "a", False),  # one of any is enough
        (SKYWORK, [said("gold_head", 1)], "a", True),
        (SKYWORK, [said("head", 1), said("judge", 1)], "a", True),
    ],
)
def test_who_agrees_on_what(rule, opinions, label_, missing):
    assert signals_of(rule, opinions) == {"c": Signal(rule.name, label_, missing)}


def test_a_pattern_is_one_signal_the_net_of_all_that_it_matches():
    rule = SameResponse(rule="same", name="people", all=("person:x/*", "head"))
    crowd = [said(f"person:x/{i}", side) for i, side in enumerate((1, 1, -1))]
    assert signals_of(rule, [*crowd, said("head", 1)])["c"].label == "a"
    assert signals_of(rule, [*crowd, said("person:y/9", -5), said("head", 1)])["c"].label == "a"


def test_each_that_a_pattern_matches_counts_once_however_often_it_was_asked():
    rule = SameResponse(rule="same", name="judges", all=("llm_judge:*", "head"))
    judges = [said("llm_judge:often", -8), said("llm_judge:two", 2), said("llm_judge:one", 1)]
    assert signals_of(rule, [*judges, said("head", 1)])["c"].label == "a"
    assert signals_of(rule, [*judges[:2], said("head", 1)])["c"] == Signal("judges", None, False), "one against one"
    ranking = SteadyRanking(rule="ranking", name="r", of=("llm_judge:*", "head"))
    many = [said(f"llm_judge:{i}", 1, "pxy", 1.0, responses=("x", "y")) for i in range(5)]
    few = [said("llm_judge:0", 1, "pxz", 2.0, responses=("x", "z"))]
    head = [said("head", 1, "pxy", 1.0, responses=("x", "y")), said("head", 1, "pxz", 2.0, responses=("x", "z"))]
    assert signals_of(ranking, [*many, *few, *head])["pxy"].kendall == 1, "five who say it do not say it more strongly"


def test_a_name_is_that_name_whatever_a_pattern_would_make_of_it():
    rule = SameResponse(rule="same", name="odd", all=("llm_judge:x/gpt[4]", "head"))
    opinions = [said("llm_judge:x/gpt[4]", 1), said("llm_judge:x/gpt4", 1), said("head", 1)]
    assert signals_of(rule, opinions)["c"] == Signal("odd", "a", False)


def ranked(annotator, scores, prompt="p"):
    """Every pair of a prompt's responses, by the differences of a labeller's scores."""
    names = sorted(scores)
    return [
        said(
            annotator, math.copysign(1, scores[a] - scores[b]), f"{prompt}{a}{b}", scores[a] - scores[b], prompt, (a, b)
        )
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]


def test_orders_of_a_prompt_are_made_of_its_pairs():
    before = ranked("before", {"w": 4, "x": 3, "y": 2, "z": 1}) + ranked("before", {"w": 1, "x": 0}, "q")
    after = ranked("after", {"w": 4, "x": 2, "y": 3, "z": 1}) + ranked("after", {"w": 2, "x": 1}, "q")
    found = signals_of(CREAM, [*before, *after])
    assert len(found) == 7
    one = found["pxy"]
    assert (one.label, one.kendall, one.spearman, one.top_bottom) == ("b", pytest.approx(5 / 6), pytest.approx(0.9), 1)
    assert found["qwx"] == Signal("cream", "a", False, 1, 1, 1)


def test_of_three_labellers_neighbours_are_compared():
    rule = SteadyRanking(rule="ranking", name="three", of=("before", "between", "after"))
    orders = {"before": (1, 2, 3), "between": (3, 2, 1), "after": (3, 2, 1)}
    opinions = [o for who, s in orders.items() for o in ranked(who, dict(zip("xyz", s, strict=True)))]
    assert signals_of(rule, opinions)["pxy"].kendall == 0.5, "0 from the first step, 1 from the second"


def test_pairs_that_one_of_two_has_not_scored_are_not_ranked():
    opinions = [*ranked("before", {"x": 1, "y": 2, "z": 3}), said("after", 1, "pxy", 2.0)]
    assert sorted(signals_of(CREAM, opinions)) == ["pxy"]


def test_a_label_that_signals_agree_on_stands_untouched():
    assert gate(KEPT, [(SCIR, Signal("scir", "a", False))], 0.75) == KEPT


def test_a_label_that_they_do_not_agree_on_weighs_half_or_goes():
    soft = gate(KEPT, [(SCIR, Signal("scir", "b", False))], 0.75)
    assert (soft.decision, soft.label, soft.weight, soft.p_a) == ("soften", "a", 0.41, 0.9)
    assert soft.reason == "they prefer A; agreement scir: judge and density do not agree on A, so it weighs half"
    gone = gate(KEPT, [(SKYWORK, Signal("skywork", None, False))], 0.75)
    assert (gone.decision, gone.label, gone.weight) == ("drop", None, None)
    assert gone.reason.endswith("gold_head with one of head, judge do not agree on A")


@pytest.mark.parametrize("signal", [None, Signal("scir", "a", True)])
def test_what_nobody_was_asked_stands_unless_told_otherwise(signal):
    assert gate(KEPT, [(SCIR, signal)], 0.75) == KEPT
    strict = SCIR.model_copy(update={"missing": "fails", "otherwise": "drop"})
    assert gate(KEPT, [(strict, signal)], 0.75).decision == "drop"


def test_orders_that_differ_soften_probabilities():
    """c = 3/4: .75 * .9 + .25 * .08 = .695; the tie keeps its share; CREAM's (1 - c) * the opposite."""
    soft = gate(KEPT, [(CREAM, Signal("cream", "a", False, 0.75, 0.8, 0.0))], 0.6)
    assert (soft.p_a, soft.p_b, soft.p_tie) == pytest.approx((0.695, 0.285, 0.02))
    assert (soft.decision, soft.expected_accuracy) == ("soften", pytest.approx(0.705))
    assert soft.weight == pytest.approx(2 * 0.705 - 1), "as sure as it is now, where it was .91"
    assert "order this prompt's responses 75% alike (kendall), so it goes out with 70%" in soft.reason


def test_a_soft_label_may_be_less_than_min_accuracy_unless_such_are_to_go():
    signal = Signal("cream", "a", False, 0.75, 0.8, 0.0)
    assert gate(KEPT, [(CREAM, signal)], 0.75).decision == "soften"
    dropping = CREAM.model_copy(update={"otherwise": "drop"})
    assert gate(KEPT, [(dropping, signal)], 0.75).decision == "drop"
    assert gate(KEPT, [(dropping, signal)], 0.7).decision == "soften"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_orders_that_agree_no_more_than_by_chance_leave_no_label_and_never_the_opposite(share):
    gone = gate(KEPT, [(CREAM, Signal("cream", "b", False, share, share, 0.0))], 0.5)
    assert (gone.decision, gone.label) == ("drop", None)


def test_the_measure_is_chosen():
    signal = Signal("cream", "a", False, 0.75, 0.9, 1.0)
    spearman, ends = (CREAM.model_copy(update={"measure": m}) for m in ("spearman", "top_bottom"))
    assert gate(KEPT, [(spearman, signal)], 0.75).p_a == pytest.approx(0.9 * 0.9 + 0.1 * 0.08)
    assert gate(KEPT, [(ends, signal)], 0.75) == KEPT


def test_a_reason_tells_whether_an_agreement_changed_the_decision():
    signals = [(SCIR, Signal("scir", "b", False)), (CREAM, Signal("cream", "a", False, 0.75, 0.8, 0.0))]
    assert all(changed_by_agreement(gate(KEPT, [one], 0.75).reason) for one in signals)
    assert not changed_by_agreement(KEPT.reason)
    assert not changed_by_agreement(None)


def test_what_is_not_published_stays_so():
    dropped = Decision(0.5, 0.5, 0.0, None, "drop", 0.5, None, None, "both alike")
    assert (
        gate(dropped, [(SCIR, Signal("scir", None, False)), (CREAM, Signal("cream", "a", False, 0, 0, 0))], 0.75)
        == dropped
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rule": "same", "name": "x", "all": ["head", "head"]}, "name two annotators"),
        ({"rule": "same", "name": "x", "any": ["a", "b"]}, "Field required"),
        ({"rule": "ranking", "name": "x", "of": ["head"]}, "two labellers"),
    ],
)
def test_an_agreement_with_oneself_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        TypeAdapter(Agreement).validate_python(wrong)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Forty pairs with a worker's label, mostly right, and two judges: both right, one of them wrong, or one silent."""
    came = []
    for i in range(40):
        judges = [label("first", "one", "llm_judge"), label("first" if i % 4 else "second", "two", "llm_judge")]
        texts = (f"prompt {i}", f"good answer {i}", f"bad answer {i}")
        came.append(
            pair(*texts, label("second" if i % 10 == 3 else "first", "worker"), *(judges[:1] if i % 4 == 1 else judges))
        )
    store = make_store(tmp_path_factory.mktemp("judged"), {"votes": came})
    assign_gold(store, lambda prompt: "fit")
    return store


def decided(store, *rules, overrides=None):
    run_stage(stage(store, ConsensusOptions(policy="votes", agreement=rules, min_accuracy=0.5), overrides=overrides))
    return rows(store, "consensus")


BOTH = SameResponse(rule="same", name="both", all=("llm_judge:votes/one", "llm_judge:votes/two"), otherwise="drop")


def test_where_none_of_them_has_said_anything_the_label_fails_too_if_that_is_asked_for(judged):
    nobody = SameResponse(
        rule="same", name="nobody", all=("llm_judge:votes/three", "llm_judge:votes/four"), otherwise="drop"
    )
    assert {row["decision"] for row in decided(judged, nobody).values()} >= {"keep"}
    made = decided(judged, nobody.model_copy(update={"missing": "fails"}))
    assert {row["decision"] for row in made.values()} == {"drop"}
    assert all("not all who must agree have said something" in row["reason"] for row in made.values())


def test_on_a_store_it_decides_and_does_not_vote(judged, tmp_path):
    prompts = {
        row["comparison_id"]: int(row["prompt_text"].split()[1])
        for row in judged.dataset("comparisons").to_table(columns=["comparison_id", "prompt_text"]).to_pylist()
    }
    free, asked = decided(judged), decided(judged, BOTH)
    truth = good_one(judged)
    assert {row["label"] for row in free.values()} == {"a", "b"}, "each is published while nobody must agree"
    assert all(row["signals"] == [] for row in free.values())
    for c, row in asked.items():
        same = {key: row[key] == free[c][key] for key in ("p_a", "p_b", "p_tie", "evidence", "label_in")}
        assert all(same.values()), "an agreement is no opinion"
        (signal,) = row["signals"]
        divided, silent = prompts[c] % 4 == 0, prompts[c] % 4 == 1
        assert (signal["name"], signal["missing"]) == ("both", silent)
        assert signal["label"] == (None if divided else truth[c])
        assert row["decision"] == ("drop" if divided else free[c]["decision"])
    dropped = next(c for c in asked if prompts[c] % 4 == 0)
    told = tmp_path / "overrides.csv"
    told.write_text(f"comparison_id,label,who,why\n{dropped},{truth[dropped]},Ada,read both\n")
    assert read_overrides(str(told))
    row = decided(judged, BOTH, overrides=str(told))[dropped]
    assert (row["decision"], row["label"]) == ("keep", truth[dropped]), "a person's word needs nobody's agreement"
