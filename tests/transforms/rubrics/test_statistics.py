import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.transforms.rubrics.statistics import (
    agreement,
    discoveries,
    effective_number,
    p_value,
    sign_test,
    wilson_low,
)


@pytest.mark.parametrize(
    ("rate", "n", "low"),
    [
        # By hand, z = 1.959964: (p + z²/2n - z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
        (0.8, 10, 0.4902),
        (0.5, 100, 0.4038),
        (1.0, 20, 0.8389),
        (0.0, 20, 0.0),
        (0.6, 400, 0.5513),
        (0.7, 0, 0.0),
    ],
)
def test_wilsons_lower_bound_by_hand(rate, n, low):
    assert wilson_low(rate, n) == pytest.approx(low, abs=5e-5)


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [(5, 0, 1 / 32), (4, 1, 6 / 32), (0, 5, 1.0), (0, 0, 1.0), (8, 2, 56 / 1024), (3, 3, 42 / 64)],
)
def test_the_sign_test_counts_coins(wins, losses, p):
    assert sign_test(wins, losses) == pytest.approx(p)


@given(st.floats(0, 1), st.integers(1, 1000), st.integers(1, 1000))
def test_more_trials_never_lower_the_bound(rate, n, more):
    assert 0 <= wilson_low(rate, n) <= rate + 1e-12
    assert wilson_low(rate, n + more) >= wilson_low(rate, n) - 1e-12


def test_independent_pairs_are_worth_their_number():
    agrees = np.array([1.0] * 60 + [0.0] * 40)
    assert effective_number(agrees, np.arange(100)) == pytest.approx(100)


def test_pairs_of_one_cluster_that_go_together_are_worth_their_clusters():
    # Ten clusters of ten equal outcomes each: ten independent outcomes, whatever the number of pairs.
    agrees = np.repeat([1.0, 1, 1, 1, 1, 1, 0, 0, 0, 0], 10)
    assert effective_number(agrees, np.repeat(np.arange(10), 10)) == pytest.approx(10)


def test_when_all_agree_a_cluster_counts_once():
    assert effective_number(np.ones(50), np.repeat(np.arange(5), 10)) == 5


def test_agreement_counts_only_where_an_opinion_speaks():
    outcomes = np.array([1, 1, 1, -1, 0, 0, 0, 0, 0, 0], np.int8)
    found = agreement(outcomes, np.arange(10))
    assert (found.n, found.coverage, found.rate) == (4, 0.4, 0.75)
    assert found.low == pytest.approx(wilson_low(0.75, 4))


def test_silence_is_not_an_agreement_of_one_half():
    found = agreement(np.zeros(10, np.int8), np.arange(10))
    assert (found.n, found.coverage, found.low) == (0, 0.0, 0.0)


def test_the_p_value_of_a_clustered_finding_is_larger():
    outcomes = np.repeat(np.array([1, 1, 1, 1, 1, 1, 1, -1], np.int8), 20)
    alone = p_value(agreement(outcomes, np.arange(160)))
    together = p_value(agreement(outcomes, np.repeat(np.arange(8), 20)))
    assert alone < 1e-10
    assert together == pytest.approx(sign_test(7, 1))


def test_benjamini_and_hochberg_by_hand():
    # Thresholds at rate .05 of five tests: .01 .02 .03 .04 .05; the third (.029) passes, and with it all before.
    assert discoveries([0.029, 0.011, 0.009, 0.2, 0.9], 0.05) == [True, True, True, False, False]
    assert discoveries([0.02, 0.5], 0.05) == [True, False]
    assert discoveries([0.03, 0.5], 0.05) == [False, False]
    assert discoveries([], 0.05) == []
