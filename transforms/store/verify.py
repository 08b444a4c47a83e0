"""Looks whether every file that a store names is there and has the bytes that were written.

A part is named by the sha256 of its bytes and its size stands in the table's log; a release's manifest holds both of its files.
"""

import hashlib
import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal

import pyarrow as pa
from deltalake.exceptions import DeltaError

from prefcurate.schemas.tables import SCHEMA_VERSION, TABLES
from prefcurate.transforms.store.about import about_file, read_about
from prefcurate.transforms.store.errors import DamagedStore, StoreError
from prefcurate.transforms.store.files import described, exists, join, listed, names_in, opened, read_bytes, size_of
from prefcurate.transforms.store.logs import empty_commits, has_log, log_folder
from prefcurate.transforms.store.losses import REPAIR
from prefcurate.transforms.store.parts import table_folder
from prefcurate.transforms.store.store import Store

READERS = 4
"""Files that are read side by side: a checksum waits for the disk, and for a store over the network longer."""
Kind = Literal["about", "log", "part", "spare", "release"]
WITHDRAWN = "WITHDRAWN"
"""All that is left in the folder of a release that a forgetting withdrew: a note that says when and why."""


@dataclass(frozen=True, order=True)
class Damage:
    """One file that is missing or not what was written.

    Attributes:
        kind: about (`store.json`), log (of a table), part (that the table's newest version names), spare (a part that no
            table names: older, or finished and not committed yet), release (a file of a release, or `current`).
        table: whose it is; for a release its id.
        shard: the part's; 0 otherwise.
        path: the file.
        what: in words what is wrong with it.
        rows: that are lost with it, where something knows that.
    """

    kind: Kind
    table: str
    shard: int
    path: str
    what: str
    rows: int = 0

    def __str__(self) -> str:
        """One line for a person."""
        of = f"release {self.table}" if self.kind == "release" else self.table
        where = f"{of}, shard {self.shard}" if self.kind in ("part", "spare") else of
        rows = f", {self.rows:,} rows" if self.rows else ""
        return f"{where}: {self.path} {self.what}{rows}"


@dataclass(frozen=True)
class _Expected:
    kind: Kind
    table: str
    shard: int
    path: str
    bytes: int | None
    sha256: str
    rows: int = 0


_Check = Callable[[Iterable[_Expected]], Iterator[Damage | None]]


def stored_bytes(root: str) -> int:
    """Of all files below a store's address."""
    return sum(file.bytes for file in described(root))


def find_damage(root: str, suspects: Container[str] | None = None) -> list[Damage]:
    """Everything in a store that is not what was written. Reads every file once.

    Args:
        root: the store.
        suspects: names of files (without folders); of all other parts and files of releases only the size is looked at then.

    Raises:
        StoreError: there is no store at this address.
    """
    if not exists(join(table_folder(root, "comparisons"))) and not exists(about_file(root)):
        raise StoreError(f"there is no store at {root}; `prefcurate run CONFIG` makes one")
    store = Store(root, 1)
    about = list(_about(root))
    logs = {damage.table: damage for table in TABLES for damage in _log(store, table, bool(about))}
    logs |= {damage.table: damage for damage in _lags(store, logs)}
    expected = [
        *(part for table in TABLES if table not in logs for part in _parts(store, table)),
        *_pending(root),
    ]
    with ThreadPoolExecutor(READERS) as readers:
        check = partial(_checked, suspects=suspects)
        parts = [damage for damage in readers.map(check, expected) if damage is not None]
        lost_ledger = "stages" in logs or any(damage.table == "stages" for damage in parts)
        releases = list(_releases(store, partial(readers.map, check), lost_ledger))
    return sorted([*about, *logs.values(), *parts, *releases])


def damaged_parts(root: str, table: str) -> list[Damage]:
    """The parts of a table, whether its log names them or not, that are not what was written."""
    paths = [path for path in listed(table_folder(root, table), ".parquet") if "/_delta_log/" not in path]
    found = [_checked(_Expected("spare", table, _shard(path), path, None, _name(path))) for path in paths]
    return [damage for damage in found if damage is not None]


def damaged(root: str, found: Iterable[Damage]) -> DamagedStore:
    """What to say where damage was met."""
    lines = [str(damage) for damage in found]
    more = [f"… and {len(lines) - 5} more"] if len(lines) > 5 else []
    listed = "\n  ".join([*lines[:5], *more])
    return DamagedStore(
        f"files of the store {root} are damaged:\n  {listed}\n"
        "`prefcurate repair CONFIG` sets them aside and computes again what it can"
    )


def _about(root: str) -> Iterator[Damage]:
    path = about_file(root)
    try:
        if read_about(root) is None:
            yield Damage("about", "store.json", 0, path, "is missing")
    except DamagedStore:
        yield Damage("about", "store.json", 0, path, "cannot be understood")


def _log(store: Store, table: str, about_lost: bool) -> Iterator[Damage]:
    log = log_folder(store.root, table)
    if not has_log(store.root, table):
        # A table that a newer version brings is made by the next run.
        told = None if about_lost else read_about(store.root)
        if listed(store.address(table), ".parquet") or (told and told.schema_version == SCHEMA_VERSION):
            yield Damage("log", table, 0, log, "is missing")
        return
    try:
        _rows(store, table)
    except (DeltaError, ValueError, KeyError) as error:
        broken = _broken_file(log)
        if broken is None and "gap" not in str(error) and "No protocol" not in str(error):
            raise
        yield Damage("log", table, 0, broken or log, "cannot be read" if broken else "lacks a commit")
        return
    empty = empty_commits(store.root, table)
    if empty:
        yield Damage("log", table, 0, empty[0], "is empty")


def _lags(store: Store, logs: Mapping[str, Damage]) -> Iterator[Damage]:
    """Tables whose newest commits are gone, as the ledger knows."""
    if "stages" in logs:
        return
    try:
        ledger = store.ledger()
    except (DeltaError, OSError, ValueError):
        return
    repaired = max((entry.sequence for entry in ledger if entry.stage == REPAIR), default=0)
    wanted = {t: v for entry in ledger if entry.sequence > repaired for t, v in entry.versions.items()}
    for table, version in sorted(wanted.items()):
        if table in TABLES and table not in logs and store.version(table) < version:
            log = log_folder(store.root, table)
            yield Damage("log", table, 0, log, f"lacks the commits behind version {store.version(table)}")


def _broken_file(log: str) -> str | None:
    for path in listed(log, ".json"):
        try:
            for line in read_bytes(path).decode().splitlines():
                json.loads(line)
        except ValueError:
            return path
    return next((path for path in listed(log, ".checkpoint.parquet") if not _is_parquet(path)), None)


def _is_parquet(path: str) -> bool:
    content = read_bytes(path)
    return len(content) > 8 and content[:4] == content[-4:] == b"PAR1"


def _rows(store: Store, table: str) -> list[dict[str, object]]:
    actions: list[dict[str, object]] = store.actions(table).to_pylist()
    return actions


def _parts(store: Store, table: str) -> Iterator[_Expected]:
    folder = store.address(table)
    named = set()
    for action in _rows(store, table):
        path = join(folder, str(action["path"]))
        named.add(path)
        size, rows, shard = (int(str(action[key])) for key in ("size_bytes", "num_records", "partition.shard"))
        yield _Expected("part", table, shard, path, size, _name(path), rows)
    for path in listed(folder, ".parquet"):
        if path not in named and "/_delta_log/" not in path:
            yield _Expected("spare", table, _shard(path), path, None, _name(path))


def _pending(root: str) -> Iterator[_Expected]:
    for path in listed(join(root, "_pending"), ".parquet"):
        table = path.rpartition("/shard=")[0].rpartition("/")[2]
        if table in TABLES and _name(path):
            yield _Expected("spare", table, _shard(path), path, None, _name(path))


def _name(path: str) -> str:
    """The sha256 that a part's name promises; empty when it promises none."""
    stem = path.rpartition("/")[2].removesuffix(".parquet")
    return stem if len(stem) == 64 and not set(stem) - set("0123456789abcdef") else ""


def _shard(path: str) -> int:
    told = path.rpartition("/shard=")[2].partition("/")[0]
    return int(told) if told.isdigit() else 0


def _checked(expected: _Expected, suspects: Container[str] | None = None) -> Damage | None:
    what = _wrong(expected, suspects is None or expected.path.rpartition("/")[2] in suspects)
    if what is None:
        return None
    return Damage(expected.kind, expected.table, expected.shard, expected.path, what, expected.rows)


def _wrong(expected: _Expected, bytes_too: bool) -> str | None:
    try:
        size = size_of(expected.path)
        if expected.bytes is not None and size < expected.bytes:
            return f"is truncated: {size:,} of {expected.bytes:,} bytes"
        if not expected.sha256 or not bytes_too:
            return None
        with opened(expected.path) as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return None if digest == expected.sha256 else "is corrupted: its bytes are not those that were written"


def _releases(store: Store, checked: _Check, lost_ledger: bool) -> Iterator[Damage]:
    names = names_in(join(store.root, "releases"))
    sealed = _sealed(store)
    for name in sorted({*names, *sealed} - {"current"}):
        yield from _release(store, name, sealed.get(name), checked)
    pointer = join(store.root, "releases", "current")
    told = read_bytes(pointer).decode(errors="replace").strip() if exists(pointer) else ""
    if sealed and told not in sealed:
        yield Damage("release", "current", 0, pointer, "names no release" if told else "is missing or empty")


def _sealed(store: Store) -> dict[str, str]:
    """The sha256 of the manifest of every release that was committed; empty when the table cannot tell."""
    try:
        rows = store.dataset("releases").to_table(columns=["release_id", "manifest_sha256"]).to_pylist()
    except (DeltaError, OSError, pa.ArrowException):
        return {}
    return {row["release_id"]: row["manifest_sha256"] for row in rows}


def _release(store: Store, name: str, sealed: str | None, checked: _Check) -> Iterator[Damage]:
    folder = join(store.root, "releases", name)
    path = join(folder, "manifest.json")
    if exists(join(folder, WITHDRAWN)):
        # Somebody's forgetting took it away; the note is all that is left of it.
        return
    if not exists(path):
        # A release without a manifest and without a row was never finished; the next run finishes it.
        if sealed is not None:
            yield Damage("release", name, 0, path, "is missing")
        return
    content = read_bytes(path)
    try:
        files = json.loads(content)["files"]
    except (ValueError, KeyError, TypeError):
        files = None
    if files is None or sealed not in (None, hashlib.sha256(content).hexdigest()):
        yield Damage("release", name, 0, path, "is corrupted: it is not the manifest that was written")
        return
    wanted = [_Expected("release", name, 0, join(folder, f["path"]), f["bytes"], f["sha256"], f["rows"]) for f in files]
    yield from (damage for damage in checked(wanted) if damage is not None)
    if not exists(join(folder, "README.md")):
        yield Damage("release", name, 0, join(folder, "README.md"), "is missing")
