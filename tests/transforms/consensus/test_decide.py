"""Decisions case by case, in the words that people read."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.transforms.consensus.acts import BOTH, DIVIDED, PLAIN
from prefcurate.transforms.consensus.bounds import interval
from prefcurate.transforms.consensus.calibrate import EDGES, Strata, fit_slopes, strata_of
from prefcurate.transforms.consensus.decide import Beliefs, Override, Rules, decide, override
from prefcurate.transforms.consensus.options import POLICIES, ConsensusOptions
from prefcurate.transforms.consensus.words import Said, who_said_what

POLICY = POLICIES["votes"]
PROVEN = Strata(((0.0, 0, 0), (0.6, 5, 3), (0.7, 5, 4), (0.8, 10, 7), (0.9, 40, 35), (0.95, 0, 0)))


def beliefs(p_a=0.9, p_b=0.09, label_in="a", **more) -> Beliefs:
    told = {"p_low": 0.8, "opinions": 3, "gold": None, "said": "3 of 3 people prefer A"} | more
    return Beliefs(p_a, p_b, 1 - p_a - p_b, label_in=label_in, **told)


def rules(flip: Strata | None = None, can_ask=False, min_accuracy=0.75) -> Rules:
    return Rules(POLICY, min_accuracy, {} if flip is None else {"flip": flip}, can_ask)


def test_keep_where_the_consensus_agrees():
    made = decide(beliefs(), rules())
    assert (made.decision, made.label) == ("keep", "a")
    assert made.expected_accuracy == pytest.approx(0.905)
    assert made.expected_accuracy_low == pytest.approx(0.8)
    assert made.weight == pytest.approx(0.81)
    assert "3 of 3 people prefer A; the label that came says A" in made.reason


def test_assign_where_no_label_came():
    made = decide(beliefs(label_in=None), rules())
    assert (made.decision, made.label) == ("assign", "a")
    assert "no label came with it" in made.reason


def test_flip_on_evidence_from_gold_and_its_reason():
    made = decide(beliefs(0.08, 0.91, said="3 of 3 people and gpt4 (both orders) prefer B"), rules(PROVEN))
    assert (made.decision, made.label) == ("flip", "b")
    low = interval(35, 40)[0]
    assert made.expected_accuracy_low == pytest.approx(low)
    assert made.reason == (
        "3 of 3 people and gpt4 (both orders) prefer B; the label that came says A; "
        f"flips like this are right 87% (lower bound {low:.0%}, 40 gold pairs)"
    )
    assert made.expected_accuracy == pytest.approx(35.5 / 41)


def test_where_gold_turns_a_flip_round_the_bound_and_the_reason_are_of_the_label_that_came():
    made = decide(beliefs(0.08, 0.91), rules(Strata(((0.9, 100, 5),))))
    assert (made.decision, made.label) == ("keep", "a")
    low = interval(95, 100)[0]
    assert made.expected_accuracy == pytest.approx(95.5 / 101)
    assert made.expected_accuracy_low == pytest.approx(low)
    assert f"A stands; labels like this are right 95% (lower bound {low:.0%}, 100 gold pairs)" in made.reason


def test_with_too_little_gold_it_softens_and_says_so():
    made = decide(beliefs(0.08, 0.91), rules(Strata(((0.9, 19, 19),))))
    assert (made.decision, made.label) == ("soften", "b")
    assert "no evidence from gold for a flip (fewer than 20 gold pairs like this one)" in made.reason
    assert made.weight < decide(beliefs(0.91, 0.08), rules()).weight


def test_where_gold_shows_that_flips_are_wrong_the_label_stands():
    made = decide(beliefs(0.08, 0.91), rules(Strata(((0.9, 60, 9),))))
    assert (made.decision, made.label) == ("keep", "a")
    assert made.expected_accuracy > 0.8
    assert "lower bound" in made.reason


def test_where_gold_shows_that_flips_are_a_coin_nothing_is_published():
    made = decide(beliefs(0.08, 0.91), rules(Strata(((0.9, 60, 30),))))
    assert (made.decision, made.label, made.weight) == ("drop", None, None)


def test_gold_on_the_pair_itself_is_evidence_enough():
    assert decide(beliefs(0.05, 0.94, gold="b"), rules()).decision == "flip"


@pytest.mark.parametrize(("can_ask", "decision"), [(False, "drop"), (True, "hold")])
def test_gold_on_the_pair_itself_is_not_overruled_by_those_whom_it_measures(can_ask, decision):
    made = decide(beliefs(0.05, 0.94, gold="a"), rules(PROVEN, can_ask))
    assert (made.decision, made.label, made.weight) == (decision, None, None)
    assert "gold on this pair says A, all opinions together B: a person should look at it again" in made.reason


@pytest.mark.parametrize(
    ("can_ask", "p_a", "decision"), [(False, 0.6, "drop"), (True, 0.6, "hold"), (True, 0.45, "hold")]
)
def test_below_min_accuracy_nothing_is_published(can_ask, p_a, decision):
    made = decide(beliefs(p_a, 0.99 - p_a), rules(can_ask=can_ask))
    assert (made.decision, made.label, made.weight) == (decision, None, None)
    assert "less than min_accuracy 75%" in made.reason


def test_ties_and_draws_and_silence():
    tie = decide(beliefs(0.2, 0.2), rules())
    assert (tie.decision, tie.label) == ("drop", "tie")
    assert "tie: neither response is better" in tie.reason
    assert decide(beliefs(0.495, 0.495), rules()).label is None
    silent = decide(beliefs(0.495, 0.495, opinions=0, said="", label_in=None), rules())
    assert (silent.decision, silent.reason) == ("drop", "nobody has given an opinion")


def test_a_tie_that_came_is_softened_where_a_response_is_clearly_better():
    made = decide(beliefs(label_in="tie"), rules())
    assert (made.decision, made.label) == ("soften", "a")
    assert "the label that came says tie" in made.reason


@pytest.mark.parametrize(
    ("word", "label_in", "decision"),
    [("a", "a", "keep"), ("b", "a", "flip"), ("b", None, "assign"), (None, "a", "drop")],
)
def test_an_override_stands_above_everything_and_is_shown_as_such(word, label_in, decision):
    made = override(beliefs(label_in=label_in), Override(word, "Ann", "read it"))
    assert (made.decision, made.label) == (decision, word)
    assert made.reason == "override by Ann: read it"
    assert made.p_a == 0.9


_SHARE = st.floats(0, 1)


@given(
    _SHARE,
    _SHARE,
    st.sampled_from(["a", "b", "tie", None]),
    st.sampled_from(["a", "b", "tie", None]),
    st.booleans(),
    st.integers(0, 80),
    _SHARE,
)
def test_what_is_published_is_the_most_probable_and_probable_enough(x, y, came, gold, ask, n, rate):
    p_a, p_b = x * y, x * (1 - y)
    flips = Strata(((0.0, n, int(n * rate)),))
    made = decide(beliefs(p_a, p_b, came, gold=gold), rules(flips, ask))
    assert made.p_a + made.p_b + made.p_tie == pytest.approx(1, abs=1e-6)
    if made.weight is None:
        assert made.decision in ("drop", "hold")
        return
    assert gold in (None, "tie", made.label)
    assert made.expected_accuracy >= 0.75 and 0 < made.weight <= 1
    assert made.expected_accuracy_low <= made.expected_accuracy
    assert max(made.p_a, made.p_b) == (made.p_a if made.label == "a" else made.p_b)
    assert (made.decision == "keep") == (made.label == came)
    if made.decision == "flip":
        assert made.label == gold or interval(int(n * rate), n)[0] >= 0.5


@given(_SHARE, _SHARE, st.sampled_from(["a", "b", None]), st.integers(0, 80), _SHARE)
def test_decisions_do_not_know_which_response_is_a(x, y, came, n, rate):
    flips = Strata(((0.0, n, int(n * rate)),))
    p_a, p_b = x * y, x * (1 - y)
    if p_a == p_b:
        return
    told = beliefs(p_a, p_b, came)
    turned = dataclasses.replace(told, p_a=p_b, p_b=p_a, label_in={"a": "b", "b": "a", None: None}[came])
    made, mirrored = decide(told, rules(flips)), decide(turned, rules(flips))
    assert {"a": "b", "b": "a"}.get(made.label, made.label) == mirrored.label
    assert (made.decision, made.weight, made.p_a) == (mirrored.decision, mirrored.weight, mirrored.p_b)


def test_strata_with_too_few_pairs_are_joined_by_less_certain_ones_only():
    strata = Strata(((0.0, 10, 4), (0.7, 10, 8), (0.9, 5, 5)))
    assert strata.like(0.95, 5).n == 5
    assert strata.like(0.95, 10).n == 15
    assert strata.like(0.75, 20).n == 20
    assert strata.like(0.75, 21) is None
    counted = strata_of([0.55, 0.95, 0.99, 0.61], [1, 1, 0, 1])
    assert counted.rows == ((0.0, 1, 1), (0.6, 1, 1), (0.7, 0, 0), (0.8, 0, 0), (0.9, 0, 0), (0.95, 2, 1))
    assert len(EDGES) == 6


def test_gold_says_what_the_evidence_is_worth_as_far_as_its_folds_agree():
    import numpy as np

    rng = np.random.default_rng(0)
    truth = np.where(rng.random(4000) < 0.5, 1, -1)
    fold = np.arange(4000) % 5

    def slopes(right, believed, folds=5):
        says = np.where(rng.random(4000) < right, truth, -truth)
        bold = np.stack([3.0 * (says == 1), 3.0 * (says == -1), np.full(4000, -2.0)], axis=1)
        chosen = fold < folds
        return fit_slopes(bold[chosen], truth[chosen], fold[chosen], 0.01, believed)

    worth = np.log(0.7 / 0.3) / 3.0
    for believed in (0.5, 1.0):
        assert slopes(0.7, believed) == pytest.approx([worth] * 6, abs=0.06)
    # Folds that tell different stories, or one that stands alone, leave more of what was believed.
    torn = slopes(np.where(fold % 2, 0.55, 0.85), 1.0)[0]
    assert worth + 0.05 < torn < 1.0
    assert slopes(0.7, 0.8, folds=2)[0] == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"), [(0, 10, 0.0, 0.2589), (10, 10, 0.7411, 1.0), (8, 10, 0.4931, 0.9632)]
)
def test_interval_of_clopper_and_pearson(right, n, low, high):
    assert interval(right, n) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))
    assert interval(0, 0) == (0.0, 1.0)


def said(name="p", vote=1, kind="person", cell=PLAIN, gold=False, heard=True) -> Said:
    return Said(name, kind, vote, cell, gold, heard)


@pytest.mark.parametrize(
    ("acts", "words"),
    [
        ([said(vote=-1)] * 3 + [said("gpt4", -1, "llm_judge", BOTH)], "3 of 3 people and gpt4 (both orders) prefer B"),
        ([said(vote=-1)], "1 of 1 person prefers B"),
        ([said(vote=-1), said(vote=1)], "1 of 2 people prefers B; 1 of 2 people prefers A"),
        (
            [said("m", -1, "llm_judge", DIVIDED), said("n", 0, "llm_judge")],
            "m (divided) prefers B; n finds neither better",
        ),
        ([said(vote=-1, gold=True)], "1 of 1 person (1 gold) prefers B"),
        ([said("coin", 1, "llm_judge", heard=False)], "not counted, no better than chance on gold: coin"),
        (
            [said("coin", 1, "llm_judge", heard=False), said("ann@example.org", 1, heard=False)],
            "not counted, no better than chance on gold: 1 person and coin",
        ),
        ([said(f"j{i}", -1, "llm_judge") for i in range(6)], "j0, j1, j2 and 3 more prefer B"),
    ],
)
def test_who_said_what(acts, words):
    assert who_said_what(acts, -1) == words


def test_an_unknown_policy_is_refused_by_name():
    with pytest.raises(ValueError, match="there is no policy 'bold'; known policies: .*default"):
        ConsensusOptions(policy="bold")
