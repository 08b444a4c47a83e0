"""The one place where DuckDB is opened: one thread, bounded memory, and a folder of its own for what does not fit."""

import os
import re
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path

import duckdb

MEMORY = "1GB"
"""What one connection holds before it goes to disk. A shard of 200 MB of text fits; a worker has one or two at work."""

_PATTERN = re.compile(r"[*?\[{]")
"""What DuckDB would take for a pattern of names in a path."""


def reads(paths: Iterable[str]) -> bool:
    """Whether DuckDB's own reader can be given these files: local ones, whose names it does not take for patterns.

    It holds one row group, where that of an Arrow dataset reads many ahead, all of a shard's text.
    """
    return not any("://" in path or _PATTERN.search(path) for path in paths)


def connect() -> duckdb.DuckDBPyConnection:
    """A connection to a database in memory. Sorts and joins beyond `MEMORY` go to the system's folder for temporary files.

    Each has a folder of its own, made when it is needed and removed when the connection closes: several in one folder would
    overwrite one another's files. One thread, because every worker has its own, and so that rows keep their order.
    """
    spill = Path(tempfile.gettempdir()) / f"prefcurate-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": MEMORY,
        "temp_directory": str(spill),
        "preserve_insertion_order": True,
    }
    return duckdb.connect(config=settings)
