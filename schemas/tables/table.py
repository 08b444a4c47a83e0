"""What a table is: its schema, its key, and whether it is appended to or made anew."""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

SCHEMA_VERSION = 2
STRING, INT, FLOAT, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
STRINGS = pa.list_(pa.string())


@dataclass(frozen=True)
class Table:
    """A table: `fact` tables are append-only and hold each `key` once; `view` tables are recomputed as a whole."""

    name: str
    role: Literal["fact", "view"]
    key: tuple[str, ...]
    schema: pa.Schema

    @property
    def order(self) -> tuple[str, ...]:
        """The columns that rows are sorted by inside a part."""
        return ("prompt_id", *(column for column in self.key if column != "prompt_id"))


def table(name: str, role: Literal["fact", "view"], key: str, /, **columns: pa.DataType) -> Table:
    """A table of those columns, and `prompt_id`; `key` names columns between spaces."""
    schema = pa.schema(
        [("prompt_id", pa.string()), *columns.items()], metadata={"prefcurate.schema": str(SCHEMA_VERSION)}
    )
    return Table(name, role, tuple(key.split()), schema)
