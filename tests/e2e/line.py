"""A small configuration on real data, the command as its users type it, and what of a store must be the same bytes."""

import hashlib
import json
import multiprocessing
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from prefcurate.pipelines import cli
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


def environment() -> dict[str, str]:
    """Of a command: this process's."""
    return os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def start(*arguments: str) -> subprocess.Popen[str]:
    """The command in a process group of its own, so that it can be killed with all that it started."""
    command = [str(Path(sys.executable).with_name("prefcurate")), *arguments]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
        start_new_session=True,
    )


def prefcurate(*arguments: str, status: int = 0, forked: bool = True) -> str:
    """Runs the command to its end and gives what it printed.

    Args:
        arguments: of the command.
        status: that it must end with.
        forked: from a process that has imported everything, which saves a third of a small line's time; else started as users
            start it.
    """
    printed, ended = (_forked if forked else _started)(arguments)
    assert ended is not None, f"hangs: {shlex.join(arguments)}\n{printed}"
    assert ended == status, printed
    return printed


def _started(arguments: Sequence[str]) -> tuple[str, int | None]:
    process = start(*arguments)
    try:
        return process.communicate(timeout=PATIENCE)[0], process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0], None


def _forked(arguments: Sequence[str]) -> tuple[str, int | None]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["prefcurate.pipelines.launch.forked", "sentence_transformers", __name__])
    with tempfile.NamedTemporaryFile("r", errors="replace") as printed:
        process = context.Process(target=_command, args=(arguments, environment(), os.getcwd(), printed.name))
        process.start()
        process.join(PATIENCE)
        ended = process.exitcode
        process.kill()
        return printed.read(), ended


def _command(arguments: Sequence[str], environ: Mapping[str, str], folder: str, printed: str) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    with open(printed, "w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.argv = ["prefcurate", *arguments]
    cli.prepare()
    status = cli.status_of_command()
    sys.stdout.flush()
    os._exit(status)


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
