"""The line that the harness runs, and what must hold of its store whatever was killed when."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from prefcurate.pipelines.curate import STAGES
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.desk import SMALLEST_BATCH
from prefcurate.transforms.store.store import Store
from tests.e2e.line import config, contents, digest, rows

ROWS_OF_A_FILE = 6
"""As with `--limit`: 68 pairs of 14 prompts, each asked about twice, each prompt described once."""
CONCURRENCY = 4
IN_FLIGHT = max(SMALLEST_BATCH, 2 * CONCURRENCY)
"""What a kill may make us pay again: the batch that a chat model was asked, whose answers were not written yet. One batch of one
model is under way at a time, whatever the number of workers (`Annotate.lanes` is 1, and `Describe` asks shard after shard)."""
_NAMES = [stage.name for stage in STAGES]
_ABOUT_CALLS = {"calls": (), "annotations": ("call_id",), "annotators": ("cost",)}
"""Tables and columns that tell truthfully of requests that a kill made necessary; of `calls` the rows are told apart."""
_HASH = re.compile(r"[0-9a-f]{64}")
_STATES = ("_tmp", "_pending", "_reservations")


def configured(folder: Path, endpoint: str) -> Path:
    """The configuration's file: real pairs, people's labels, a judge in both orders and a describer that cost money."""
    chat = {"endpoint": endpoint, "model": "gpt-4", "price": {"input": 1.0, "output": 4.0}}
    chat |= {"max_tokens": 400, "concurrency": CONCURRENCY, "timeout": 20, "tries": 8}
    return config(
        folder,
        budget=100.0,
        limit=ROWS_OF_A_FILE,
        describe={"llm": chat},
        annotators=[
            {"name": "head", "kind": "reward_head", "members": 2},
            {"name": "checks", "kind": "checks"},
            {"name": "judge", "kind": "llm_judge", "orders": "both", **chat},
        ],
    )


@dataclass
class Ledger:
    """The stages that a store's ledger holds; looking again is cheap while nothing has ended."""

    root: Path
    _versions: int = 0
    _done: tuple[str, ...] = ()

    def done(self) -> tuple[str, ...]:
        """In the order in which they run."""
        log = self.root / "stages" / "_delta_log"
        versions = len(list(log.glob("*.json"))) if (self.root / "store.json").exists() else 0
        if versions != self._versions:
            recorded = {entry.stage for entry in Store.open(str(self.root)).ledger()}
            self._versions, self._done = versions, tuple(name for name in _NAMES if name in recorded)
        return self._done


def broken_parts(root: Path) -> list[str]:
    """Parts that a table names and that are missing or not the bytes of their name, and tables that cannot be read."""
    if not (root / "store.json").exists():
        return []
    store = Store.open(str(root))
    return [path for table in TABLES for _, path in store.files(table) if not _is_whole(Path(path))]


def _is_whole(path: Path) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def differences(found: Path, expected: Path) -> list[str]:
    """What differs from an undisturbed run's store: tables, files of the release, queues, report.

    Requests that a kill made necessary stand in `calls` as what they are (lost, refused), and their cost in the figures that
    sum it up; these alone are left out, and only where there were such requests.
    """
    calm, mine = contents(expected), contents(found)
    if calm["calls"] == mine["calls"]:
        return _unequal(mine, calm)
    mine, calm = (_but_calls(root, told) for root, told in ((found, mine), (expected, calm)))
    return _unequal(mine, calm)


def _but_calls(root: Path, told: dict[str, str]) -> dict[str, str]:
    store = Store.open(str(root))
    for table, columns in _ABOUT_CALLS.items():
        told[table] = digest(rows(store, table).drop_columns(list(columns)))
    # Of each question what was answered, once: two attempts may both have been paid for.
    answered = [call for call in rows(store, "calls").to_pylist() if call["status"] == "ok"]
    columns = ("stage", "annotator", "prompt_id", "comparison_id", "tokens_in", "tokens_out", "price_usd")
    told["calls"] = repr(sorted({tuple(str(call[column]) for column in columns) for call in answered}))
    report = json.loads((root / "report" / "report.json").read_text())
    told["report/report.json"] = json.dumps(_without_money(report), sort_keys=True)
    del told["report/index.html"]
    return told


def _without_money(report: Any) -> Any:
    if isinstance(report, dict):
        return {key: _without_money(value) for key, value in report.items() if key not in ("spent", "cost")}
    return [_without_money(value) for value in report] if isinstance(report, list) else report


def _unequal(mine: dict[str, str], calm: dict[str, str]) -> list[str]:
    return [name for name in sorted(mine.keys() | calm.keys()) if mine.get(name) != calm.get(name)]


def left_behind(found: Path, expected: Path) -> list[str]:
    """Files that lie in a store and should not once a run has ended.

    There may lie: the parts that some version of a table names, the log of each table, one file a run under ``_runs``, and
    the files that an undisturbed run leaves, by the same names (releases, queues, report; artefacts are named by their bytes,
    and the label model's tell what calls cost: of them as many). Under ``_tmp``,
    ``_pending`` and ``_reservations`` nothing may.
    """
    calm, mine = Counter(_kinds(expected)), Counter(_kinds(found))
    beside = [f"{count} times {name}" for name, count in (mine - calm).items()]
    return beside + orphan_parts(found) + [name for folder in _STATES for name in _files(found, folder)]


def _kinds(root: Path) -> Iterator[str]:
    tables = {Path(Store.open(str(root)).address(table)).name for table in TABLES}
    for name in _files(root, "."):
        if name.split("/")[0] not in {*tables, "_runs", *_STATES}:
            yield _HASH.sub("…", name) if name.startswith("_artefacts/") else name


def _files(root: Path, folder: str) -> list[str]:
    return sorted(str(file.relative_to(root)) for file in (root / folder).rglob("*") if file.is_file())


def orphan_parts(root: Path) -> list[str]:
    """Files in the folders of tables that no version names."""
    store = Store.open(str(root))
    left = []
    for table in TABLES:
        folder = Path(store.address(table))
        newest = DeltaTable(str(folder)).version()
        named = {path for version in range(newest + 1) for _, path in store.files(table, version)}
        left += [str(f.relative_to(root)) for f in folder.rglob("*") if f.is_file() and _lies_wrong(f, folder, named)]
    return sorted(left)


def _lies_wrong(file: Path, folder: Path, named: Iterable[str]) -> bool:
    if file.parent == folder / "_delta_log":
        return not file.name[:20].isdigit() and file.name != "_last_checkpoint"
    return str(file) not in named


def paid_wrongly(root: Path, asked: Counter[str], expected: Counter[str], kills: int) -> list[str]:
    """What is wrong with the questions that the judge got: others than undisturbed, too many, or not in the accounts.

    Args:
        root: the store.
        asked: how often the judge got each question.
        expected: in an undisturbed run.
        kills: how many kills may have cost a batch.
    """
    wrong = []
    if asked.keys() != expected.keys():
        wrong.append(f"{len(asked.keys() ^ expected.keys())} questions differ from those of an undisturbed run")
    again = asked.total() - len(asked)
    if again > kills * IN_FLIGHT:
        wrong.append(f"{again} questions were paid again in {kills} kills, more than {IN_FLIGHT} each")
    if calls(root) < asked.total():
        wrong.append(f"the judge got {asked.total()} questions, calls tell of {calls(root)}")
    return wrong


def calls(root: Path) -> int:
    """How many requests a store knows of."""
    return Store.open(str(root)).rows("calls")
