"""Band hashes on their way from the shards to the partitions in which equal ones meet: they lie in files, and addresses flow.

A million comparisons have 800 MB of them, which an engine that groups in memory would hold several times over.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.screen.candidates import Records
from prefcurate.transforms.store.files import exists, join, opened, write_bytes

Keyed = tuple[str, int]
"""Of records that may meet: their kind (prompt, pair, conversation) and partition."""


@dataclass(frozen=True, order=True)
class BandSlice:
    """A shard's records of one kind and partition: bytes of a file from ``start`` on."""

    path: str
    start: int
    bytes: int


def save_bands(
    records: Iterable[tuple[str, Records]], root: str, stage: str, shard: int, partitions: int
) -> Iterator[tuple[Keyed, BandSlice]]:
    """Writes a shard's records into one file, named by its content, and tells what of it belongs to which partition."""
    contents: list[bytes] = []
    places: list[tuple[Keyed, int, int]] = []
    size = 0
    for kind, of_kind in records:
        for partition, content in _split(of_kind, partitions):
            places.append(((kind, partition), size, len(content)))
            contents.append(content)
            size += len(content)
    content = b"".join(contents)
    name = f"{hashlib.sha256(content).hexdigest()}.bands"
    path = join(root, "_pending", stage, "bands", f"shard={shard}", name)
    if places and not exists(path):
        write_bytes(path, content)
    for keyed, start, length in places:
        yield keyed, BandSlice(path, start, length)


def load_bands(slices: Iterable[BandSlice]) -> Records:
    """The records of some slices, whatever shards they come from."""
    return np.concatenate([np.empty((0, 2), np.uint64), *map(_read, sorted(slices))])


def _read(piece: BandSlice) -> Records:
    with opened(piece.path) as stream:
        stream.seek(piece.start)
        return np.frombuffer(stream.read(piece.bytes), np.uint64).reshape(-1, 2)


def _split(records: Records, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Records by the lower bits of their hash: whatever shares a band meets in one partition."""
    partition = (records[:, 0] & np.uint64(partitions - 1)).astype(np.int64)
    order = np.argsort(partition, kind="stable")
    ends = np.searchsorted(partition[order], np.arange(partitions + 1))
    for number in np.unique(partition).tolist():
        yield number, np.ascontiguousarray(records[order[ends[number] : ends[number + 1]]]).tobytes()
