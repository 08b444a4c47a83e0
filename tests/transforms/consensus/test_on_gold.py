"""Figures on gold by hand: shares, gains, and differences that are paired."""

import numpy as np
import pytest

from prefcurate.transforms.consensus.on_gold import FEWEST, on_gold, scores_of
from prefcurate.transforms.consensus.votes import NO_LABEL

TRUTH = np.array([1, 1, -1, -1, 0, 1])
FIRST = scores_of(TRUTH, np.array([1, -1, -1, NO_LABEL, 1, NO_LABEL]))
OTHER = scores_of(TRUTH, np.array([1, 1, NO_LABEL, -1, 1, NO_LABEL]))
ALONE = np.arange(6)


def test_scores_are_right_wrong_half_or_absent():
    assert FIRST[:3].tolist() == [1.0, 0.0, 1.0] and np.isnan(FIRST[3]) and FIRST[4] == 0.5


def test_shares_gains_and_paired_differences():
    first, other = (on_gold(score, FIRST, ALONE, 0.5, 7) for score in (FIRST, OTHER))
    assert (first.published, first.right.value, first.both, first.difference) == (4, 0.625, 0, None)
    assert first.gain.value == pytest.approx(100 * (4 * 0.625 - 4 * 0.5) / 6)
    assert (other.published, other.right.value) == (4, 0.875)
    # Both publish pairs 0, 1 and 4: 1, 0, .5 against 1, 1, .5.
    assert (other.both, other.right_both, other.first_both) == (3, pytest.approx(2.5 / 3), 0.5)
    assert other.difference.value == pytest.approx(1 / 3)
    assert other.gain_difference.value == pytest.approx(other.gain.value - first.gain.value)
    assert other.difference.low is None


def test_intervals_are_of_clusters_and_the_same_again():
    rng = np.random.default_rng(0)
    right = (rng.random(400) < 0.8).astype(float)
    one, whole = np.arange(400), np.repeat(np.arange(4 * FEWEST), 10)
    narrow = on_gold(right, np.zeros(400), one, 0.75, 7)
    assert narrow.right.low < right.mean() < narrow.right.high and narrow.right.high - narrow.right.low < 0.1
    alike = np.repeat((rng.random(4 * FEWEST) < 0.8).astype(float), 10)
    wide = on_gold(alike, np.zeros(400), whole, 0.75, 7)
    assert wide.right.high - wide.right.low > 2 * (narrow.right.high - narrow.right.low)
    assert on_gold(alike, np.zeros(400), whole, 0.75, 7) == wide
    assert on_gold(alike, np.zeros(400), np.repeat(np.arange(FEWEST - 1), [48] * 8 + [16]), 0.75, 7).right.low is None


def test_a_policy_that_publishes_nothing_has_no_share():
    nothing = on_gold(np.full(6, np.nan), FIRST, ALONE, 0.75, 7)
    assert nothing.right is None and nothing.gain.value == 0 and nothing.both == 0
