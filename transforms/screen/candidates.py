"""From band hashes to pairs of nodes that are worth comparing.

A node is a prompt or a comparison as one number: its shard in the upper 32 bits, its row in the shard's sketch below.
Numbers of nodes are in the order of (prompt_id, comparison_id) for any number of shards, and so are the choices here.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Nodes = NDArray[np.uint64]
Records = NDArray[np.uint64]
"""Rows of (hash, node)."""
NodePairs = NDArray[np.uint64]
"""Rows of (smaller node, larger node)."""

SMALL_BUCKET = 16
"""Up to here every pair of a bucket is compared: at most 120."""
PIVOTS = 4
"""The members that all others of a larger bucket are compared with: the first two and the last two, which are the same in most bands, so
that a crowd of like texts has few edges."""


def nodes(shard: int, count: int) -> Nodes:
    """The nodes of the first ``count`` rows of a shard."""
    return (np.uint64(shard) << np.uint64(32)) + np.arange(count, dtype=np.uint64)


def shards_of(of: Nodes) -> NDArray[np.int64]:
    """The shard of each node."""
    return (of >> np.uint64(32)).astype(np.int64)


def rows_of(of: Nodes) -> NDArray[np.int64]:
    """The row of each node in its shard."""
    return (of & np.uint64(0xFFFFFFFF)).astype(np.int64)


def records(hashes: NDArray[np.uint64], of: Nodes) -> Records:
    """(hash, node) for a matrix of hashes by node and band."""
    return np.stack([hashes.ravel(), np.repeat(of, hashes.shape[1] if hashes.ndim == 2 else 1)], axis=1)


def bucket_pairs(found: Records) -> NodePairs:
    """The pairs to compare: all of a small bucket, a star to a few pivots of a large one; each pair once, sorted."""
    pairs = [np.empty((0, 2), np.uint64), *_pairs_by_bucket(found, SMALL_BUCKET, PIVOTS)]
    return unique_pairs(np.concatenate(pairs))


def star_pairs(found: Records) -> NodePairs:
    """Each node with the smallest node of the same hash."""
    pairs = [np.empty((0, 2), np.uint64), *_pairs_by_bucket(found, 1, 1)]
    return unique_pairs(np.concatenate(pairs))


def unique_pairs(pairs: NodePairs) -> NodePairs:
    """Each pair once, smaller node first, sorted; pairs of a node with itself are left out."""
    first, second = np.minimum(pairs[:, 0], pairs[:, 1]), np.maximum(pairs[:, 0], pairs[:, 1])
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    fresh = np.r_[True, (first[1:] != first[:-1]) | (second[1:] != second[:-1])][: len(first)] & (first != second)
    return np.stack([first[fresh], second[fresh]], axis=1)


def _pairs_by_bucket(found: Records, small: int, pivots: int) -> Iterator[NodePairs]:
    found = found[np.lexsort((found[:, 1], found[:, 0]))]
    starts = np.flatnonzero(np.r_[True, found[1:, 0] != found[:-1, 0]]) if len(found) else np.empty(0, np.int64)
    sizes = np.diff(np.r_[starts, len(found)])
    for size in np.unique(sizes[(sizes > 1) & (sizes <= small)]).tolist():
        # All buckets of one size at once: a matrix of members, and every two of its columns.
        members = found[starts[sizes == size][:, None] + np.arange(size), 1]
        first, second = np.triu_indices(size, 1)
        yield np.stack([members[:, first].ravel(), members[:, second].ravel()], axis=1)
    for start, size in zip(starts[sizes > small].tolist(), sizes[sizes > small].tolist(), strict=True):
        if size > 1:
            members = found[start : start + size, 1]
            chosen = members[np.r_[: (pivots + 1) // 2, size - pivots // 2 : size]]
            yield np.stack([np.repeat(chosen, size), np.tile(members, len(chosen))], axis=1)
