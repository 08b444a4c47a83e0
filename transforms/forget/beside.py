"""What lies beside the tables: files that a run made to be read once, and those that bear names."""

import re
from collections.abc import Iterable

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.reservations import settle_dead
from prefcurate.transforms.forget.pending import PAID
from prefcurate.transforms.store.files import join, listed, read_bytes, remove, write_bytes
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.tombstones import Tombstones

REMADE = ("_artefacts", "_damaged", "_tmp", "queues", "report")
"""Folders whose every file the next run makes anew, or nobody needs: fitted models, parts that a repair has set aside,
queues and the report quote texts and name annotators."""
_NAME = re.compile(r'"(\w+:(?:([^"/]+)/)?[^"]+)"')
"""The name of an annotator in JSON, and the source that it came with."""


def settle_reservations(store: Store) -> None:
    """Money that a stopped run had set aside becomes rows of calls: their questions must not come back later."""
    prefix = join(store.root, "_reservations")
    stages = {path[len(prefix) + 1 :].split("/")[0] for path in listed(prefix, ".json")}
    for stage in sorted(stages):
        settle_dead(store, stage, living_run="")


def sweep_beside(store: Store, wanted: Tombstones) -> None:
    """Removes what the next run makes anew, unfinished work that cost nothing, and names of annotators in old configurations."""
    for folder in REMADE:
        for path in listed(join(store.root, folder)):
            remove(path)
    for path in listed(join(store.root, "_pending")):
        if not any(f"/{table}/shard=" in path for table in PAID) or not path.endswith(".parquet"):
            remove(path)
    # Pages of an error quote what they like.
    for path in listed(join(store.root, "_runs"), ".txt"):
        remove(path)
    _without_names(listed(join(store.root, "_runs"), ".json"), wanted)


def purge(store: Store) -> int:
    """Removes every file of every table that its newest version does not hold: older versions can be read no more.

    Returns:
        how many files went.
    """
    gone = 0
    for table in TABLES:
        address = store.address(table)
        held = {path for _, path in store.files(table)}
        for path in listed(address):
            if path not in held and not path.startswith(join(address, "_delta_log")):
                remove(path)
                gone += 1
    return gone


def _without_names(paths: Iterable[str], wanted: Tombstones) -> None:
    def replaced(found: re.Match[str]) -> str:
        gone = wanted.has_annotator(found[1]) or wanted.has_source(found[2] or "")
        return '"(forgotten)"' if gone else found[0]

    for path in paths:
        content = read_bytes(path).decode()
        clean = _NAME.sub(replaced, content)
        if clean != content:
            write_bytes(path, clean.encode())
