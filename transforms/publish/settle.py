"""What no shard can decide alone: which of several near-duplicate pairs is published, and which shards share a file."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from prefcurate.transforms.publish.fates import fates_file
from prefcurate.transforms.publish.work import FileTask, Load, Planned, read_work, write_work
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.files import join

NO_CAP = 2**62
FILE_BYTES = 256 * 2**20
"""Text that goes into one file before the next is begun; about a third of it on disk."""
TASK_BYTES = FILE_BYTES // 2
"""Text of shards that one worker writes together: smaller files, but more workers at work."""

_S = pa.string()
CONTENDERS = pa.schema(
    [
        ("pair_cluster", _S),
        ("comparison_id", _S),
        ("prompt_id", _S),
        ("evidence", pa.int64()),
        ("capped", pa.bool_()),  # its prompt has as many pairs with more evidence as may be published
    ]
)
DUPLICATES = pa.schema([("comparison_id", _S), ("prompt_id", _S), ("representative", _S)])
_DUPLICATES = """
    SELECT comparison_id, prompt_id, first_value(comparison_id) OVER ranked AS representative FROM contenders
    WINDOW ranked AS (PARTITION BY pair_cluster ORDER BY capped, evidence DESC, comparison_id)
    QUALIFY row_number() OVER ranked > 1
    ORDER BY prompt_id, comparison_id
"""


def settle(loads: Sequence[Load], planned: Planned, most: int | None) -> Iterator[FileTask]:
    """Writes which pairs give way to a near duplicate, and says which shards are written together.

    Args:
        loads: of all shards.
        planned: what was planned.
        most: how many pairs of one prompt may be published; None for all.
    """
    shards = sorted({load.shard for load in loads})
    contenders = pa.concat_tables(
        [CONTENDERS.empty_table(), *(_contenders(planned.work, shard, most) for shard in shards)]
    )
    write_work(duplicates_file(planned.work), [duplicates(contenders)], DUPLICATES)
    for together in pack(loads):
        yield FileTask(planned.snapshot, planned.work, together)


def duplicates(contenders: pa.Table) -> pa.Table:
    """The pairs that give way (`CONTENDERS` to `DUPLICATES`): of a cluster the one with most evidence, then smallest id, stays.

    One that the cap would withhold stays only where it would withhold all of them: nothing gives way to what is not published.
    """
    with connect() as connection:
        connection.register("contenders", contenders)
        return connection.sql(_DUPLICATES).to_arrow_table().cast(DUPLICATES)


def pack(loads: Iterable[Load], limit: int = TASK_BYTES) -> Iterator[tuple[int, ...]]:
    """Consecutive shards whose text one worker writes into one file; a shard larger than ``limit`` stands alone."""
    together: list[int] = []
    size = 0
    for load in sorted(loads):
        if together and size + load.bytes > limit:
            yield tuple(together)
            together, size = [], 0
        together.append(load.shard)
        size += load.bytes
    if together:
        yield tuple(together)


def duplicates_file(work: str) -> str:
    """Where the pairs that give way to a near duplicate are listed, of all shards."""
    return join(work, "duplicates.parquet")


def _contenders(work: str, shard: int, most: int | None) -> pa.Table:
    judged = read_work(fates_file(work, shard))
    with connect() as connection:
        connection.register("judged", judged)
        found = connection.sql(
            "SELECT pair_cluster, comparison_id, prompt_id, evidence, row_number() OVER (PARTITION BY prompt_id "
            "ORDER BY evidence DESC, comparison_id) > $most AS capped FROM judged WHERE reason IS NULL "
            "QUALIFY pair_cluster IS NOT NULL",
            params={"most": NO_CAP if most is None else most},
        )
        return found.to_arrow_table().cast(CONTENDERS)
