"""Weighted kappa, and agreement of ratings, against hand-worked cases and others' programs."""

import numpy as np
import pyarrow as pa
import pytest

from prefcurate.transforms.report.alpha import alpha_sums, interval_alpha
from prefcurate.transforms.report.quality.kappa import mean_kappa, weighted_kappa
from prefcurate.transforms.report.quality.rated import RATED, find_rated, ordinal_places, rating_alpha

PLACES = np.array([-1.0, 0.0, 1.0])


def test_kappa_by_hand():
    # 20 items: 8 both b, 8 both a, 2 one tie of the first, 2 opposite.
    table = np.array([[8, 0, 1], [1, 0, 1], [1, 0, 8]], float)
    # Linear: observed (2·2 + 2·1) / 20 = .3. Rows 9, 2, 9, columns 10, 0, 10: expected (9·10·2·2 + 2·10·2) / 400 = 1.
    assert weighted_kappa(table, PLACES, 1) == pytest.approx(0.7)
    # Quadratic: observed (2·4 + 2·1) / 20 = .5; expected (9·10·4·2 + 2·10·2) / 400 = 1.9.
    assert weighted_kappa(table, PLACES, 2) == pytest.approx(1 - 0.5 / 1.9)
    assert np.isnan(weighted_kappa(np.diag([5.0, 0, 0]), PLACES, 2)), "one value was given: chance never disagrees"


def crowd(units=60, raters=4, values=5, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, values, units)
    unit = np.repeat(np.arange(units), raters)
    value = np.clip(truth[unit] + rng.integers(-1, 2, len(unit)), 0, values - 1)
    prompt = (np.arange(units) // 2 * 104_729 + 17)[unit]
    return unit, np.tile(np.arange(raters), units), prompt, value


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
def test_the_mean_of_couples_is_that_of_scikit_learn(weights):
    metrics = pytest.importorskip("sklearn.metrics")
    unit, who, prompt, value = crowd()
    kept = (who < 3) | (unit < 20)  # the fourth shares a third of the items: its couples weigh a third
    told = getattr(mean_kappa(who[kept], unit[kept], prompt[kept], value[kept], np.arange(5.0)), weights)
    by_rater = value.reshape(-1, 4)
    couples = [(i, j, 20 if j == 3 else 60) for j in range(4) for i in range(j)]
    kappas = [
        metrics.cohen_kappa_score(by_rater[:n, i], by_rater[:n, j], weights=weights, labels=range(5))
        for i, j, n in couples
    ]
    assert told.value == pytest.approx(np.average(kappas, weights=[n for *_, n in couples]), abs=1e-6)
    assert told.low < told.value < told.high


def test_couples_that_share_little_say_nothing():
    unit, who, prompt, value = crowd(units=9)
    assert mean_kappa(who, unit, prompt, value, np.arange(5.0)) is None
    unit, who, prompt, value = crowd(units=12)
    told = mean_kappa(who, unit, prompt, value, np.arange(5.0))
    assert (told.couples, told.shared, told.linear.low) == (6, 72, None), "six prompts are too few for an interval"


def test_alpha_from_moments_is_alpha_from_coincidences():
    unit, _, prompt, value = crowd()
    counts = np.stack([np.bincount(unit, weights=value == v) for v in range(5)], axis=1).astype(np.int64)
    ids = [f"{p:015x}0" for p in prompt[::4]]
    assert (
        rating_alpha(unit, prompt, value.astype(float)).value == interval_alpha(alpha_sums(ids, counts), range(5)).value
    )
    assert rating_alpha(unit, prompt, np.ones(len(unit))) is None


def test_rounding_is_no_spread():
    """A draw may hold equal ratings alone, of which rounding leaves a difference that is none: alpha was 1.4 there."""
    unit = np.repeat(np.arange(400), 3)
    value = np.where(unit == 0, 0.0, 100_000.37)
    value[0] = 1.0
    assert rating_alpha(unit, unit, value).high <= 1.0


def test_many_couples_and_values_are_the_mean_of_their_tables():
    rng = np.random.default_rng(3)
    item = np.repeat(np.arange(50), 12)
    who, value = np.tile(np.arange(12), 50), rng.integers(0, 9, 600)
    told = mean_kappa(who, item, item * 7919, value, np.arange(9.0))
    by_rater = value.reshape(50, 12)
    tables = [
        np.histogram2d(by_rater[:, i], by_rater[:, j], bins=[np.arange(10)] * 2)[0] for j in range(12) for i in range(j)
    ]
    assert (told.couples, told.shared) == (66, 66 * 50)
    assert told.linear.value == pytest.approx(
        np.mean([weighted_kappa(table, np.arange(9.0), 1) for table in tables]), abs=1e-6
    )
    assert abs(told.linear.value) < 0.05


def test_ordinal_places_are_krippendorffs_distances():
    index = np.array([0, 0, 1, 1, 1, 2])
    places = ordinal_places(index, 3)
    # From the first to the third: half of 2, all 3, half of 1.
    assert places[2] - places[0] == 1 + 3 + 0.5
    assert places[1] - places[0] == 1 + 1.5


def test_krippendorffs_example_of_interval_data():
    """Four observers, twelve units (Krippendorff 2011, example C): alpha is .849 for interval data and .815 for ordinal."""
    table = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    rows = [
        {"source": "s", "kind": "person", "attribute": "q", "annotator": f"o{i}", "prompt": unit, "response": unit, "value": float(value)}
        for i, line in enumerate(table) for unit, value in enumerate(line) if value is not None
    ]  # fmt: skip
    (told,) = find_rated(pa.Table.from_pylist(rows, schema=RATED))
    assert (told.responses, told.ratings, told.annotators) == (11, 40, 4), "the last unit was rated by one alone"
    assert told.interval.value == pytest.approx(0.849, abs=5e-4)
    assert told.ordinal.value == pytest.approx(0.815, abs=5e-4)


def test_who_rated_alone_agrees_with_nobody():
    row = {
        "source": "s",
        "kind": "person",
        "attribute": "q",
        "annotator": "o",
        "prompt": 1,
        "response": 1,
        "value": 2.0,
    }
    assert find_rated(pa.Table.from_pylist([row], schema=RATED)) == ()
    assert find_rated(RATED.empty_table()) == ()
