"""Band hashes on their way from the shards to the partitions in which equal ones meet: they lie in files, and addresses flow.

A million comparisons have 800 MB of them, which an engine that groups in memory would hold several times over.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prefcurate.transforms.screen.candidates import Records
from prefcurate.transforms.store.files import exists, join, opened, write_bytes

Keyed = tuple[str, int]
"""Of records that may meet: their kind (prompt, pair, response, conversation) and partition."""


@dataclass(frozen=True, order=True)
class BandSlice:
    """A shard's records of one kind and partition: bytes of a file from ``start`` on."""

    path: str
    start: int
    bytes: int


def save_bands(
    records: Iterable[tuple[str, Records]], root: str, stage: str, shard: int, partitions: int
) -> Iterator[tuple[Keyed, BandSlice]]:
    """Writes a shard's records into a file for each kind, named by its content, and tells what belongs to which partition."""
    for kind, of_kind in records:
        ordered, ends = _by_partition(of_kind, partitions)
        content = ordered.tobytes()
        name = f"{hashlib.sha256(content).hexdigest()}.bands"
        path = join(root, "_pending", stage, "bands", f"shard={shard}", name)
        if content and not exists(path):
            write_bytes(path, content)
        for partition in np.flatnonzero(np.diff(ends)).tolist():
            start, end = (int(ends[place]) * ordered.itemsize * 2 for place in (partition, partition + 1))
            yield (kind, partition), BandSlice(path, start, end - start)


def load_bands(slices: Iterable[BandSlice]) -> Records:
    """The records of some slices, whatever shards they come from."""
    return np.concatenate([np.empty((0, 2), np.uint64), *map(_read, sorted(slices))])


def _read(piece: BandSlice) -> Records:
    with opened(piece.path) as stream:
        stream.seek(piece.start)
        return np.frombuffer(stream.read(piece.bytes), np.uint64).reshape(-1, 2)


def _by_partition(records: Records, partitions: int) -> tuple[Records, NDArray[np.int64]]:
    """Records by the lower bits of their hash, and where each partition begins: whatever shares a band meets in one partition."""
    partition = (records[:, 0] & np.uint64(partitions - 1)).astype(np.int64)
    order = np.argsort(partition, kind="stable")
    return records[order], np.searchsorted(partition[order], np.arange(partitions + 1))
