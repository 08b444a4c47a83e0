import json
from pathlib import Path

import pytest

from prefcurate.schemas.formats.base import SourceFile
from prefcurate.schemas.formats.hub import DatasetsReader, is_local
from prefcurate.schemas.records import Unreadable, Verdict, render
from tests.schemas.formats.mapping_helper import read_source

datasets = pytest.importorskip("datasets")

ROWS = [
    {"prompt": "Why?", "chosen": "x", "rejected": "y", "n": 1.5},
    {"prompt": "How?", "chosen": "x", "rejected": None, "n": None},
]
VOTES = [{"q": "Why?", "one": "x", "two": "y", "votes": [{"v": 1, "w": "kim"}, {"v": 2, "w": "bo"}]}]
MAPPED = """
- name: votes
  format: datasets
  path: {path}
  split: test
  fields: {{prompt: q, response_a: one, response_b: two, label: {{each: votes, path: v, values: {{1: a, 2: b}}, annotator: w}}}}
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def saved(folder: Path, rows: list[dict]) -> Path:
    datasets.DatasetDict({"test": datasets.Dataset.from_list(rows)}).save_to_disk(str(folder))
    return folder


def plain_file(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".parquet":
        datasets.Dataset.from_list(rows).to_parquet(str(path))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_preference_rows_of_a_data_file(tmp_path):
    for name in ("x.parquet", "x.jsonl"):
        path = plain_file(tmp_path / name, ROWS)
        one, two = read_source(f"[{{name: x, format: datasets, path: {path}}}]", tmp_path)
        (found,) = one.outcome.pairs
        assert [render(m) for m in (found.prompt, found.first, found.second)] == ["Why?", "x", "y"]
        assert isinstance(two.outcome, Unreadable)
        assert (one.line, two.line) == (1, 2)


def test_mapped_rows_of_a_saved_dataset(tmp_path):
    (row,) = read_source(MAPPED.format(path=saved(tmp_path / "saved", VOTES)), tmp_path)
    (found,) = row.outcome.pairs
    assert [(x.annotator, x.verdict) for x in found.labels] == [("kim", Verdict.FIRST), ("bo", Verdict.SECOND)]


def test_a_folder_of_data_files(tmp_path):
    plain_file(tmp_path / "folder" / "test.jsonl", VOTES)
    assert len(read_source(MAPPED.format(path=tmp_path / "folder"), tmp_path)) == 1


def test_a_relative_path_starts_at_the_configuration(tmp_path):
    saved(tmp_path / "saved", VOTES)
    assert len(read_source(MAPPED.format(path="./saved"), tmp_path)) == 1


def test_digest_follows_the_content_and_the_split(tmp_path):
    path = plain_file(tmp_path / "x.jsonl", ROWS)
    file = SourceFile(str(path), "x")
    before = DatasetsReader().digest(file)
    assert DatasetsReader().digest(file) == before
    assert DatasetsReader(split="test").digest(file) != before
    plain_file(path, ROWS[:1])
    assert DatasetsReader().digest(file) != before


def test_the_hub_is_read_at_the_commit_that_is_its_digest(monkeypatch):
    import huggingface_hub

    asked: dict = {}

    class Info:
        sha = "abc123"

    def dataset_info(self, path, revision=None):
        asked["info"] = (path, revision)
        return Info()

    def load_dataset(path, config, **more):
        asked["load"] = (path, config, more)
        return iter([dict(ROWS[0])])

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", dataset_info)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    reader = DatasetsReader(config="main", revision="v1")
    (file,) = reader.files("org/name")
    assert file == SourceFile("org/name", "org/name:train")
    assert reader.digest(file) == "abc123:main:train"
    (row,) = reader.read(reader.plan([file])[0], open_file=None)
    assert asked["info"] == ("org/name", "v1")
    assert asked["load"] == ("org/name", "main", {"split": "train", "revision": "abc123", "streaming": True})
    assert len(row.outcome.pairs) == 1


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing at"):
        DatasetsReader().digest(SourceFile("./nowhere", "nowhere"))
    with pytest.raises(FileNotFoundError, match="no split 'train'; it has 'test'"):
        read_source(f"[{{name: x, format: datasets, path: {saved(tmp_path / 's', VOTES)}}}]", tmp_path)
    (tmp_path / "x.doc").write_text("")
    with pytest.raises(FileNotFoundError, match="no data file"):
        read_source(f"[{{name: x, format: datasets, path: {tmp_path / 'x.doc'}}}]", tmp_path)
    assert not is_local("org/name")
