"""People measured by what other people say, of the same responses in other pairs too."""

import numpy as np

from prefcurate.transforms.consensus.acts import acts_of, find_voices
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.options import POLICIES
from prefcurate.transforms.consensus.reliability import counts_against
from tests.transforms.consensus.planted import Planted
from tests.transforms.consensus.test_beside import right, tournaments


def believed(planted, policy):
    model = fit_label_model(planted.votes(), POLICIES[policy])
    return dict(zip(model.voices.names, model.reliability[0].accuracy[:, 3].tolist(), strict=True))


def crowd(seed=0, workers=12):
    """Two of many workers vote on each pair; every third is hardly better than a coin."""
    planted = tournaments(prompts=8, responses=9, seed=seed)
    accuracy = [0.55 if worker % 3 == 0 else 0.85 for worker in range(workers)]
    for pair in range(planted.pairs):
        for worker in planted.rng.choice(workers, 2, replace=False):
            said = planted.truth[pair] if planted.rng.random() < accuracy[worker] else -planted.truth[pair]
            planted.add(pair, f"w{worker:02}", said)
    return planted, np.array(accuracy)


def error(told, accuracy):
    return float(np.mean(np.abs(np.array([told[f"w{i:02}"] for i in range(len(accuracy))]) - accuracy)))


def test_poor_workers_are_told_from_good_ones_by_other_pairs():
    planted, accuracy = crowd()
    assert error(believed(planted, "borne-out"), accuracy) < error(believed(planted, "learned"), accuracy)
    assert right(planted, "borne-out") >= right(planted, "learned") - 0.01


def test_with_one_vote_a_pair_nobody_is_measured():
    planted = tournaments(prompts=12, responses=8)
    for pair in range(planted.pairs):
        planted.add(pair, f"w{pair % 5}", planted.truth[pair] if planted.rng.random() < 0.8 else -planted.truth[pair])
    assert believed(planted, "borne-out") == believed(planted, "learned")


def test_one_label_beside_judges_is_measured_as_before():
    planted = Planted(400)
    for judge in range(3):
        planted.voter(f"judge{judge}", 0.75, kind="llm_judge")
    planted.voter("came", 0.8)
    assert believed(planted, "borne-out") == believed(planted, "learned")


def test_counts_by_hand():
    # Others are sure of a (odds 3 to 1: a lean of a half), the vote says a: half squared is decided, and (1/4 + 1/2) / 2 right.
    planted = Planted(1)
    planted.add(0, "w", 1)
    votes = planted.votes()
    acts = acts_of(votes, find_voices(votes))
    told = counts_against(acts, np.log([[0.75, 1e-300, 0.25]]), 1)
    assert np.allclose(told.decided.sum(), 0.25)
    assert np.allclose(told.right.sum(), 0.25)  # (0.25 + 0.5) / 2 is 0.375, but never more than what is decided
