"""Stores of real pairs with a judge's recorded verdicts, and ways to look at what the stage wrote."""

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from prefcurate.schemas.records import GivenPair
from prefcurate.transforms.annotate.annotate import READS, WRITES, Annotate
from prefcurate.transforms.annotate.annotator import Annotator
from prefcurate.transforms.annotate.judge import LLMJudge
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import Store
from tests.helpers import context, make_store, pair, run_stage
from tests.judge_server import Replay

REPLAY = Replay("gpt4")
_TEMPLATES = TemporaryDirectory()
PRICE = {"input": 1.0, "output": 4.0}


def judged_store(tmp_path: Path, pairs: int, shards: int = 2) -> Store:
    """A store of real pairs that GPT-4 judged in both orders; a second time it adds what is new."""
    if (tmp_path / "store").exists():
        return make_store(tmp_path, _given(pairs), shards)
    shutil.copytree(_template(pairs, shards), tmp_path / "store")
    return Store(str(tmp_path / "store"), shards)


@cache
def _template(pairs: int, shards: int) -> Path:
    # Ingest takes seconds; tests copy what it made.
    folder = Path(_TEMPLATES.name) / f"{pairs}-{shards}"
    folder.mkdir()
    return Path(make_store(folder, _given(pairs), shards).root)


def _given(pairs: int) -> list[GivenPair]:
    # Spread over the questions, and so over the shards.
    chosen = [REPLAY.pairs[37 * i % len(REPLAY.pairs)] for i in range(pairs)]
    return [pair(REPLAY.questions[q], REPLAY.answers[q, a], REPLAY.answers[q, b]) for q, a, b in chosen]


def judge(endpoint: str, name: str = "replayed", **settings) -> LLMJudge:
    defaults = {"model": "gpt-4", "price": PRICE, "max_tokens": 400, "concurrency": 4, "timeout": 20}
    return LLMJudge(name=name, kind="llm_judge", endpoint=endpoint, **{**defaults, **settings})


def annotate(
    store: Store,
    *annotators: Annotator,
    budget: float | None = None,
    lanes: int = 1,
    run_id: str = "run",
    flags: Sequence[str] = (),
) -> dict:
    """Runs the stage and gives the detail of its ledger entry."""
    fingerprints = [annotator.fingerprint() for annotator in annotators]
    told = context(store, "annotate", READS, WRITES, fingerprints, run_id)
    run_stage(Annotate(told, tuple(annotators), budget, lanes), *flags)
    return store.latest("annotate").detail


def snapshot(store: Store, *annotators: Annotator) -> Snapshot:
    return context(store, "annotate", READS, WRITES, [a.fingerprint() for a in annotators]).pin()


def rows(store: Store, table: str, columns: Sequence[str] | None = None) -> list[dict]:
    key = {"annotations": "annotation_id", "calls": "call_id", "comparisons": "comparison_id"}[table]
    return sorted(store.dataset(table).to_table(columns=columns).to_pylist(), key=lambda row: row[key])


def bytes_of(store: Store, table: str) -> list[str]:
    """The names of a table's parts, which are the hashes of their bytes."""
    return [path.rsplit("/", 1)[1] for _, path in store.files(table)]


def left_over(store: Store) -> list[str]:
    """What lies beside the tables and should not once a run is finished."""
    root = Path(store.root)
    folders = ("_pending", "_reservations", "_artefacts/examples")
    return [str(path) for folder in folders for path in (root / folder).rglob("*") if path.is_file()]


def total(store: Store) -> float:
    return sum(row["price_usd"] for row in rows(store, "calls"))
