"""What can be wrong with a store: each message says what and how to mend it."""

import re
from typing import ClassVar

from prefcurate.schemas.errors import SpokenError

FULL_WORDS = re.compile(
    r"no space left|errno 28|os error 28|quota exceeded|errno 122|os error 122|file too large|errno 27|os error 27",
    re.I,
)
"""How a full disk, a used-up quota and a file beyond its limit are told by Python, Arrow, DuckDB and Delta."""


class StoreError(SpokenError):
    """Something about a store that a person must decide: the message says what and how."""


class WrongStore(StoreError):
    """The configuration names a store that does not fit it, or a place where none can be."""

    exit_status: ClassVar[int] = 2


class CommitConflict(StoreError):
    """Another run committed first; what this run finished is kept and taken up by the next."""


class DamagedStore(StoreError):
    """Files of a store are missing or not what was written; `prefcurate repair` sets them aside."""


class StoreFull(StoreError):
    """There is no room where a run writes, or it may not write there."""
