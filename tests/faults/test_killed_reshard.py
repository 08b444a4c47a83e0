"""A real `prefcurate reshard` is killed with -9 at random moments; the same command again gives the bytes of an undisturbed store."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.verify import find_damage
from tests.e2e.line import contents, prefcurate, start
from tests.golden.make_store import HERE, unpack

NEWEST = max(path.name.removesuffix(".tar.xz") for path in HERE.glob("*.tar.xz"))


def killed(root: Path, shards: int, tables: int, seconds: float) -> int:
    """Kills the command some seconds after it has told of so many tables; gives its exit status."""
    process = start("reshard", str(root), "--shards", str(shards))
    assert process.stdout is not None
    for _ in range(tables):
        process.stdout.readline()
    time.sleep(seconds)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return process.returncode


@pytest.mark.parametrize("seed", [2])
def test_killed_at_random_moments_the_same_command_goes_on(tmp_path, seed):
    root, chance = unpack(NEWEST, tmp_path) / "store", random.Random(seed)
    before, shards = contents(root), 2 * Store.open(str(root)).shards
    assert killed(root, shards, chance.randrange(1, len(TABLES)), 0.0) == -signal.SIGKILL
    # All parts are split: from here on the tables switch, in a second or so.
    killed(root, shards, len(TABLES), chance.uniform(0.0, 0.3))
    printed = " ".join(prefcurate("reshard", str(root), "--shards", str(shards)).split())
    assert f"{root} has {shards} shards" in printed, f"seed {seed}"
    store = Store.open(str(root))
    assert store.shards == shards
    assert contents(root) == before, f"seed {seed}"
    assert not (root / "_resharding").exists()
    assert find_damage(store.root) == []
