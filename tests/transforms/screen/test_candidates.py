from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.transforms.screen.candidates import (
    PIVOTS,
    SMALL_BUCKET,
    bucket_pairs,
    nodes,
    records,
    rows_of,
    shards_of,
    star_pairs,
)


def as_set(pairs):
    return {tuple(pair) for pair in pairs.tolist()}


def test_nodes_carry_shard_and_row_and_sort_by_them():
    of = np.concatenate([nodes(0, 3), nodes(7, 2)])
    assert shards_of(of).tolist() == [0, 0, 0, 7, 7]
    assert rows_of(of).tolist() == [0, 1, 2, 0, 1]
    assert (np.sort(of) == of).all()


def test_records_repeat_the_node_for_each_band():
    found = records(np.array([[5, 6], [7, 8]], np.uint64), nodes(1, 2))
    assert found[:, 0].tolist() == [5, 6, 7, 8]
    assert rows_of(found[:, 1]).tolist() == [0, 0, 1, 1]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=60))
def test_small_buckets_give_every_pair_once(found):
    expected = {
        pair
        for bucket in {b for b, _ in found}
        for pair in combinations(sorted({node for b, node in found if b == bucket}), 2)
    }
    unique = np.array(sorted(set(found)), np.uint64).reshape(-1, 2)
    assert as_set(bucket_pairs(unique)) == expected


def test_a_large_bucket_is_a_star_to_few_pivots_that_still_connects_all():
    size = 500
    found = np.stack([np.full(size, 9, np.uint64), np.arange(size, dtype=np.uint64)], axis=1)
    pairs = bucket_pairs(found)
    assert len(pairs) < PIVOTS * size
    assert set(range(1, size)) <= {second for first, second in as_set(pairs) if first == 0}
    assert size > SMALL_BUCKET


def test_order_of_records_does_not_count():
    found = np.array([[1, 4], [1, 2], [2, 9], [1, 3], [2, 1]], np.uint64)
    assert (bucket_pairs(found) == bucket_pairs(found[::-1])).all()


def test_conversations_are_stars_to_their_smallest_prompt():
    found = np.array([[1, 4], [1, 2], [1, 9], [2, 5]], np.uint64)
    assert as_set(star_pairs(found)) == {(2, 4), (2, 9)}


def test_nothing_gives_nothing():
    assert bucket_pairs(np.empty((0, 2), np.uint64)).shape == (0, 2)
    assert star_pairs(np.empty((0, 2), np.uint64)).shape == (0, 2)
