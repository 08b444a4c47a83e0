"""Kill -9 in the middle of asking: nothing finished is lost, asked again or forgotten in the spend."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from prefcurate.transforms.annotate.desk import SMALLEST_BATCH
from prefcurate.transforms.store.store import Store
from tests.judge_server import JudgeServer
from tests.transforms.annotate.judging import (
    REPLAY,
    annotate,
    bytes_of,
    judge,
    judged_store,
    left_over,
    rows,
    total,
)

ROOT = Path(__file__).parents[3]


def start(store: Store, endpoint: str, run_id: str, budget: float = 1.0) -> subprocess.Popen:
    command = [
        sys.executable,
        "-m",
        "tests.transforms.annotate.annotate_once",
        store.root,
        endpoint,
        run_id,
        str(budget),
    ]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)


def killed_after(process: subprocess.Popen, server: JudgeServer, requests: int) -> None:
    """Kills a run as soon as the server got so many requests; fails when the run ends before."""
    deadline = time.monotonic() + 60
    while server.count < requests:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "the run asked too little in a minute"
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_runs_are_taken_up_where_they_died(tmp_path):
    kills = (5, 21)
    store = judged_store(tmp_path / "killed", 30)
    batch = SMALLEST_BATCH
    with JudgeServer(REPLAY, delay=0.05) as server:
        for run, requests in enumerate(kills):
            killed_after(start(store, server.endpoint, f"killed{run}"), server, server.count + requests)
        assert rows(store, "annotations") == []
        server.delay = 0.0
        detail = annotate(store, judge(server.endpoint), budget=1.0, run_id="last")
    assert detail == {}
    asked = Counter(received.user for received in server.received)
    assert len(asked) == 60
    again = sum(n - 1 for n in asked.values())
    assert again <= batch * len(kills), "more than the batches in flight were asked twice"
    assert server.count == 60 + again

    annotations, calls = rows(store, "annotations"), rows(store, "calls")
    assert len(annotations) == 60
    status = Counter(row["status"] for row in calls)
    assert status["ok"] == 60
    assert again <= status["lost"] <= batch * len(kills)
    assert left_over(store) == []

    # What the server really answered is never more than what the calls say was spent.
    ok = {row["call_id"]: row["price_usd"] for row in calls if row["status"] == "ok"}
    dearest = max(ok.values())
    assert sum(ok.values()) + again * min(ok.values()) <= total(store)
    assert all(row["price_usd"] >= dearest for row in calls if row["status"] == "lost")

    calm = judged_store(tmp_path / "calm", 30)
    with JudgeServer(REPLAY) as server:
        annotate(calm, judge(server.endpoint), budget=1.0, run_id="calm")
    assert bytes_of(store, "annotations") == bytes_of(calm, "annotations")


def test_kills_cannot_break_the_cap(tmp_path):
    """Two runs die; the server counts what it really answered, at the price that it told."""
    store = judged_store(tmp_path, 30)
    cap = 0.15
    with JudgeServer(REPLAY, delay=0.05) as server:
        billed: list[float] = []

        def bill(body, old=server.completion):
            content = old(body)
            usage = json.loads(content)["usage"]
            billed.append((usage["prompt_tokens"] * 1.0 + usage["completion_tokens"] * 4.0) / 1e6)
            return content

        server.completion = bill
        for run in range(2):
            killed_after(start(store, server.endpoint, f"killed{run}", cap), server, server.count + 9)
        server.delay = 0.0
        for run in range(2):
            annotate(store, judge(server.endpoint), budget=cap, run_id=f"later{run}")
    assert len(billed) > 18
    assert sum(billed) <= total(store) + 1e-9
    assert total(store) <= cap
    assert any(row["status"] == "lost" for row in rows(store, "calls"))
    assert len(rows(store, "annotations")) > 18
