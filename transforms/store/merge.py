"""Merging the parts of a shard into one: sorted, each key once, without holding the shard in memory."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.dataset as ds

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.files import arrow_dataset
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.store import Store


def merge_parts(store: Store, parts: Sequence[Part], committed_version: int | None) -> Part | None:
    """One part in final form out of several of the same table and shard; None when nothing new remains.

    Of rows with the same key the first part's (by name) stands; rows whose key the committed version already holds are left
    out, since the first committed stands. A single part that is already final and new is returned as it is.

    Args:
        store: the store.
        parts: parts of one table and one shard, pending or final.
        committed_version: the version whose keys stand, or None for views.
    """
    parts = sorted(set(parts))
    table, shard = TABLES[parts[0].table], parts[0].shard
    committed = None if committed_version is None else store.dataset(table.name, committed_version, shard)
    has_committed = committed is not None and committed.count_rows() > 0
    if len(parts) == 1 and not parts[0].pending and not has_committed:
        return parts[0]
    with connect() as connection:
        key = ", ".join(f'"{column}"' for column in table.key)
        order = ", ".join(f'"{column}"' for column in table.order)
        for index, part in enumerate(parts):
            connection.register(f"part_{index}", dataset_of(part))
        union = " UNION ALL ".join(f"SELECT {index} AS __part, * FROM part_{index}" for index in range(len(parts)))
        new = f"SELECT * FROM ({union}) AS new"
        if has_committed:
            connection.register("committed", committed)
            # Part of a key may be null (ours have no row_hash), and USING finds no null equal to another.
            same = " AND ".join(f'new."{column}" IS NOT DISTINCT FROM old."{column}"' for column in table.key)
            new += f" ANTI JOIN (SELECT {key} FROM committed) AS old ON {same}"
        counted = connection.sql(f"SELECT count(*), count(DISTINCT ({key})) FROM ({new})").fetchall()[0]
        # The window holds whole rows: only when some key really comes twice.
        once = "" if counted[0] == counted[1] else f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY __part) = 1"
        query = f"SELECT * EXCLUDE (__part) FROM ({new}) {once} ORDER BY {order}"
        reader: pa.RecordBatchReader = connection.sql(query).to_arrow_reader(2048)
        return write_part(store.root, table.name, shard, reader)


def dataset_of(part: Part) -> ds.Dataset:
    """The rows of one part."""
    schema = TABLES[part.table].schema.remove_metadata()
    return arrow_dataset([part.path], schema)
