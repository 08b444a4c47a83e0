"""The Arrow schema of every table of a store, its key and its order.

Every row belongs to one prompt (`prompt_id`; empty where a row is about no prompt) and lies in that prompt's shard; `shard` itself is
the partition column of the Delta table and not stored in the parts. Additive changes raise `SCHEMA_VERSION`.
"""

from prefcurate.schemas.tables.curation import CURATION, VECTOR
from prefcurate.schemas.tables.inputs import INPUTS, MESSAGES, PART
from prefcurate.schemas.tables.outputs import OUTPUTS, PREFERENCES, SOURCES
from prefcurate.schemas.tables.table import INT, SCHEMA_VERSION, STRING, STRINGS, Table, table

__all__ = ["MESSAGES", "PART", "PREFERENCES", "SCHEMA_VERSION", "SOURCES", "STRINGS", "TABLES", "VECTOR", "Table"]

_LEDGER = table(
    "stages",
    "fact",
    "stage sequence",
    stage=STRING,
    sequence=INT,
    run_id=STRING,
    settings=STRING,
    inputs=STRING,  # JSON: the state of every stage that it builds on
    state=STRING,
    versions=STRING,  # JSON: table to version after the commit
    detail=STRING,  # JSON: what the stage wants to be remembered, e.g. ingest's active intakes
)

TABLES: dict[str, Table] = {each.name: each for each in (*INPUTS, *CURATION, *OUTPUTS, _LEDGER)}
