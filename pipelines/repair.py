"""`prefcurate repair STORE_OR_CONFIG`: damaged files are named, set aside, and made again where that can be."""

import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefcurate.transforms.publish.restore import mend_releases
from prefcurate.transforms.store.files import absolute
from prefcurate.transforms.store.lease import Lease
from prefcurate.transforms.store.repair import Repaired
from prefcurate.transforms.store.repair import repair as repair_tables
from prefcurate.transforms.store.verify import Damage, find_damage

_SHOWN = 100


@dataclass(frozen=True)
class Report:
    """What was found and done.

    Attributes:
        root: the store.
        damage: every damaged file.
        aside: where they lie now; None when nothing was touched.
        lines: in words, what became of it.
    """

    root: str
    damage: tuple[Damage, ...]
    aside: str | None = None
    lines: tuple[str, ...] = ()


def is_store(target: str) -> bool:
    """Whether a command's argument is a store and not a configuration: a folder, or an address that is no YAML file."""
    if "://" in target:
        return not target.endswith((".yaml", ".yml"))
    return Path(target).expanduser().is_dir()


def check(root: str) -> Report:
    """Looks, and touches nothing. Reads every file of the store once.

    Raises:
        StoreError: there is no store at this address.
    """
    root = absolute(root)
    return Report(root, tuple(find_damage(root)))


def repair(root: str) -> Report:
    """Sets everything that is damaged aside and takes it out of the tables.

    Raises:
        StoreError: there is no store at this address, or nothing tells how it was made.
        StoreBusy: a run is at work on it.
    """
    run_id = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
    found = check(root)
    if not found.damage:
        return found
    with Lease(found.root, run_id, "repair") as lease:
        lease.take()
        # What a run at work then was about to write may have been among it.
        found = check(root)
        done = repair_tables(found.root, run_id, found.damage)
        lines = mend_releases(done.store, done.damage, done.aside, run_id)
    return Report(found.root, done.damage, done.aside, (*lines, *_told(done)))


def _told(done: Repaired) -> Iterator[str]:
    lost = Counter({found.table: 0 for found in done.damage if found.kind in ("part", "log")})
    for found in done.damage:
        if found.kind == "part":
            lost[found.table] += found.rows
    for table, rows in sorted(done.found.items()):
        yield f"{table}: {rows:,} rows were found again in older parts"
    for table in ("comparisons", "occurrences", "quarantine", "intakes", "ratings", "spans", "materials"):
        if table in lost:
            yield (
                f"{table}: the next run reads the sources again; rows of a file that is no longer at its place, or no longer "
                "configured, come back when it is"
            )
            break
    yield from (said for table, said in _SAYINGS.items() if table in lost)
    if "calls" in lost:
        requests = f"{lost['calls']:,} requests" if lost["calls"] else "some requests"
        yield (
            f"calls: what {requests} cost is not known any more, and `budget` counts it as unspent: lower it by that (the "
            "endpoint's invoice tells)"
        )


_SAYINGS = {
    "annotations": "annotations: labels that came with the data are read again, what models here compute is computed again; what a "
    "judge that costs money had said is asked again by the next run (`prefcurate plan CONFIG` says how much)",
    "splits": "splits: the next run takes them from the releases; a prompt that no release names gets its split anew, by its cluster or by the same chance as before; only where "
    "clusters have grown since may it be another one",
    "gold": "gold: sides (fit or audit) are given anew by cluster and the same chance; only where clusters have grown since may a "
    "prompt change its side",
    "rubrics": "rubrics: those of earlier runs are not made again, those that count now are",
}


def render(report: Report) -> Iterator[str]:
    """The report in words, line by line."""
    if not report.damage:
        yield f"{report.root}: every file is there and has the bytes that were written"
        return
    yield f"{report.root}: {_counted(report.damage)}"
    yield from (f"  {damage}" for damage in report.damage[:_SHOWN])
    if len(report.damage) > _SHOWN:
        yield f"  … and {len(report.damage) - _SHOWN:,} more"
    if report.aside is not None:
        yield f"set aside in {report.aside}; delete it when nobody wants to look at it any more"
    yield from report.lines


def _counted(damage: Sequence[Damage]) -> str:
    rows = sum(found.rows for found in damage if found.kind == "part")
    files = "1 file is damaged" if len(damage) == 1 else f"{len(damage):,} files are damaged"
    return f"{files}, {rows:,} rows of tables in them"
