"""A small configuration on real data, the command as its users type it, and what of a store must be the same bytes."""

import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.files import join, listed, read_bytes
from prefcurate.transforms.store.store import Store

DATA = Path(__file__).parents[2] / "examples" / "data"
PRD = DATA / "prd-vicuna80"
PATIENCE = 900
"""Seconds until a command that should take some tens of them counts as hanging; the machine may be busy with others."""
LFQA = {
    "prompt": "question",
    "response_a": "answer_a",
    "response_b": "answer_b",
    "label": {"path": "overall_preference", "values": {"-1": "a", "1": "b", "0": "tie"}},
    "kind": {"constant": "person"},
    "annotator": {"constant": "expert"},
}
SOURCES: tuple[dict[str, Any], ...] = (
    {
        "name": "judges",
        "format": "prd",
        "path": [str(PRD / folder) for folder in ("generations", "prompts", "ratings-gpt4", "ratings-vicuna-13b")],
        "licence": "MIT",
    },
    {
        "name": "people",
        "format": "prd",
        "path": [str(PRD / folder) for folder in ("generations", "prompts", "ratings-human")],
        "licence": "MIT",
    },
    {"name": "lfqa", "path": str(DATA / "prd-lfqa"), "licence": "MIT", "fields": LFQA},
)


def config(folder: Path, sources: Sequence[dict[str, Any]] = SOURCES, **more: Any) -> Path:
    """A configuration file in a folder, with its store beside it."""
    values = {
        "store": "store",
        "shards": 2,
        "sources": list(sources),
        "benchmarks": [
            {"name": "gsm8k", "path": str(DATA / "benchmarks" / "gsm8k" / "test.jsonl.gz"), "text": "question"}
        ],
        "gold": {"sources": ["people"], "audit": 0.5},
        "embed": {"max_tokens": 16},
        "annotators": [{"name": "head", "kind": "reward_head", "members": 2}],
        "consensus": {"min_accuracy": 0.6},
        "route": {"budget": {"items": 20}},
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def start(*arguments: str) -> subprocess.Popen[str]:
    """The command in a process group of its own, so that it can be killed with all that it started."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [str(Path(sys.executable).with_name("prefcurate")), *arguments]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )


def prefcurate(*arguments: str, status: int = 0) -> str:
    """Runs the command to its end and gives what it printed."""
    process = start(*arguments)
    try:
        printed, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired as late:
        os.killpg(process.pid, signal.SIGKILL)
        raise AssertionError(f"hangs: {shlex.join(arguments)}\n{process.communicate()[0]}") from late
    assert process.returncode == status, printed
    return printed


def rows(store: Store, table: str) -> pa.Table:
    """A table in key order, whichever parts it lies in."""
    found = store.dataset(table).to_table()
    order = TABLES[table].order
    return found.take(pc.sort_indices(found, [(column, "ascending") for column in order]))


def contents(root: Path | str, but: Sequence[str] = ()) -> dict[str, str]:
    """A hash of the rows of every table but the ledger, and of every file of the current release, queues and report."""
    at = str(root)
    store = Store.open(at)
    tables = {name: digest(rows(store, name)) for name in TABLES if name not in ("stages", *but)}
    current = read_bytes(join(at, "releases", "current")).decode().strip()
    folders = (join(at, "releases", current), join(at, "queues"), join(at, "report"))
    files = [file for folder in folders for file in listed(folder)]
    return tables | {file.removeprefix(at).lstrip("/"): hashlib.sha256(read_bytes(file)).hexdigest() for file in files}


def digest(table: pa.Table) -> str:
    """Of a table's rows."""
    return hashlib.sha256(json.dumps(table.to_pylist(), sort_keys=True, default=str).encode()).hexdigest()


def tree(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file of a store: what a run that touches nothing leaves alone."""
    return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in root.rglob("*") if file.is_file()}
