"""HelpSteer2's rule by hand, and in the votes of a store."""

import pytest

from prefcurate.transforms.consensus.closest import closest
from prefcurate.transforms.consensus.options import ConsensusOptions
from prefcurate.transforms.consensus.shard import read_shard
from prefcurate.transforms.ingest.options import GoldOptions
from tests.helpers import context, label, make_store, pair


def kept(*values, keep=3):
    """The values that are kept; ids are places."""
    names = closest([(f"id{i}", value) for i, value in enumerate(values)], keep)
    return sorted(values[int(name[2:])] for name in names)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((3, 2, 3), [2, 3, 3]),  # no more than three: all
        ((3, 2, 3, -2, 3), [3, 3, 3]),  # no distance at all
        ((1, 2, -3, 3, -2), [1, 2, 3]),  # 1 to 3 is nearer together than -3 to 1
        ((0, 1, 2, 2, -3), [1, 2, 2]),  # a distance of 1
        (
            (0, 0, 2, 3, 4),
            [2, 3, 4],
        ),  # of three distances of 2 the one with the smallest squares (2 against 2.67), then the nearest to the median
        ((-1, 0, 0, 2, 2), [-1, 0, 0]),
    ],
)
def test_the_three_closest_by_hand(values, expected):
    assert kept(*values) == expected


def test_exchanging_the_sides_keeps_the_same_people():
    for values in ((-2, -1, 0, 1, 2), (1, 2, 2, 2, 3), (-3, -3, 3, 3), (0, 1, 1, 2, 2)):
        answers = [(f"id{i}", float(value)) for i, value in enumerate(values)]
        assert closest(answers, 3) == closest([(name, -value) for name, value in answers], 3)
        assert closest(answers, 3) == closest(answers[::-1], 3)


def graded(*values, who="w"):
    return [
        label("first" if value > 0 else "second" if value < 0 else "tie", f"{who}{i}", strength=float(value))
        for i, value in enumerate(values)
    ]


def votes(store, options):
    reads = ("comparisons", "annotations", "occurrences", "gold", "attributes")
    snapshot = context(store, "consensus", reads, ()).pin()
    found = [
        read_shard(snapshot, shard, GoldOptions(), 7, closest=options.closest).votes for shard in range(store.shards)
    ]
    return sorted(name for table in found for name in table["annotator"].to_pylist())


def test_only_the_closest_of_a_source_are_votes(tmp_path):
    store = make_store(
        tmp_path,
        {
            "graded": [pair("q", "x", "y", *graded(2, 3, 2, -3, 1), label("second", "plain"))],
            "other": [pair("q", "x", "y", *graded(-3, -3))],
        },
    )
    five = [f"person:graded/w{i}" for i in range(5)]
    rest = ["person:graded/plain", "person:other/w0", "person:other/w1"]
    assert votes(store, ConsensusOptions()) == sorted([*five, *rest])
    # 2, 2 and 3, or 1, 2 and 2: the former is as wide; both have the same squares; nearer to the median 2 are neither: a hash says.
    told = votes(store, ConsensusOptions(closest=3))
    assert "person:graded/w3" not in told
    assert len(told) == 3 + len(rest)
    assert set(rest) <= set(told)


def test_a_rule_that_keeps_one_is_refused():
    with pytest.raises(ValueError, match="greater than or equal to 2"):
        ConsensusOptions(closest=1)
