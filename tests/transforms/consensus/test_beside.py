"""What policies count besides people's votes: strengths of responses, weights of machines, lengths."""

import itertools

import numpy as np
import pytest

from prefcurate.transforms.consensus.acts import acts_of
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.options import POLICIES
from prefcurate.transforms.consensus.posterior import posterior
from prefcurate.transforms.consensus.strengths import leaning
from prefcurate.transforms.consensus.votes import NO_LABEL, Sides, gold_truth
from prefcurate.transforms.consensus.words import said_elsewhere
from tests.transforms.consensus.planted import Planted


def chances(votes, policy):
    model = fit_label_model(votes, POLICIES[policy])
    return posterior(model, acts_of(votes, model.voices), votes.fold, gold_truth(votes) != NO_LABEL, votes.sides), model


def right(planted, policy):
    votes = planted.votes()
    told, _ = chances(votes, policy)
    judged = np.unique([row["pair"] for row in planted.rows])
    return float(np.mean(np.sign(told[:, 0] - told[:, 1]) == planted.truth[judged]))


def tournaments(prompts=60, responses=6, seed=0, by_strength=True):
    """Every two responses of a prompt compared; the truth follows their strengths, or a coin."""
    ends = list(itertools.combinations(range(responses), 2))
    planted = Planted(prompts * len(ends), seed)
    strength = np.random.default_rng(seed).normal(size=(prompts, responses))
    planted.sides = np.array([(p * responses + a, p * responses + b) for p in range(prompts) for a, b in ends])
    if by_strength:
        flat = strength.ravel()
        planted.truth = np.sign(flat[planted.sides[:, 0]] - flat[planted.sides[:, 1]]).astype(int)
    return planted


def test_a_pair_leans_by_what_is_said_of_its_responses_in_other_pairs():
    # x beats y by 1, y beats z by 2, nothing is said of x and z.
    sides = Sides.plain(np.array([7, 8, 7]), np.array([8, 9, 9]), np.zeros(3))
    lean = leaning(np.array([1.0, 2.0, 0.0]), sides)
    # x and y: nothing else is said of x; y has won its other pair by 2, and starts with one pair of no difference: 2 / 2.
    # y and z: y has lost its other pair by 1. x and z: x has won by 1, z has lost by 2.
    assert lean.tolist() == [-1.0, -0.5, 1.5]


def test_two_poor_voters_know_more_where_responses_are_compared_often():
    planted = tournaments(prompts=20, responses=10)
    for number in range(4):
        planted.voter(f"w{number}", 0.7, share=0.5)
    assert right(planted, "learned") > right(planted, "votes") + 0.01


def test_nothing_is_taken_from_other_pairs_where_they_say_nothing():
    planted = tournaments(by_strength=False)
    for number in range(4):
        planted.voter(f"w{number}", 0.7, share=0.5)
    model = fit_label_model(planted.votes(), POLICIES["learned"])
    assert max(model.beside.worth) < 0.2
    assert abs(right(planted, "learned") - right(planted, "votes")) < 0.02


def test_one_annotator_that_agrees_with_itself_proves_nothing():
    planted = tournaments()
    planted.voter("w", 1.0)
    assert fit_label_model(planted.votes(), POLICIES["learned"]).beside.worth[0] == 0


def test_people_alone_on_one_pair_a_prompt_are_decided_as_by_default():
    planted = Planted(600)
    for number in range(4):
        planted.voter(f"w{number}", 0.7 + number / 20, share=0.6)
    planted.gold(150)
    votes = planted.votes()
    assert chances(votes, "learned")[0].tolist() == chances(votes, "votes")[0].tolist()


def judged(pairs=1200, seed=0):
    """Five judges that share their errors, one with errors of its own, and labels of which a fifth is wrong."""
    planted = Planted(pairs, seed)
    shared = np.where(planted.rng.random(pairs) < 0.72, planted.truth, -planted.truth)
    for judge in range(5):
        odd = planted.rng.random(pairs) < 0.1
        for pair in range(pairs):
            planted.add(
                pair, f"judge{judge}", -shared[pair] if odd[pair] else shared[pair], kind="llm_judge", given=False
            )
    planted.voter("own", 0.72, kind="llm_judge", given=False)
    planted.voter("came", 0.8)
    return planted


def test_judges_that_share_their_errors_are_worth_less_than_their_agreement_says():
    planted = judged()
    model = fit_label_model(planted.votes(), POLICIES["learned"])
    weight = dict(zip(model.voices.names, model.beside.weights[0].tolist(), strict=True))
    assert weight["own"] > 3 * max(weight[f"judge{i}"] for i in range(5))
    assert weight["came"] == 1
    assert right(planted, "learned") > right(planted, "votes") + 0.01


def test_length_counts_only_under_a_policy_that_says_so():
    planted = judged(seed=1)
    planted.longer = np.where(planted.rng.random(planted.pairs) < 0.8, planted.truth, -planted.truth)
    for row in planted.rows:
        row["length"] = 0.3 * float(planted.longer[row["pair"]])
    assert right(planted, "learned-length") > right(planted, "learned") + 0.02
    assert set(fit_label_model(planted.votes(), POLICIES["learned"]).beside.length) == {0.0}


@pytest.mark.parametrize("policy", ["learned", "learned-length"])
def test_exchanging_a_and_b_changes_no_bit(policy):
    planted = tournaments(prompts=12)
    planted.voter("judge", 0.7, kind="llm_judge")
    planted.voter("other", 0.75, kind="llm_judge")
    planted.voter("worker", 0.8)
    planted.gold(40)
    votes = planted.votes()
    one, model = chances(votes, policy)
    other, turned = chances(votes.mirrored(), policy)
    assert one.tolist() == other[:, [1, 0, 2]].tolist()
    assert [w.tolist() for w in model.beside.weights] == [w.tolist() for w in turned.beside.weights]


def test_an_exact_copy_of_a_judge_moves_nothing():
    planted = judged(400)
    before, _ = chances(planted.votes(), "learned")
    planted.rows += [row | {"annotator": "copy", "family": "copy"} for row in planted.rows if row["annotator"] == "own"]
    after, _ = chances(planted.votes(), "learned")
    assert np.abs(before - after).max() <= 0.01


def test_a_model_is_read_as_it_was_written():
    planted = judged(300)
    for policy in POLICIES:
        text = fit_label_model(planted.votes(), POLICIES[policy]).to_json()
        assert LabelModel.from_json(text).to_json() == text
        assert ('"beside"' in text) == (policy != "votes")


def test_what_other_pairs_say_is_told_where_it_counts():
    assert said_elsewhere(0.05) == ""
    assert said_elsewhere(-np.log(2.0)) == "other pairs of these responses favour B (2.0 to 1)"
