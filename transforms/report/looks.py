"""How the two responses of a labelled pair look beside each other, without what they say; texts stream by once."""

import pyarrow as pa

from prefcurate.transforms.measures.rules import RULES, picks
from prefcurate.transforms.store.snapshot import Snapshot

_BATCH = 1024
LOOKS = pa.schema(
    [
        ("comparison_id", pa.string()),
        *((rule, pa.string()) for rule in RULES[:-1]),
        ("characters", pa.int64()),  # of the prompt and both responses
    ]
)
"""Of a pair: which response each of `RULES` takes, but the one that is about the place."""
_TEXTS = """
    SELECT comparison_id, response_a_text, response_b_text, length(prompt_text) FROM comparisons
    WHERE comparison_id IN (SELECT comparison_id FROM annotations WHERE label IS NOT NULL)
"""


def read_looks(snapshot: Snapshot, shard: int) -> pa.Table:
    """The looks of every pair of a shard on which somebody has an opinion, as `LOOKS`."""
    with snapshot.connect(["comparisons", "annotations"], shard) as connection:
        return pa.Table.from_batches(map(_looks, connection.sql(_TEXTS).to_arrow_reader(_BATCH)), LOOKS)


def _looks(batch: pa.RecordBatch) -> pa.RecordBatch:
    ids, *texts, asked = (batch.column(i).to_pylist() for i in range(4))
    pairs = [(a or "", b or "") for a, b in zip(*texts, strict=True)]
    rules = zip(*(picks(a, b) for a, b in pairs), strict=True) if pairs else [()] * len(RULES[:-1])
    characters = [len(a) + len(b) + (n or 0) for (a, b), n in zip(pairs, asked, strict=True)]
    columns = [
        pa.array(ids, pa.string()),
        *(pa.array(list(rule), pa.string()) for rule in rules),
        pa.array(characters, pa.int64()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=LOOKS)
