"""A staged file: the pairs of one input file by shard, waiting beside the tables to be put into them."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefcurate.transforms.ingest.orient import STAGED
from prefcurate.transforms.store.files import replacing

FLUSH_CHARACTERS = 32_000_000
"""Text held in memory before it is written: bounds a worker's memory whatever the file's size."""
_REPEATING = ["source", "file", "intake_id", "licence", "fingerprint", "model_a", "model_b", "origin"]


@dataclass(frozen=True, order=True)
class Slice:
    """The rows of one shard in a staged file: some of its row groups."""

    shard: int
    path: str
    row_groups: tuple[int, ...]


class StagedFile:
    """One Parquet file whose row groups each belong to one shard; whole at the end of its context, or not there.

    Args:
        path: where it shall lie.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._waiting: list[pa.Table] = []
        self._characters = 0
        self._groups: dict[int, list[int]] = defaultdict(list)
        self._written = 0

    def __enter__(self) -> "StagedFile":
        self._replacing = replacing(self._path)
        # Read once and deleted: quick to write counts, and no dictionary of texts that come once.
        self._writer = pq.ParquetWriter(
            self._replacing.__enter__(),
            STAGED,
            compression="lz4",
            use_dictionary=_REPEATING,
            write_statistics=["shard", "prompt_id"],
        )
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self._flush()
        self._writer.close()
        self._replacing.__exit__(kind, error, trace)

    def add(self, pairs: pa.Table, characters: int) -> None:
        """Takes rows of `STAGED` with so many characters of text; they are written when there are enough."""
        if not pairs.num_rows:
            return
        self._waiting.append(pairs)
        self._characters += characters
        if self._characters > FLUSH_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        waiting = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._characters = [], 0
        # Arrow sorts stably: rows of a shard stay in the order of the file.
        waiting = waiting.take(pc.sort_indices(waiting, [("shard", "ascending")]))
        start = 0
        for shard, count in zip(*np.unique(waiting["shard"].to_numpy(), return_counts=True), strict=True):
            self._writer.write_table(waiting.slice(start, count), row_group_size=count)
            self._groups[int(shard)].append(self._written)
            self._written += 1
            start += count

    def slices(self) -> tuple[Slice, ...]:
        """Where the rows of each shard lie, once all are written."""
        return tuple(Slice(shard, self._path, tuple(groups)) for shard, groups in sorted(self._groups.items()))
