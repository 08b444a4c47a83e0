"""What the steps of one publication hand to each other: small files of ids beside the tables, and their descriptions."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.files import join, opened, replacing
from prefcurate.transforms.store.parts import Part
from prefcurate.transforms.store.snapshot import Snapshot


@dataclass(frozen=True)
class Planned:
    """Every prompt has its split: where the plans of the shards lie, and the parts that make new splits facts."""

    snapshot: Snapshot
    work: str
    splits: tuple[Part, ...]


@dataclass(frozen=True)
class ShardTask:
    """One shard to be judged."""

    snapshot: Snapshot
    work: str
    shard: int


@dataclass(frozen=True, order=True)
class Load:
    """What one shard will give to the release, in bytes of text."""

    shard: int
    bytes: int


@dataclass(frozen=True)
class FileTask:
    """Consecutive shards whose rows are written together, each folder of the release into files of its own."""

    snapshot: Snapshot
    work: str
    shards: tuple[int, ...]


@dataclass(frozen=True, order=True)
class ReleaseFile:
    """A written file before it has its name in the release; `tally` counts its rows by (column, value)."""

    folder: str
    first_shard: int
    roll: int
    path: str
    sha256: str
    rows: int
    bytes: int
    tally: tuple[tuple[str, str, int], ...]


def work_folder(context: StageContext, snapshot: Snapshot) -> str:
    """Where the files of this publication lie until it is committed: another one never reads them."""
    read = [list(snapshot.versions), list(snapshot.intakes), list(snapshot.fingerprints)]
    name = stable_hash("publication", context.settings, context.seed, *read)
    return join(context.store.root, "_pending", context.stage, name)


def write_work(uri: str, batches: Iterable[pa.RecordBatch | pa.Table], schema: pa.Schema) -> None:
    """Writes a file of ids whole or not at all."""
    with replacing(uri) as local, pq.ParquetWriter(local, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(pa.table(batch).cast(schema))


def read_work(uri: str) -> pa.Table:
    """The ids that `write_work` wrote."""
    with opened(uri) as stream:
        return pq.read_table(stream)
