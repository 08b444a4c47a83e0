"""What is left of evidence whose errors are shared: worked by hand, and on planted witnesses with a common cause."""

import json
from dataclasses import replace

import numpy as np
import pytest

from prefcurate.transforms.consensus.acts import acts_of
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.options import POLICIES
from prefcurate.transforms.consensus.posterior import evidence, posterior, slopes_of, summed
from prefcurate.transforms.consensus.shared import SHARED, left_of
from prefcurate.transforms.consensus.votes import NO_LABEL, gold_truth
from tests.transforms.consensus.planted import Planted


def test_worked_by_hand():
    # Log-odds by people, by machines and by other pairs, and their sum: three lines, two that contradict each other, a strong one, other
    # pairs against both, nothing, one alone.
    people, machines = np.array([2.0, 2.0, 4.0, 1.0, 0.0, 1.4]), np.array([1.0, -1.0, 0.5, 1.0, 0.0, 0.0])
    rest = np.array([2.0, 0.0, 0.5, -3.0, 0.0, 0.0])
    odds = people + machines + rest
    # 2 of 5 is less than half; 2 of 3 that are said on both sides; 4 of 5; 1 of 5; nothing of nothing; all.
    expected = [0.5, 2 / 3, 0.8, 0.5, 0.5, 1.0]
    assert left_of(odds, [people, machines], rest, 0.5) == pytest.approx(np.array(expected))
    expected = [0.4, 2 / 3, 0.8, 0.2, 0.1, 1.0]
    assert left_of(odds, [people, machines], rest, 0.1) == pytest.approx(np.array(expected))
    assert left_of(odds, [people, machines], rest, 1.0).tolist() == [1.0] * 6, "as in a model of an earlier prefcurate"
    mirrored = left_of(-odds, [-people, -machines], -rest, 0.5)
    assert mirrored.tolist() == left_of(odds, [people, machines], rest, 0.5).tolist()


def told(planted: Planted, policy: str, **changes) -> tuple[np.ndarray, LabelModel]:
    """P(a) given that one is better."""
    votes = planted.votes()
    model = replace(fit_label_model(votes, POLICIES[policy]), **changes)
    acts = acts_of(votes, model.voices)
    chances = posterior(model, acts, votes.fold, gold_truth(votes) != NO_LABEL, votes.sides)
    return chances[:, 0] / (chances[:, 0] + chances[:, 1]), model


def claimed_and_found(planted: Planted, policy: str, **changes) -> tuple[float, float]:
    a, _ = told(planted, policy, **changes)
    rest = gold_truth(planted.votes()) == NO_LABEL
    right = np.where(a == 0.5, 0.5, np.sign(a - 0.5) == planted.truth)[rest]
    return float(np.maximum(a, 1 - a)[rest].mean()), float(right.mean())


def witnesses(gold: int = 0) -> Planted:
    """Five judges who read off one appearance, which is right three times of four, each misreading it one time of eight."""
    planted = Planted(1200, 2)
    appears = np.where(planted.rng.random(planted.pairs) < 0.75, planted.truth, -planted.truth)
    for judge in range(5):
        misread = planted.rng.random(planted.pairs) < 0.125
        for pair in range(planted.pairs):
            planted.add(pair, f"judge{judge}", -appears[pair] if misread[pair] else appears[pair], "llm_judge")
    planted.gold(gold)
    return planted


def test_judges_with_a_common_cause_are_believed_less_without_gold_and_rightly_with_it():
    summed_up, found = claimed_and_found(witnesses(), "votes", shared=1.0)
    claimed, _ = claimed_and_found(witnesses(), "votes")
    # What they agree on shows a reader who is right .875 of the time, and no vote shows that the appearance deceives.
    assert found == pytest.approx(0.75, abs=0.03)
    assert summed_up > found + 0.15
    assert found < claimed < found + 0.12
    with_gold, found = claimed_and_found(witnesses(gold=300), "votes")
    assert abs(with_gold - found) < min(0.06, claimed - found)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_a_second_witness_that_agrees_never_makes_the_first_less_credible(policy):
    """Labels, of which a head bears most out and contradicts some: nobody knows how good either is."""
    planted = Planted(300, 3)
    planted.longer = np.zeros(300)
    came = planted.voter("came", 0.8)
    agrees = planted.rng.random(150) < 0.75
    for pair in range(150):
        planted.add(pair, "head", came[pair] if agrees[pair] else -came[pair], "reward_model", given=False)
    a, _ = told(planted, policy)
    for_label = np.where(came > 0, a, 1 - a)
    assert for_label[150:] == pytest.approx(0.8, abs=0.002), "a label alone is believed as ever"
    assert for_label[:150][agrees].min() >= 0.8 - 0.002
    assert for_label[:150][~agrees].max() < 0.8


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_no_label_moves_and_no_more_is_claimed_than_by_the_sum(policy):
    planted = witnesses()
    planted.voter("ann", 0.8, share=0.5)
    before, _ = told(planted, policy, shared=1.0)
    after, _ = told(planted, policy)
    assert np.sign(before - 0.5).tolist() == np.sign(after - 0.5).tolist()
    assert (np.abs(after - 0.5) <= np.abs(before - 0.5) + 1e-9).all()


def test_what_is_left_is_between_half_and_all_and_multiplies_the_slope():
    planted = witnesses()
    planted.voter("ann", 0.8)
    votes = planted.votes()
    model = fit_label_model(votes, POLICIES["models"])
    acts, variant = acts_of(votes, model.voices), np.zeros(votes.pairs, int)
    given = evidence(model, acts, variant)
    total = summed(model, acts, given, variant, votes.sides)
    slope = slopes_of(model, acts, given, variant, votes.sides, total)
    assert model.agreed
    assert slope.min() >= SHARED * model.slopes[0] - 1e-12
    assert slope.max() <= model.slopes[0] + 1e-12
    a, _ = told(planted, "models")
    assert np.log(a / (1 - a)) == pytest.approx(slope * (total[:, 0] - total[:, 1]), abs=1e-5)


def test_a_model_of_an_earlier_prefcurate_decides_as_it_did():
    planted = witnesses()
    _, model = told(planted, "votes")
    document = json.loads(model.to_json())
    assert document.pop("shared") == SHARED
    old = LabelModel.from_json(json.dumps(document))
    votes = planted.votes()
    acts, variant = acts_of(votes, old.voices), np.zeros(votes.pairs, int)
    given = evidence(old, acts, variant)
    total = summed(old, acts, given, variant, votes.sides)
    assert slopes_of(old, acts, given, variant, votes.sides, total).tolist() == [old.slopes[0]] * votes.pairs
