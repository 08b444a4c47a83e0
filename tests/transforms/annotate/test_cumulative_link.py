"""The symmetric cumulative link: a hand-worked case, planted thresholds, and that exchanging a and b mirrors it."""

import numpy as np
import pytest

from prefcurate.transforms.annotate.bradley_terry import fit_head, fit_heads, fold_of, sigmoid
from prefcurate.transforms.annotate.cumulative_link import Degrees, OrdinalExamples, chances, fit_ordinal

HEAD = np.array([1.0, -0.5, 0.3, 0.0, 0.8])
THRESHOLDS = np.array([[0.5, 1.5, 2.5], [0.2, 0.9, np.inf]])


def said(features, head=HEAD, seed=0, levels=3):
    """Degrees drawn by the model itself: half of the pairs on a scale of three degrees, half on one of two."""
    random = np.random.default_rng(seed)
    pairs = len(features)
    scale = np.arange(pairs) % 2
    noisy = features @ head + random.logistic(size=pairs)
    degree = sum((noisy > t).astype(int) - (noisy < -t).astype(int) for t in THRESHOLDS[scale].T)
    top = np.array([3, 2])[scale]
    low, high = np.where(degree == -top, -levels, degree), np.where(degree == top, levels, degree)
    return Degrees(np.arange(pairs), scale, low, high, np.ones(pairs), levels, 2)


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(1).normal(size=(3000, 5))


def test_planted_thresholds_and_weights_are_found(features):
    head, thresholds = fit_ordinal(features, said(features), 0.1)
    np.testing.assert_allclose(head, HEAD, atol=0.12)
    np.testing.assert_allclose(thresholds[0], THRESHOLDS[0], atol=0.2)
    np.testing.assert_allclose(thresholds[1, :2], THRESHOLDS[1, :2], atol=0.12)


def test_with_one_degree_it_is_rao_and_kuppers_tie():
    """theta = exp(t): P(a) = pi_a / (pi_a + theta pi_b), by hand with pi_a = 3, pi_b = 1, theta = 2: 3/5, and P(b) = 1/7."""
    p_a, p_tie, p_b = (float(p[0]) for p in chances(np.array([np.log(3.0)]), ((1.0, float(np.log(2.0))),)))
    assert p_a == pytest.approx(3 / 5)
    assert p_b == pytest.approx(1 / 7)
    assert p_tie == pytest.approx(1 - 3 / 5 - 1 / 7)


def test_scales_count_by_their_shares():
    one, other = (chances(np.array([0.4]), ((1.0, t),))[1] for t in (0.2, 1.0))
    both = chances(np.array([0.4]), ((0.25, 0.2), (0.75, 1.0)))
    assert both[1] == pytest.approx(0.25 * one + 0.75 * other)
    assert both[0] + both[1] + both[2] == pytest.approx(1.0)


def test_without_ties_and_degrees_it_is_bradley_and_terry(features):
    """Only "a" and "b": the threshold goes to 0, and the head is the logistic one."""
    chosen = features[:1000]
    a = np.random.default_rng(2).random(1000) < sigmoid(chosen @ HEAD)
    plain = Degrees(np.arange(1000), np.zeros(1000, int), np.where(a, 1, -1), np.where(a, 1, -1), np.ones(1000), 1, 1)
    head, thresholds = fit_ordinal(chosen, plain, 1.0)
    np.testing.assert_allclose(head, fit_head(chosen, a.astype(float), np.ones(1000), 1.0), atol=0.02)
    assert thresholds[0, 0] < 0.02


def test_a_label_without_a_degree_is_any_degree_of_its_side(features):
    """Its likelihood is P(degree >= 1): the head is found as well from sides alone where the thresholds are known from others."""
    degrees = said(features)
    hidden = np.arange(3000) % 3 == 0
    low, high = degrees.low.copy(), degrees.high.copy()
    low[hidden & (low > 0)], high[hidden & (low > 0)] = 1, 3
    low[hidden & (degrees.high < 0)], high[hidden & (degrees.high < 0)] = -3, -1
    told = Degrees(degrees.pair, degrees.scale, low, high, degrees.weight, 3, 2)
    head, thresholds = fit_ordinal(features, told, 0.1)
    np.testing.assert_allclose(head, HEAD, atol=0.15)
    np.testing.assert_allclose(thresholds[0], THRESHOLDS[0], atol=0.25)


def test_exchanging_a_and_b_mirrors_everything(features):
    degrees = said(features[:400])
    turned = Degrees(degrees.pair, degrees.scale, -degrees.high, -degrees.low, degrees.weight, 3, 2)
    one, other = fit_ordinal(features[:400], degrees, 1.0), fit_ordinal(-features[:400], turned, 1.0)
    np.testing.assert_allclose(one[0], other[0], atol=1e-6)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-5)
    forth, back = chances(np.array([0.7]), ((1.0, 0.3),)), chances(np.array([-0.7]), ((1.0, 0.3),))
    assert (forth[0], forth[1], forth[2]) == (back[2], pytest.approx(back[1]), back[0])


def test_degrees_teach_more_than_sides():
    """Nearer to the planted head, on average over twenty draws: what is thrown away with the degrees is worth something."""
    features = np.random.default_rng(1).normal(size=(6000, 5))
    errors = {"degrees": [], "sides": []}
    for seed in range(20):
        few = features[seed * 300 : (seed + 1) * 300]
        degrees = said(few, seed=seed)
        sides = Degrees(
            degrees.pair,
            degrees.scale,
            np.where(degrees.low > 0, 1, np.where(degrees.high < 0, -3, 0)),
            np.where(degrees.low > 0, 3, np.where(degrees.high < 0, -1, 0)),
            degrees.weight,
            3,
            2,
        )
        for name, told in (("degrees", degrees), ("sides", sides)):
            errors[name].append(np.linalg.norm(fit_ordinal(few, told, 0.1)[0] - HEAD))
    assert np.mean(errors["degrees"]) < np.mean(errors["sides"])


@pytest.mark.parametrize(("turned", "slope"), [(False, 5.0), (True, 0.1)])
def test_a_few_scores_that_are_all_right_do_not_make_everything_certain(turned, slope):
    """As with heads that know no ties: the slope of scores is within 0.1 and 5, and thresholds are fitted to that one."""
    side = np.where(np.arange(40) % 2, 1, -1)
    degrees = Degrees(np.arange(40), np.zeros(40, int), side, side, np.ones(40), 1, 1)
    told = OrdinalExamples(np.zeros((40, 2)), degrees, tuple(map(str, range(40))))
    loss, tuning = told.calibrated(np.arange(40), -side * 1.0 if turned else side * 1.0)
    assert tuning.slope == pytest.approx(slope)
    ((share, threshold),) = tuning.ties
    assert share == 1 and 0 < threshold < 1 and np.isfinite(loss)


def test_opinions_of_some_pairs():
    degrees = Degrees(
        np.array([0, 0, 1, 3]), np.zeros(4, int), np.array([1, -1, 0, 2]), np.array([1, -1, 0, 2]), np.ones(4), 2, 1
    )
    part = degrees.of(np.array([True, False, False, True]))
    assert (part.pair.tolist(), part.low.tolist()) == ([0, 0, 1], [1, -1, 2])
    again = degrees.at(np.array([3, 0, 3]))
    assert (again.pair.tolist(), again.low.tolist()) == ([0, 1, 1, 2], [2, 1, -1, 2])
    assert degrees.times(np.array([2.0, 0.0, 1.0, 3.0])).weight.tolist() == [2, 2, 0, 3]


def test_heads_are_fitted_by_fold_with_thresholds_of_the_others(features):
    clusters = tuple(f"p{i // 3}" for i in range(900))
    padded = np.hstack([features, np.zeros((3000, 1))])[:900]
    found = fit_heads(OrdinalExamples(padded, said(features[:900]), clusters), 3, 4, 7, 50)
    assert [heads.fold for heads in found] == [0, 1, 2, 3]
    for heads in found:
        assert heads.pairs == sum(fold_of(c, 4, 7) != heads.fold for c in clusters)
        (share, three), (other, two) = heads.ties
        assert (share, other) == (pytest.approx(0.5, abs=0.02), pytest.approx(0.5, abs=0.02))
        assert three == pytest.approx(0.5, abs=0.25)
        assert two == pytest.approx(0.2, abs=0.15)
        assert np.corrcoef(heads.members.mean(axis=0)[:5], HEAD)[0, 1] > 0.95
