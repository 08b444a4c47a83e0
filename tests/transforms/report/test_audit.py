"""Agreement with gold: scores, intervals that know about clusters, differences on the same pairs."""

import numpy as np
import pytest

from prefcurate.transforms.report.audit import Audited, agreements, change, longer_baseline, share


def audited(cluster="c", gold="a", came="a", made="a", longer=None, decision="keep", sources=("s",)) -> Audited:
    return Audited(cluster, sources, decision, gold, came, made, longer)


def apart(right: int, wrong: int) -> list[Audited]:
    """Pairs of which each is a cluster of its own."""
    return [audited(f"r{i}") for i in range(right)] + [audited(f"w{i}", came="b") for i in range(wrong)]


def came(pairs):
    return share(pairs, [pair.came for pair in pairs])


@pytest.mark.parametrize(
    ("gold", "label", "score"),
    [
        ("a", "a", 1.0),
        ("a", "b", 0.0),
        ("a", "tie", 0.5),
        ("tie", "b", 0.5),
        ("tie", "tie", 1.0),
        ("tie", "both_bad", 1.0),
        ("b", "both_good", 0.5),
    ],
)
def test_a_tie_on_one_side_counts_half(gold, label, score):
    assert came([audited(gold=gold, came=label)]).agreement == score


def test_pairs_of_their_own_clusters_have_wilson_s_interval():
    found = came(apart(8, 2))
    assert (found.pairs, found.clusters, found.agreement) == (10, 10, 0.8)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=5e-5)


def test_an_interval_does_not_collapse_when_all_agree():
    found = came(apart(10, 0))
    assert (found.agreement, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(1 / (1 + 1.959964**2 / 10), abs=1e-6)


def test_copies_inside_a_cluster_tell_nothing_new():
    alone = apart(8, 2)
    copied = [pair for pair in alone for _ in range(5)]
    once, five = came(alone), came(copied)
    assert five.pairs == 50
    assert (five.low, five.high) == pytest.approx((once.low, once.high), abs=1e-9)
    assert came([audited("c"), audited("c", came="b")] * 10).low == pytest.approx(share([audited()], ["tie"]).low)


def test_the_difference_is_of_clusters_too():
    rng = np.random.default_rng(3)
    pairs = [audited(f"c{i}", came="a" if rng.random() < 0.6 else "b", made="a") for i in range(200)]
    once = change(pairs)
    five = change([pair for pair in pairs for _ in range(5)])
    truth = sum(pair.came == "b" for pair in pairs) / 200
    assert once.difference == pytest.approx(truth, abs=1e-6)
    assert once.low < truth < once.high
    assert once.high - once.low == pytest.approx(2 * 1.96 * (truth * (1 - truth) / 200) ** 0.5, rel=0.05)
    assert (five.low, five.high) == (once.low, once.high), "copies make no interval narrower"


def test_the_difference_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(300):
        better = rng.beta(4, 6, 30) < 0.5  # clusters of three pairs that change together
        change_of = [(0 if rng.random() < 0.5 else 1) if good else 0 for good in better]
        pairs = [
            audited(f"c{i}", came="b" if changed else "a") for i, changed in enumerate(change_of) for _ in range(3)
        ]
        found = change(pairs)
        covered += found.low <= 0.5 * 0.7460938 <= found.high  # P(Beta(4, 6) < 0.5) = 382/512
    assert covered / 300 == pytest.approx(0.95, abs=0.04)


def test_the_difference_does_not_collapse_when_no_or_every_label_changed():
    unchanged = change([audited(f"c{i}") for i in range(20)])
    assert unchanged.difference == 0.0
    assert (unchanged.low, unchanged.high) == pytest.approx((-0.1368, 0.1368), abs=1e-3)
    every = change([audited(f"c{i}", came="b") for i in range(3)])
    assert (every.difference, every.high) == (1.0, 1.0)
    assert every.low < 0, "three pairs prove nothing"
    assert change([]) is None
    assert share([], []) is None


def test_the_slices_and_their_coverage():
    pairs = [
        audited("1", came=None, longer="a", sources=("s", "t")),
        audited("2", made=None, decision="drop", longer="b"),
        audited("3", gold="tie", longer="a", decision="assign"),
    ]
    found = {(row.slice, row.name): row for row in agreements(pairs)}
    assert set(found) == {
        ("all", ""), ("source", "s"), ("source", "t"), ("decision", "keep"), ("decision", "drop"), ("decision", "assign"),
        ("length", "longer"), ("length", "shorter"), ("length", "tie"),
    }  # fmt: skip
    overall = found["all", ""]
    assert (overall.gold, overall.before.pairs, overall.after.pairs, overall.same_before.pairs) == (3, 2, 2, 1)
    assert (found["source", "t"].gold, found["source", "t"].before, found["source", "t"].after.pairs) == (1, None, 1)


def test_length_as_if_it_were_a_label():
    found = longer_baseline([audited("1", longer="a"), audited("2", longer="b"), audited("3")])
    assert (found.pairs, found.agreement) == (2, 0.5)
    assert longer_baseline([audited()]) is None
