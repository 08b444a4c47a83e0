"""The numbers behind reward heads: planted truth, symmetry, leakage, the same bits twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad

from prefcurate.transforms.annotate import bradley_terry as bt


def planted(pairs=600, dimensions=8, noise=0.0, seed=0, per_cluster=3):
    """Pairs whose preference follows a hidden direction of the responses; labels are drawn with its probability."""
    random = np.random.default_rng(seed)
    direction = random.normal(size=dimensions) * 4
    prompt, a, b = (random.normal(size=(pairs, dimensions)) / np.sqrt(dimensions) for _ in range(3))
    truth = (a - b) @ direction
    target = (bt.sigmoid(truth) > random.uniform(size=pairs) * noise + (1 - noise) / 2).astype(float)
    clusters = tuple(f"cluster-{i // per_cluster}" for i in range(pairs))
    return bt.Examples(bt.pair_features(prompt, a, b), target, np.ones(pairs), clusters), truth


def out_of_fold(examples, heads, folds=5, seed=7):
    fold = np.array([bt.fold_of(cluster, folds, seed) for cluster in examples.clusters])
    scores = np.full(len(fold), np.nan)
    for found in heads:
        here = fold == found.fold
        scores[here] = (examples.features[here] @ found.members.T).mean(axis=1)
    return scores


def test_a_planted_preference_is_found():
    examples, truth = planted()
    scores = out_of_fold(examples, bt.fit_heads(examples, 4, 5, 7, 50))
    assert not np.isnan(scores).any()
    assert ((scores > 0) == (truth > 0)).mean() > 0.93


def test_chances_are_honest_when_labels_are_noisy():
    examples, _ = planted(pairs=3000, noise=1.0)
    chances = bt.sigmoid(out_of_fold(examples, bt.fit_heads(examples, 4, 5, 7, 50)))
    for low, high in ((0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9)):
        here = (chances >= low) & (chances < high)
        assert here.sum() > 100
        assert abs(chances[here].mean() - examples.target[here].mean()) < 0.09


def test_exchanging_the_responses_only_changes_the_sign():
    random = np.random.default_rng(1)
    prompt, a, b, weights = random.normal(size=(4, 50, 16))
    assert np.array_equal(bt.pair_features(prompt, a, b), -bt.pair_features(prompt, b, a))
    head = np.concatenate([weights[0], weights[1]])
    assert np.array_equal(bt.pair_features(prompt, a, b) @ head, -(bt.pair_features(prompt, b, a) @ head))


def test_labels_given_the_other_way_round_give_the_same_heads():
    examples, _ = planted(pairs=200)
    turned = bt.Examples(-examples.features, 1 - examples.target, examples.weight, examples.clusters)
    for one, other in zip(bt.fit_heads(examples, 2, 3, 7, 20), bt.fit_heads(turned, 2, 3, 7, 20), strict=True):
        assert np.allclose(one.members, other.members, atol=1e-4)


def test_leakage_within_a_cluster_does_not_help():
    """Random labels, each pair ten times in its cluster: a head that saw one of the ten would know the other nine."""
    random = np.random.default_rng(2)
    clusters, copies, dimensions = 120, 10, 32
    base = random.normal(size=(3, clusters, dimensions))
    prompt, a, b = (np.repeat(vectors, copies, axis=0) for vectors in base)
    target = np.repeat(random.integers(0, 2, clusters), copies).astype(float)
    names = tuple(np.repeat([f"cluster-{i}" for i in range(clusters)], copies).tolist())
    examples = bt.Examples(bt.pair_features(prompt, a, b), target, np.ones(len(target)), names)
    scores = out_of_fold(examples, bt.fit_heads(examples, 4, 5, 7, 50))
    accuracy = ((scores > 0) == (target > 0.5)).mean()
    assert accuracy < 0.65, "at chance (0.5, standard error 0.05)"
    # The same data leaks when clusters are not known: what the test would show if folds ignored them.
    alone = bt.Examples(examples.features, target, examples.weight, tuple(f"{n}-{i}" for i, n in enumerate(names)))
    leaked = out_of_fold(alone, bt.fit_heads(alone, 4, 5, 7, 50))
    assert ((leaked > 0) == (target > 0.5)).mean() > 0.85


def test_no_label_of_a_fold_reaches_its_heads():
    examples, _ = planted(pairs=300)
    fold = np.array([bt.fold_of(cluster, 5, 7) for cluster in examples.clusters])
    changed = bt.Examples(
        np.where((fold == 2)[:, None], 100.0, examples.features),
        np.where(fold == 2, 0.5, examples.target),
        examples.weight,
        examples.clusters,
    )
    one, other = (next(h for h in bt.fit_heads(e, 3, 5, 7, 50) if h.fold == 2) for e in (examples, changed))
    assert np.array_equal(one.members, other.members)


def test_the_same_examples_give_the_same_bits():
    examples, _ = planted(pairs=200)
    one, other = (bt.fit_heads(examples, 3, 5, 7, 50) for _ in range(2))
    assert [h.members.tobytes() for h in one] == [h.members.tobytes() for h in other]


def test_members_differ_more_where_less_is_known():
    few, _ = planted(pairs=120, noise=1.0, dimensions=8)
    many, _ = planted(pairs=3000, noise=1.0, dimensions=8)
    probe = np.random.default_rng(3).normal(size=(200, few.features.shape[1])) / 8
    spread = [
        np.mean([(probe @ h.members.T).std(axis=1).mean() for h in bt.fit_heads(e, 8, 5, 7, 50)]) for e in (few, many)
    ]
    assert spread[0] > 1.3 * spread[1]


def test_too_few_labels_give_no_heads():
    examples, _ = planted(pairs=40)
    assert bt.fit_heads(examples, 2, 5, 7, 50) == []


def test_a_single_cluster_is_never_scored_by_itself():
    examples, _ = planted(pairs=100, per_cluster=100)
    heads = bt.fit_heads(examples, 2, 5, 7, 50)
    assert bt.fold_of(examples.clusters[0], 5, 7) not in {h.fold for h in heads}


def test_ties_teach_that_both_are_as_good():
    examples, _ = planted(pairs=200)
    ties = bt.Examples(examples.features, np.full(200, 0.5), examples.weight, examples.clusters)
    for heads in bt.fit_heads(ties, 2, 5, 7, 50):
        assert np.abs(ties.features @ heads.members.T).max() < 1e-3


def test_weights_count_as_copies():
    examples, _ = planted(pairs=60, dimensions=3, noise=1.0)
    weight = np.where(np.arange(60) < 20, 3.0, 1.0)
    copied = np.repeat(np.arange(60), weight.astype(int))
    one = bt.fit_head(examples.features, examples.target, weight, 1.0)
    other = bt.fit_head(examples.features[copied], examples.target[copied], np.ones(len(copied)), 1.0)
    assert np.allclose(one, other, atol=1e-5)


def test_the_head_is_the_minimum():
    examples, _ = planted(pairs=60, dimensions=3, noise=1.0)
    head = bt.fit_head(examples.features, examples.target, examples.weight, 2.0)

    def loss(w):
        scores = examples.features @ w
        return float(np.sum(np.logaddexp(0, scores) - examples.target * scores) + w @ w)

    def slope(w):
        return examples.features.T @ (bt.sigmoid(examples.features @ w) - examples.target) + 2 * w

    assert check_grad(loss, slope, head) < 1e-4
    assert np.abs(slope(head)).max() < 1e-4


@given(st.floats(0.2, 4.0))
def test_calibration_finds_the_slope(true_slope):
    scores = np.linspace(-2, 2, 400)
    found = bt.calibration(scores, bt.sigmoid(true_slope * scores), np.ones(400))
    assert found == pytest.approx(true_slope, rel=0.01)


@pytest.mark.parametrize(
    ("scores", "wrong", "slope"),
    [
        ([60.0, -60.0], 1 / 3, 0.1),  # so sure that the likelihood is flat, and wrong in a third: hardly to be believed
        ([60.0, -60.0], 0.0, 1.0),  # as sure, and right: nothing to be changed
        ([1.0, -1.0], 0.0, 5.0),  # always right: as sure as may be
        ([1.0, -1.0], 0.6, 0.1),  # mostly wrong: not turned round
        ([0.0, 0.0], 0.5, 1.0),
    ],
)
def test_calibration_where_the_likelihood_is_flat_or_has_no_maximum(scores, wrong, slope):
    scores = np.array(scores * 30)
    target = np.where(np.arange(60) < 60 * wrong, scores <= 0, scores > 0).astype(float)
    assert bt.calibration(scores, target, np.ones(60)) == pytest.approx(slope)


def test_a_bootstrap_draws_clusters_about_once():
    clusters = [f"c{i // 2}" for i in range(20_000)]
    drawn = bt.bootstrap(clusters, 0, 7)
    assert np.array_equal(drawn[::2], drawn[1::2]), "whole clusters"
    assert drawn.mean() == pytest.approx(1.0, abs=0.04)
    assert drawn.var() == pytest.approx(1.0, abs=0.08)
    assert not np.array_equal(drawn, bt.bootstrap(clusters, 1, 7))
    assert np.array_equal(drawn[:10], bt.bootstrap(clusters[:10], 0, 7)), "whatever other clusters there are"


def test_folds_are_about_equal():
    folds = np.bincount([bt.fold_of(f"c{i}", 5, 7) for i in range(5000)], minlength=5)
    assert folds.min() > 900


def test_sigmoid_of_large_scores():
    assert bt.sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
