"""Corrections and usual values worked by hand."""

import numpy as np
import pytest

from prefcurate.transforms.report.quality.chance import can_tell, corrected, unusual, usual


def test_rates_of_benjamini_and_hochberg_by_hand():
    p = np.array([0.04, 0.01, np.nan, 0.03, 0.5])
    # Sorted .01 .03 .04 .5, times 4 over the rank: .04 .06 .0533 .5; from above: .04 .0533 .0533 .5.
    q = corrected(p)
    assert q == pytest.approx([0.16 / 3, 0.04, np.nan, 0.16 / 3, 0.5], nan_ok=True)
    assert np.isnan(corrected(np.full(5, np.nan))).all()
    assert corrected(np.array([np.nan, 0.01]))[1] == 0.01, "who was not tested costs nobody anything"


def test_the_usual_is_found_beside_those_who_are_not():
    rng = np.random.default_rng(0)
    errors = np.full(400, 0.1)
    values = rng.normal(0.6, 0.2, 400) + rng.normal(0, 0.1, 400)
    values[:30] = 0.0
    known = usual(values, errors)
    assert known.middle == pytest.approx(0.6, abs=0.06)
    assert known.spread == pytest.approx(0.2, abs=0.06)


def test_where_errors_explain_everything_nothing_is_spread():
    values = np.random.default_rng(1).normal(0, 0.1, 500)
    assert usual(values, np.full(500, 0.1)).spread < 0.03
    assert usual(values, np.full(500, 1.0)).spread == 0.0
    assert usual(np.zeros(0), np.zeros(0)).middle == 0.0


def test_among_few_one_is_held_against_the_others():
    values, errors = np.array([0.5, 0.55, 0.45, 0.5, 0.52, -0.5]), np.full(6, 0.02)
    told = unusual(values, errors, np.ones(6, bool), 0.8)
    assert told.low[5] < 0.001 < told.low[:5].min()
    assert np.isnan(unusual(values, errors, values > 0.5, 0.8).low).all(), "two are too few"


def test_who_cannot_show_an_effect_is_not_tested():
    assert can_tell(np.array([0.1, 0.3, np.inf]), 0.5).tolist() == [True, False, False]
    told = unusual(np.zeros(20), np.full(20, 0.5), np.ones(20, bool), 0.5)
    assert np.isnan(told.high).all()
