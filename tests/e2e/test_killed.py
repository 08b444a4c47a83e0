"""Killed with -9 in the middle of every stage and run again, a store has the bytes of an undisturbed run."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from prefcurate.pipelines.curate import STAGES
from tests.e2e.line import config, contents, prefcurate, start


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[Path, dict[str, float]]:
    """A store made stage by stage, and the seconds that each stage took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    path, seconds = config(folder), {}
    for stage in STAGES:
        started = time.monotonic()
        prefcurate("run", str(path), "--stages", stage.name)
        seconds[stage.name] = time.monotonic() - started
    return folder / "store", seconds


def killed(seconds: float, *arguments: str) -> None:
    """Starts the command and kills it, with all that it started, after some seconds."""
    process = start(*arguments)
    time.sleep(seconds)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.kills
@pytest.mark.parametrize("seed", [11])
def test_a_store_survives_kills_in_every_stage(undisturbed, tmp_path, seed):
    expected, seconds = undisturbed
    chance = random.Random(seed)
    path = str(config(tmp_path))
    for stage in STAGES:
        killed(seconds[stage.name] * chance.uniform(0.6, 1.0), "run", path, "--stages", stage.name)
        prefcurate("run", path, "--stages", stage.name)
    assert contents(tmp_path / "store") == contents(expected), f"seed {seed}"
    left = [file for file in (tmp_path / "store" / "_pending").rglob("*") if file.is_file()]
    assert left == []
