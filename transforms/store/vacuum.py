"""Sweeping what nobody needs any more: what crashes left beside the tables, and what old versions of tables held.

Everything here is for whoever holds the store's lease: no other writer lives. A reader finishes on the version that it opened
as long as that version was the newest within the retention.
"""

import math
import posixpath
import time
from collections.abc import Iterator
from dataclasses import dataclass

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.files import Listed, described, join, remove, remove_files
from prefcurate.transforms.store.remote import persistently
from prefcurate.transforms.store.store import Store

_PAID = frozenset({"annotations", "calls"})
"""A stage that left one of these pending asked somebody: the next run takes all of it up, however old."""


@dataclass(frozen=True)
class Swept:
    """One file that nobody needs: why, its address and its bytes."""

    why: str
    path: str
    bytes: int


def vacuum(store: Store, older_than: float, *, dry_run: bool = False) -> list[Swept]:
    """Removes what nobody needs and gives what it was.

    Args:
        store: the store; the caller holds its lease.
        older_than: the retention in seconds: how long ago a version must have been replaced, or a file left behind.
        dry_run: remove nothing.
    """
    found = list(_unneeded(store, older_than))
    if not dry_run:
        remove_files([swept.path for swept in found])
    return found


def sweep_temporary(store: Store) -> list[Swept]:
    """Removes the temporary files of writers that died, of any age."""
    found = [
        Swept("temporary files", file.path, file.bytes) for file in described(store.root) if _temporary(store, file)
    ]
    remove_files([swept.path for swept in found])
    remove(join(store.root, "_tmp"))
    return found


def _unneeded(store: Store, older_than: float) -> Iterator[Swept]:
    for table in TABLES:
        yield from _of_table(store, table, older_than)
    every = described(store.root)
    files = [file for file in every if file.written <= time.time() - older_than]
    yield from (Swept("temporary files", file.path, file.bytes) for file in files if _temporary(store, file))
    yield from (Swept("unfinished work of dead runs", file.path, file.bytes) for file in _pending(store, files, every))
    yield from (
        Swept("unfinished releases", file.path, file.bytes) for file in _unfinished_releases(store, files, every)
    )


def _of_table(store: Store, table: str, older_than: float) -> Iterator[Swept]:
    """What the log has removed long enough ago, and what it never held: Delta's own rule, without its commits.

    A commit of a vacuum would be a version that no stage made.
    """
    hours = math.ceil(older_than / 3600)
    paths = persistently(
        store.root,
        lambda: store.delta(table).vacuum(
            retention_hours=hours, dry_run=True, enforce_retention_duration=False, full=True
        ),
    )
    if not paths:
        return
    sizes = {file.path: file for file in described(store.address(table))}
    for path in sorted(paths):
        address = join(store.address(table), path)
        if address in sizes and not posixpath.basename(path).startswith("."):
            yield Swept("parts of old versions and dead runs", address, sizes[address].bytes)


def _temporary(store: Store, file: Listed) -> bool:
    name = posixpath.basename(file.path)
    return _within(store, file.path).startswith("_tmp/") or (name.startswith(".") and name.endswith(".tmp"))


def _pending(store: Store, files: list[Listed], every: list[Listed]) -> Iterator[Listed]:
    """What stages left beside the tables that asked nobody for money."""
    pending = [_within(store, file.path).split("/") for file in every]
    paid = {names[1] for names in pending if names[0] == "_pending" and len(names) > 2 and names[2] in _PAID}
    for file in files:
        names = _within(store, file.path).split("/")
        if names[0] == "_pending" and len(names) > 2 and names[1] not in paid and not _temporary(store, file):
            yield file


def _unfinished_releases(store: Store, files: list[Listed], every: list[Listed]) -> Iterator[Listed]:
    """The manifest comes last: a release without one was never there."""
    paths = {file.path for file in every}
    for file in files:
        names = _within(store, file.path).split("/")
        manifest = join(store.root, *names[:2], "manifest.json")
        if names[0] == "releases" and len(names) > 2 and manifest not in paths and not _temporary(store, file):
            yield file


def _within(store: Store, path: str) -> str:
    return path.removeprefix(store.root).lstrip("/")
