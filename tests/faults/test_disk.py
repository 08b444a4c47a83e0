"""A disk that is full at some moment, or may only be read: said in words, nothing lost, and the next run goes on to the same bytes."""

import random
import resource
import subprocess
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

import pytest

from prefcurate.transforms.store.store import Store
from tests.e2e.line import SOURCES, config, contents, prefcurate, start, tree
from tests.golden.make_store import HERE, ROWS, unpack

SMALL = {"benchmarks": [], "annotators": [], "gold": {"sources": ["lfqa"], "audit": 0.5}, "store": "disk/store"}
ONE = "--direct_num_workers=1"
PAGE = 4096
NEWEST = max(path.name.removesuffix(".tar.xz") for path in HERE.glob("*.tar.xz"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    prefcurate("run", str(config(folder, SOURCES[2:], **SMALL)), ONE)
    return folder / "disk" / "store"


@pytest.fixture
def disk(tmp_path) -> Iterator[Callable[[str], None]]:
    """A file system of its own at ``tmp_path/disk``; called with mount options it is made, or changed."""
    folder, mounted = tmp_path / "disk", []
    folder.mkdir()

    def mount(options: str) -> None:
        again = "remount," if mounted else ""
        command = ["mount", "-t", "tmpfs", "-o", again + options, "tmpfs", str(folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"needs to mount a disk: {done.stderr.strip()}")
        mounted.append(options)

    yield mount
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def growth(root: Path) -> list[int]:
    """Bytes on a disk after each file of a store, in the order in which they were written."""
    files = sorted((file.stat() for file in root.rglob("*") if file.is_file()), key=lambda about: about.st_mtime_ns)
    return list(accumulate(-(-about.st_size // PAGE) * PAGE for about in files))


@pytest.mark.parametrize("seed", [5])
def test_a_disk_that_fills_up_at_any_stage(undisturbed, tmp_path, disk, seed):
    chance, sizes = random.Random(seed), growth(undisturbed)
    path, store = str(config(tmp_path, SOURCES[2:], **SMALL)), tmp_path / "disk" / "store"
    # The first files are those of a store that is being made; the last is the report's page.
    moments = [8, *(int(len(sizes) * chance.uniform(*share)) for share in ((0.3, 0.6), (0.6, 0.95)))]
    for moment in moments:
        disk(f"size={sizes[moment]}")
        printed = " ".join(prefcurate("run", path, ONE, status=1).split())
        assert "no space left on the disk" in printed, f"seed {seed}: {printed}"
        assert f"the store {store} has" in printed and "Make room and run the same command again" in printed, printed
        assert "Traceback" not in printed
    disk("size=100%")
    prefcurate("run", path, ONE)
    assert contents(store) == contents(undisturbed), f"seed {seed}"


def test_a_file_that_may_not_grow(tmp_path):
    path = str(config(tmp_path, SOURCES[2:], **SMALL))
    own = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, own[1]))
    try:
        process = start("run", path, ONE, "--stages", "ingest")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, own)
    printed, _ = process.communicate()
    assert process.returncode == 1, printed
    assert "a file grew beyond the size that this process may write" in " ".join(printed.split()), printed
    prefcurate("run", path, ONE, "--stages", "ingest")
    assert Store.open(str(tmp_path / "disk" / "store")).rows("occurrences") == 65


def test_a_store_that_may_only_be_read(tmp_path, disk):
    disk("size=64m")
    folder = unpack(NEWEST, tmp_path / "disk")
    disk("ro")
    store = folder / "store"
    before = tree(store)
    printed = " ".join(prefcurate("run", str(folder / "config.yaml"), status=2).split())
    assert f"the store {store} can be read and not be written" in printed
    pair = Store.open(str(store)).dataset("comparisons").to_table(columns=["comparison_id"])["comparison_id"][0].as_py()
    assert "comparisons" in prefcurate("status", str(store))
    assert str(ROWS) in prefcurate("query", str(store), "SELECT count(*) FROM occurrences", "--format", "csv")
    assert "Where it is published" in prefcurate("show", str(store), pair)
    assert "nothing changed" in prefcurate("diff", str(store), "current", "current")
    assert tree(store) == before
