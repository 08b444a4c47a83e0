"""Runs and halves of answers whose making is known."""

import numpy as np
import pytest

from prefcurate.transforms.report.quality.measured import measure
from tests.transforms.report.quality.crowds import honest, opinion, opinions


def answered(say, workers=25, votes=200, seed=0):
    """Workers who all answer the same pairs in the same order: `say` makes a label of the pair's number and chance."""
    rng = np.random.default_rng(seed)
    return [
        opinion(f"w{who:02}", {"item": i, "prompt": i, "first": 1}, say(i, rng), i)
        for who in range(workers)
        for i in range(votes)
    ]


@pytest.mark.parametrize(
    "say",
    [
        lambda i, rng: honest({"truth": 1 if (i // 40) % 2 else -1}, i, rng),  # like pairs lie together
        lambda i, rng: 0 if rng.random() < 0.8 else int(rng.choice([1, -1])),  # mostly ties
        lambda i, rng: 1 if rng.random() < 0.9 else -1,  # mostly the first
        lambda i, rng: int(rng.choice([1, -1])),
    ],
)
def test_independent_answers_are_no_streaks(say):
    """Under what a test calls chance its z has a standard deviation of one at most, and a mean of hardly more than none."""
    streak = measure(opinions(answered(say))).streak
    z = streak.excess / streak.error
    assert np.std(z) < 1.2
    assert abs(np.mean(z)) < 0.6


def test_streaks_by_hand():
    said = [1, 1, 1, -1, -1, 1, 0, 0]
    streak = measure(opinions(answered(lambda i, _: said[i], workers=1, votes=8))).streak
    assert (streak.steps[0], streak.repeats[0], streak.longest[0]) == (7, 4, 3)


def test_halves_that_can_tell_nothing_have_no_figure():
    """Eight answers to pairs that nobody else has labelled, but for one: a slope on one pair would be anything."""
    rows = answered(lambda i, rng: honest({"truth": 1}, i, rng), workers=6)
    rows += [opinion("new", {"item": i, "prompt": i, "first": 1}, 1, i) for i in range(199, 207)]
    drifted = measure(opinions(rows)).drifted
    assert np.isfinite(drifted.error).tolist() == [False, True, True, True, True, True, True]
    assert drifted.early[1:] == pytest.approx(drifted.late[1:], abs=0.25)
