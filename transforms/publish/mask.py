"""Personal data out of the rows of a release: marks such as `[e-mail]` in their place. The store keeps what came in."""

from collections import Counter

import pyarrow as pa

from prefcurate.transforms.measures.personal import masked

MASKED = "masked"
"""The name under which a manifest counts what was masked, by kind."""
_COLUMNS = ("prompt", "chosen", "rejected")


def mask_rows(rows: pa.Table) -> tuple[pa.Table, Counter[str]]:
    """Rows with personal data masked in every message, and how many of each kind there were."""
    found: Counter[str] = Counter()
    for name in _COLUMNS:
        conversations = rows[name].to_pylist()
        for message in (message for conversation in conversations for message in conversation):
            message["content"], counted = masked(message["content"] or "")
            found += counted
        field = rows.schema.field(name)
        rows = rows.set_column(rows.schema.get_field_index(name), field, pa.array(conversations, field.type))
    return rows, found
