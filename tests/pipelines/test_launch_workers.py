"""The worker processes of the local runner: what happens when one, or the launcher, is gone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LONG = 120
"""Seconds after which a test gives up; nothing here takes more than some."""


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.pipelines.launched", *words],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, list[int]]:
    """Exit status, what was said, and the process ids that were told."""
    told, said = process.communicate(timeout=LONG)
    # Beam misses a package of Google's, here in the launcher, which is none of the command's own.
    said = "".join(line for line in said.splitlines(keepends=True) if not line.startswith("WARNING:root:apitools"))
    return process.returncode, said, [int(line) for line in told.splitlines()]


def alive(pid: int) -> bool:
    try:
        # A zombie that nobody has waited for works no more.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_gone(pids: list[int]) -> bool:
    until = time.monotonic() + LONG
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(alive, pids))


@pytest.fixture
def waiting():
    """A launcher whose two workers are at work, and their process ids."""
    process = start("wait", "wait", "wait", "wait")
    assert process.stdout
    yield process, [int(process.stdout.readline()) for _ in range(2)]
    process.kill()
    process.communicate()


def test_work_is_spread_over_processes_that_end_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    status, said, pids = ended(start("tell", "tell", "tell", "tell"))
    assert (status, said) == (0, "")
    assert len(pids) == 4 and len(set(pids)) == 2
    assert all_gone(pids)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_is_gone_ends_the_run_in_words(waiting):
    launcher, pids = waiting
    os.kill(pids[1], signal.SIGKILL)
    status, said, _ = ended(launcher)
    assert said == (
        "prefcurate: stage embed: a worker process was ended by SIGKILL; if nobody killed it, memory ran out, and "
        "--direct_num_workers=1 needs less. The store is whole: run again, and it goes on with what was finished\n"
    )
    assert status == 1
    assert all_gone(pids)


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_launcher_takes_its_workers_with_it(waiting, name):
    launcher, pids = waiting
    launcher.send_signal(name)
    assert ended(launcher)[:2] == (1, "stopped\n")
    assert all_gone(pids)


def test_a_killed_launcher_leaves_no_worker(waiting):
    launcher, pids = waiting
    launcher.kill()
    assert all_gone(pids)


def test_an_error_of_ours_raised_in_a_worker_is_spoken_with_its_status():
    # The other worker would go on for ten minutes.
    status, said, _ = ended(start("wait", "raise"))
    assert said == "prefcurate: source 'a' is wrong:\nits second line says how\n"
    assert status == 2
