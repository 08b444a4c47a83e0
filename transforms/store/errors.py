"""What can be wrong with a store: each message says what and how to mend it."""

from typing import ClassVar

from prefcurate.schemas.errors import SpokenError


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
