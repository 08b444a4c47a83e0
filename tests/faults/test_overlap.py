"""Two runs on one store at the same time: one works, the other leaves; nothing is lost and nothing is asked twice."""

import json
import random
import threading
import time
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from prefcurate.transforms.store.files import create_bytes
from prefcurate.transforms.store.store import Store
from tests.e2e.line import SOURCES, config, prefcurate, rows, start
from tests.judge_server import JudgeServer

STAGES = ("--stages", "ingest,embed,screen,describe,rubrics,annotate", "--direct_num_workers=1")
TABLES = ("comparisons", "occurrences", "annotations", "embeddings", "clusters", "gold", "attributes", "intakes")
ROWS = 12
PATIENCE = 240
"""Seconds: of a machine that does a hundred other things."""


class Judge(JudgeServer):
    """Prefers the answer shown first, as weak judges do; answers nobody before its gate is open."""

    def __init__(self, opened: bool = True):
        super().__init__(self.verdict)
        self.gate = threading.Event()
        if opened:
            self.gate.set()

    def verdict(self, body: dict) -> str:
        self.gate.wait(PATIENCE)
        return '{"rationale": "It came first.", "verdict": "first"}'

    @property
    def asked_twice(self) -> int:
        return sum(n - 1 for n in Counter(received.user for received in self.received).values())

    def wait_for_questions(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.count and time.monotonic() < deadline:
            time.sleep(0.05)


def configured(folder: Path, server: JudgeServer) -> str:
    source = SOURCES[2]
    taste = folder / "lfqa.jsonl"
    with (Path(source["path"]) / "experts_pairwise_human_preferences.jsonl").open() as lines:
        taste.write_text("".join(islice(lines, ROWS)))
    judge = {
        "name": "judge",
        "kind": "llm_judge",
        "endpoint": server.endpoint,
        "model": "gpt-4",
        "price": {"input": 1, "output": 4},
        "orders": "both",
        "concurrency": 2,
        "timeout": PATIENCE,
    }
    more = {"gold": {}, "benchmarks": [], "embed": {"max_tokens": 8}, "annotators": [judge]}
    return str(config(folder, [source | {"path": str(taste)}], **more))


def contents(folder: Path) -> dict[str, str]:
    """What may not depend on who did it; files lie elsewhere in every store."""
    store = Store.open(str(folder / "store"))
    return {table: _told(rows(store, table).to_pylist(), folder) for table in TABLES}


def _told(found: list[dict], folder: Path) -> str:
    return json.dumps(found, sort_keys=True, default=str).replace(str(folder), "")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[dict[str, str], int, float]:
    """What an undisturbed run leaves, how many questions it asks, and its seconds."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with Judge() as server:
        began = time.monotonic()
        prefcurate("run", configured(folder, server), *STAGES)
        assert server.count > ROWS and not server.asked_twice
        return contents(folder), server.count, time.monotonic() - began


@pytest.mark.parametrize("seed", [3])
def test_of_two_runs_at_once_one_leaves_and_nothing_is_asked_twice(undisturbed, tmp_path, seed):
    expected, questions, seconds = undisturbed
    with Judge(opened=False) as server:
        command = ("run", configured(tmp_path, server), *STAGES)
        # Wherever the first is when the second comes: it cannot end before the judge answers, and that is when one has left.
        processes = [start(*command)]
        time.sleep(random.Random(seed).uniform(0, 0.8) * seconds)
        processes.append(start(*command))
        deadline = time.monotonic() + PATIENCE
        while all(process.poll() is None for process in processes) and time.monotonic() < deadline:
            time.sleep(0.05)
        server.gate.set()
        printed = {process.communicate(timeout=PATIENCE)[0]: process.returncode for process in processes}
        assert sorted(printed.values()) == [0, 1], f"seed {seed}: {printed}"
        (loser,) = (text for text, status in printed.items() if status)
        assert "is at work on" in loser and "this one leaves, nothing was done or paid" in loser
        assert "Traceback" not in loser
        prefcurate(*command)
        assert (server.count, server.asked_twice) == (questions, 0)
    assert contents(tmp_path) == expected
    assert not list((tmp_path / "store" / "_lease").glob("*"))


def test_a_run_that_is_taken_over_stops_asking_and_says_why(undisturbed, tmp_path):
    """As when a machine sleeps for minutes in the middle of its questions, and another has taken the store over."""
    expected, questions, _ = undisturbed
    with Judge(opened=False) as server:
        command = ("run", configured(tmp_path, server), *STAGES)
        sleeper = start(*command)
        server.wait_for_questions()
        (lease,) = (tmp_path / "store" / "_lease").glob("*.json")
        other = json.loads(lease.read_text()) | {"run_id": "the-other", "machine": "elsewhere", "pid": 1}
        assert create_bytes(str(lease.with_name(f"{int(lease.stem) + 1:010d}.json")), json.dumps(other).encode())
        server.gate.set()
        printed, _ = sleeper.communicate(timeout=PATIENCE)
        assert sleeper.returncode == 1
        assert "the-other" in printed and "gave no sign of life; this one stops" in printed, printed
        assert 0 < server.count < questions
        # The other ends, and the next run goes on.
        for file in lease.parent.glob("*"):
            file.unlink()
        prefcurate(*command)
        assert (server.count, server.asked_twice) == (questions, 0), "what was answered was kept"
    assert contents(tmp_path) == expected
