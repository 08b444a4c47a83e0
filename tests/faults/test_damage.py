"""Files of a whole store are damaged: a run says so, `prefcurate repair` mends, and every table has the bytes of an undisturbed store."""

import random
import shutil
from pathlib import Path

import pytest

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.verify import find_damage
from tests.e2e.line import SOURCES, config, contents, prefcurate

SMALL = {"benchmarks": [], "annotators": [], "gold": {"sources": ["lfqa"], "audit": 0.5}}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    prefcurate("run", str(config(folder, SOURCES[2:], **SMALL)), "--direct_num_workers=1")
    return folder


@pytest.fixture
def copied(undisturbed, tmp_path) -> Path:
    shutil.copytree(undisturbed, tmp_path / "copy")
    return tmp_path / "copy"


def spoil(path: Path, how: str, chance: random.Random) -> None:
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(content[: chance.randrange(len(content))])
    else:
        at = chance.randrange(len(content))
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])


@pytest.mark.parametrize("seed", [3])
def test_a_part_of_every_table(copied, undisturbed, seed):
    chance, root, hurt = random.Random(seed), copied / "store", []
    store = Store.open(str(root))
    for table in TABLES:
        if files := store.files(table):
            hurt.append(chance.choice(files)[1])
            spoil(Path(hurt[-1]), chance.choice(["missing", "truncated", "corrupted"]), chance)
    assert len(hurt) > 15
    printed = prefcurate("repair", str(root), "--check", status=1)
    assert [path for path in hurt if path not in printed] == [], f"seed {seed}"
    assert "set aside in" in prefcurate("repair", str(copied / "config.yaml"))
    assert contents(root) == contents(undisturbed / "store"), f"seed {seed}"
    assert find_damage(str(root)) == []


def test_logs_releases_and_store_json(copied, undisturbed):
    root = copied / "store"
    release = root / "releases" / (root / "releases" / "current").read_text().strip()
    (root / "store.json").write_text("{")
    (root / "releases" / "current").write_bytes(b"")
    next(release.glob("train-*.parquet")).unlink()
    for table in ("comparisons", "annotations", "consensus", "splits", "stages"):
        newest = max((root / table / "_delta_log").glob("*.json"))
        newest.write_bytes(newest.read_bytes()[:60])
    told = prefcurate("run", str(copied / "config.yaml"), status=1)
    assert "store.json is damaged" in told and "prefcurate repair" in told
    printed = prefcurate("repair", str(copied / "config.yaml"))
    assert f"release {release.name} is the current one" in printed
    assert contents(root) == contents(undisturbed / "store")
    assert find_damage(str(root)) == []
