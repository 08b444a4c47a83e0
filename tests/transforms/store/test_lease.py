"""One writer at a time, on one machine and between machines, whoever dies when."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from prefcurate.transforms.store import lease as leases
from prefcurate.transforms.store.files import create_bytes
from prefcurate.transforms.store.lease import Lease, Overtaken, StoreBusy, clear_dead, holder, still_holds


def quick(root: Path | str, run_id: str, **more) -> Lease:
    return Lease(str(root), run_id, "run", beat_seconds=0.05, expiry_seconds=0.4, **more)


def files(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "_lease").glob("*"))


def elsewhere(monkeypatch, name: str = "another-machine") -> None:
    """What follows seems to happen on another machine."""
    monkeypatch.setattr(leases, "machine", lambda: name)


def test_the_second_leaves_at_once_and_names_the_first(tmp_path):
    with quick(tmp_path, "one") as one:
        one.take()
        one.take()
        with pytest.raises(StoreBusy, match=r"run one \(process \d+ on .*\) is at work .* nothing was done or paid"):
            quick(tmp_path, "two").take()
        assert holder(str(tmp_path)).run_id == "one"
    assert files(tmp_path) == []
    with quick(tmp_path, "two") as two:
        two.take()
        assert not two.took_over


def test_what_was_not_taken_leaves_nothing(tmp_path):
    with quick(tmp_path, "one") as one:
        one.check()
    assert not (tmp_path / "_lease").exists()


def die_holding(root: str) -> subprocess.Popen:
    code = (
        "import os, sys; from prefcurate.transforms.store.lease import Lease; "
        "Lease(sys.argv[1], 'dead', 'run').take(); print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", code, root], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_process_that_was_killed_here_holds_nothing(tmp_path):
    process = die_holding(str(tmp_path))
    with pytest.raises(StoreBusy, match="run dead"):
        quick(tmp_path, "next").take()
    process.kill()
    # Not waited for: a zombie is dead too.
    deadline = time.monotonic() + 30
    while leases.started(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    with quick(tmp_path, "next", say=pytest.fail) as following:
        following.take()
        assert following.took_over
    assert files(tmp_path) == []
    process.wait()


def test_a_process_id_that_is_used_again_is_not_the_holder(tmp_path):
    me = replace(quick(tmp_path, "before the reboot")._me, started="1")
    create_bytes(f"{tmp_path}/_lease/0000000003.json", json.dumps(vars(me) | {"token": "x"}).encode())
    assert me.pid == os.getpid() and not leases.alive(me)
    with quick(tmp_path, "next") as following:
        following.take()
        assert files(tmp_path) == ["0000000003.json", "0000000004.json"]
    assert files(tmp_path) == []


def test_a_holder_elsewhere_is_known_to_live_by_its_beats(tmp_path, monkeypatch):
    said = []
    with quick(tmp_path, "one") as one:
        one.take()
        elsewhere(monkeypatch)
        with pytest.raises(StoreBusy, match="run one"):
            quick(tmp_path, "two", say=said.append).take()
    assert len(said) == 1 and "waiting 0 s for a sign of life" in said[0]


def test_a_silent_holder_elsewhere_is_taken_over_and_told_so(tmp_path, monkeypatch):
    with quick(tmp_path, "one") as one:
        one.beat_seconds = 60  # as when a machine sleeps
        one.take()
        elsewhere(monkeypatch)
        with quick(tmp_path, "two") as two:
            two.take()
            assert two.took_over
            still_holds(str(tmp_path), "two")
            with pytest.raises(Overtaken, match="run two .* has taken .* over, since run one gave no sign of life"):
                one.check()
    assert files(tmp_path) == []


def test_who_was_taken_over_removes_nothing(tmp_path, monkeypatch):
    with quick(tmp_path, "two") as two:
        with quick(tmp_path, "one") as one:
            one.beat_seconds = 0.05
            one.take()
            monkeypatch.setattr(Lease, "_dead", lambda self, number: True)
            two.take()
            deadline = time.monotonic() + 30
            while not one.lost and time.monotonic() < deadline:
                time.sleep(0.01)
            assert one.lost
        assert holder(str(tmp_path)).run_id == "two"


def test_of_many_that_come_at_once_one_gets_it(tmp_path):
    outcomes: list[str] = []
    barrier, done = threading.Barrier(8), threading.Event()

    def come(name: str) -> None:
        with quick(tmp_path, name) as mine:
            barrier.wait()
            try:
                mine.take()
            except StoreBusy:
                outcomes.append("busy")
            else:
                outcomes.append("held")
            if len(outcomes) == 8:
                done.set()
            done.wait(30)

    threads = [threading.Thread(target=come, args=(f"run{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["busy"] * 7 + ["held"]


def _create(root: str, name: int, barrier) -> bool:
    barrier.wait()
    return create_bytes(f"{root}/only", f"{name}".encode())


def test_of_many_processes_one_creates_a_file(tmp_path):
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager, context.Pool(4) as pool:
        barrier = manager.Barrier(4)
        made = pool.starmap(_create, [(str(tmp_path), i, barrier) for i in range(4)])
    assert made.count(True) == 1
    assert (tmp_path / "only").read_text() == str(made.index(True))
    assert [path.name for path in tmp_path.iterdir()] == ["only"]


def test_a_run_with_nothing_to_do_clears_what_a_dead_one_left(tmp_path):
    process = die_holding(str(tmp_path))
    clear_dead(str(tmp_path))
    assert files(tmp_path) == ["0000000000.json"]
    process.kill()
    process.wait()
    clear_dead(str(tmp_path))
    assert files(tmp_path) == []
