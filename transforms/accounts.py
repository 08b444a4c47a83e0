"""What became of every input row, per source, from what was committed: used, merged, auxiliary or quarantined.

A row is *used* when one of its pairs stands for its occurrence and either says something (a label, rating, span or
material) or is the first to give the comparison; any other row that could be read repeated something and is *merged*. All
rows of a file that was read again under a second name are merged. What one row fans out into is counted apart, as `pairs`.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.snapshot import Snapshot

# Within a shard: an occurrence and the repeats of a comparison all lie where its prompt does.
_USED = """
    WITH standing AS (
        SELECT comparison_id, source, file, number, intake_id, facts FROM occurrences
        WHERE comparison_id <> ''  -- a row about a prompt alone is auxiliary
        QUALIFY row_number() OVER (PARTITION BY prompt_id, occurrence_id ORDER BY file, number, intake_id) = 1
    )
    SELECT intake_id, number FROM standing
    QUALIFY facts > 0
        OR row_number() OVER (PARTITION BY comparison_id ORDER BY source, file, number, intake_id) = 1
"""
_BATCH = 65_536


@dataclass(frozen=True)
class SourceAccount:
    """The account of one source; `rows` is exactly `used + merged + auxiliary + quarantined`."""

    source: str
    rows: int
    used: int
    merged: int
    auxiliary: int
    quarantined: int
    pairs: int
    """What its rows fanned out into, repeats included; one row can give many."""


@dataclass(frozen=True)
class UsedRows:
    """Which rows of one file a shard used: one bit a row, compressed. Shards are joined by `source_accounts`."""

    intake_id: str
    bits: bytes


def used_rows(snapshot: Snapshot, shard: int) -> list[UsedRows]:
    """The rows that are used for a pair of this shard, per file. Reads five columns of `occurrences`, no text.

    The pairs of one row can lie in different shards, so a shard names rows instead of counting them.
    """
    found: dict[str, bytearray] = {}
    with snapshot.connect(["occurrences"], shard) as connection:
        reader: pa.RecordBatchReader = connection.sql(_USED).to_arrow_reader(_BATCH)
        for batch in reader:
            for intake in pc.unique(batch["intake_id"]).to_pylist():
                numbers = batch.filter(pc.equal(batch["intake_id"], intake))["number"].to_numpy()
                _mark(found.setdefault(intake, bytearray()), numbers)
    return [UsedRows(intake, zlib.compress(bytes(bits))) for intake, bits in sorted(found.items())]


def source_accounts(snapshot: Snapshot, used: Iterable[UsedRows]) -> list[SourceAccount]:
    """The accounts of all sources, sorted by name, from what every shard used.

    Raises:
        ValueError: more rows of a file were used than it had; the store contradicts itself.
    """
    rows_used = _count(used)
    accounts: dict[str, Counter[str]] = {}
    for intake in snapshot.table("intakes").to_pylist():
        account = accounts.setdefault(intake["source"], Counter())
        account.update(_of_intake(intake, rows_used.get(intake["intake_id"], 0)))
    return [
        SourceAccount(
            source, *(account[what] for what in ("rows", "used", "merged", "auxiliary", "quarantined", "pairs"))
        )
        for source, account in sorted(accounts.items())
    ]


def accounts_table(accounts: Iterable[SourceAccount]) -> pa.Table:
    """The rows of the table `accounts`."""
    rows = [{"prompt_id": "", **vars(account)} for account in accounts]
    return pa.Table.from_pylist(rows, schema=TABLES["accounts"].schema)


def _of_intake(intake: Mapping[str, int | str | None], used: int) -> dict[str, int]:
    rows, auxiliary, quarantined = (int(intake[name] or 0) for name in ("rows", "auxiliary", "quarantined"))
    if intake["same_as"] is not None:
        return {"rows": rows, "merged": rows}
    merged = rows - auxiliary - quarantined - used
    if merged < 0:
        raise ValueError(
            f"{intake['file']} of source {intake['source']!r} has {rows} rows ({auxiliary} auxiliary, {quarantined} "
            f"quarantined), but {used} are used: the tables occurrences and intakes contradict each other"
        )
    pairs = int(intake["pairs"] or 0)
    return {
        "rows": rows,
        "used": used,
        "merged": merged,
        "auxiliary": auxiliary,
        "quarantined": quarantined,
        "pairs": pairs,
    }


def _mark(bits: bytearray, numbers: np.ndarray) -> None:
    short = int(numbers.max()) // 8 + 1 - len(bits)
    if short > 0:
        bits.extend(bytes(short))
    np.bitwise_or.at(np.frombuffer(bits, np.uint8), numbers // 8, np.left_shift(1, numbers % 8).astype(np.uint8))


def _count(used: Iterable[UsedRows]) -> dict[str, int]:
    """How many different rows of each file are named by any shard."""
    together: dict[str, np.ndarray] = {}
    for rows in used:
        bits = np.frombuffer(zlib.decompress(rows.bits), np.uint8)
        known = together.get(rows.intake_id, np.zeros(0, np.uint8))
        size = max(len(known), len(bits))
        together[rows.intake_id] = np.pad(known, (0, size - len(known))) | np.pad(bits, (0, size - len(bits)))
    return {intake: int.from_bytes(bits.tobytes()).bit_count() for intake, bits in together.items()}
