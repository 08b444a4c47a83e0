"""What gold says of how much evidence is worth, weighed against what was believed before."""

import numpy as np
import pytest

from prefcurate.transforms.consensus.calibrate import SLOPES, fit_slopes, slope_that_claims


@pytest.mark.parametrize(("claimed", "slope"), [(0.75, 1.0), (0.9, 2.0), (3**0.5 / (1 + 3**0.5), 0.5)])
def test_the_slope_that_claims_so_much_by_hand(claimed, slope):
    # Odds of 3 to 1 are right three times of four; squared, nine of ten.
    odds = np.log(3.0) * np.array([1.0, -1.0, 1.0])
    assert slope_that_claims(odds, claimed) == pytest.approx(slope, rel=0.01)


def test_no_slope_claims_more_than_the_grid_can():
    odds = np.array([2.0, -2.0])
    assert slope_that_claims(odds, 0.5) == pytest.approx(SLOPES[0])
    assert slope_that_claims(odds, 1.0) == pytest.approx(SLOPES[-1])


def gold(pairs: int, slope: float, seed: int = 0):
    """Evidence that is worth `slope` of what it says, its truth, and folds."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, pairs)
    truth = np.where(rng.random(pairs) < 1 / (1 + np.exp(-slope * odds)), 1, -1)
    return np.stack([odds / 2, -odds / 2, np.full(pairs, -9.0)], axis=1), truth, rng.integers(0, 5, pairs)


def test_little_gold_stays_near_what_was_believed_and_much_gold_is_followed():
    few, many = (fit_slopes(*gold(pairs, 2.0), 0.01, 0.6) for pairs in (25, 4000))
    assert len(few) == len(many) == 6
    assert 0.55 < few[0] < 1.2
    assert many[0] == pytest.approx(2.0, rel=0.1)


def test_gold_that_agrees_with_the_belief_leaves_it():
    for pairs in (25, 200, 4000):
        assert fit_slopes(*gold(pairs, 0.6), 0.01, 0.6)[0] == pytest.approx(0.6, rel=0.3)


def test_what_is_unlike_all_real_sets_is_soon_known():
    """The belief has tails: what lies eight spreads away is followed further than a normal belief would let it be."""
    total, truth, fold = gold(300, 3.0)
    found = fit_slopes(total, truth, fold, 0.01, 0.6)[0]
    assert found == pytest.approx(3.0, rel=0.25)


def test_which_response_is_a_does_not_matter():
    total, truth, fold = gold(300, 1.3)
    assert fit_slopes(total, truth, fold, 0.01, 0.6) == fit_slopes(total[:, [1, 0, 2]], -truth, fold, 0.01, 0.6)
