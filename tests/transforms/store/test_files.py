from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from prefcurate.transforms.store.files import (
    absolute,
    exists,
    join,
    listed,
    opened,
    read_bytes,
    remove,
    replacing,
    write_bytes,
)


@pytest.fixture(params=["local", "memory"])
def root(request, tmp_path):
    yield str(tmp_path) if request.param == "local" else "memory://files"
    remove("memory://files")


def test_written_read_listed_removed(root):
    assert not exists(root + "/a") and listed(root + "/nowhere") == []
    write_bytes(join(root, "deep", "er", "b.json"), b"2")
    write_bytes(join(root, "deep", "a.json"), b"1")
    write_bytes(join(root, "deep", "c.txt"), b"3")
    assert read_bytes(join(root, "deep", "er", "b.json")) == b"2"
    with opened(join(root, "deep", "a.json")) as stream:
        assert stream.read() == b"1"
    assert [path.rpartition("/deep/")[2] for path in listed(join(root, "deep"), ".json")] == ["a.json", "er/b.json"]
    remove(join(root, "deep"))
    remove(join(root, "deep"))
    assert not exists(join(root, "deep"))


def test_two_attempts_remove_a_folder_at_once(root):
    for number in range(100):
        write_bytes(join(root, "deep", f"{number % 7}", f"{number}.json"), b"")
    together = Barrier(2)

    def removed(_: int) -> None:
        together.wait()
        remove(join(root, "deep"))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(removed, range(2)))
    assert not exists(join(root, "deep"))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "x"
    write_bytes(str(target), b"old")
    with pytest.raises(RuntimeError), replacing(str(target)) as local:
        Path(local).write_bytes(b"half")
        raise RuntimeError
    assert target.read_bytes() == b"old" and list(tmp_path.iterdir()) == [target]
    write_bytes(str(target), b"new")
    assert target.read_bytes() == b"new" and list(tmp_path.iterdir()) == [target]


def test_attempts_that_overlap_do_not_meet(tmp_path):
    target = str(tmp_path / "x")
    with replacing(target) as one, replacing(target) as other:
        assert one != other
        Path(one).write_bytes(b"one")
        Path(other).write_bytes(b"other")
    assert read_bytes(target) == b"one"


def test_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert absolute("a/../b") == f"{tmp_path}/b"
    assert absolute("/x") == "/x"
    assert absolute("~/x") == str(Path.home() / "x")
    assert absolute("s3://bucket/x") == "s3://bucket/x"
