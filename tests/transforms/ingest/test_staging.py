"""The first half of ingest: rows of one file into a staged file by shard, with an exact account of every row."""

import gzip
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq
import pytest

from prefcurate.schemas.canonical import shard_of
from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.records import Auxiliary, InputRow, Pairs, Unreadable
from prefcurate.transforms.ingest import arriving, staged_file, staging
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.sources import identify, plan_source
from prefcurate.transforms.ingest.staging import Staged, stage_intake
from tests.helpers import label, pair, source

FIELDS = {
    "prompt": "q",
    "response_a": "one",
    "response_b": "two",
    "label": {"path": "v", "values": {"1": "a", "2": "b"}},
}


class RowsReader(Reader):
    """Input rows that a test pickled."""

    format: ClassVar[str] = "rows"
    suffixes: ClassVar[tuple[str, ...]] = (".pickle",)

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        with open_file(unit.file) as stream:
            yield from pickle.load(stream)  # noqa: S301 written by the test itself


def rows_source(tmp_path: Path, *rows: InputRow) -> SourceOptions:
    path = tmp_path / "rows.pickle"
    path.write_bytes(pickle.dumps(rows))
    return SourceOptions(name="data", path=str(path), licence="MIT", reader=RowsReader())


def stage(tmp_path: Path, options: SourceOptions, limit: int | None = None, shards: int = 4) -> Staged:
    (intake,) = plan_source(options, limit)
    return stage_intake(identify(intake), str(tmp_path / "store"), shards, "run")


def mapped(path: Path) -> SourceOptions:
    return SourceOptions.model_validate({"name": "data", "path": str(path), "fields": FIELDS})


def write_rows(path: Path, count: int, bad: tuple[int, ...] = ()) -> Path:
    rows = [{"q": f"p{i}", "one": "x", "two": "y", "v": "9" if i in bad else "1"} for i in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def accounts(staged: Staged) -> tuple[int, int, int, int]:
    return staged.rows, staged.auxiliary, staged.quarantined, staged.pairs


def staged_rows(staged: Staged) -> list[dict]:
    """The pairs of all slices; asserts that each lies in its prompt's shard."""
    found = []
    for piece in staged.slices:
        file = pq.ParquetFile(piece.path)
        for group in piece.row_groups:
            rows = file.read_row_group(group).to_pylist()
            assert {shard_of(row["prompt_id"], 4) for row in rows} == {piece.shard} == {row["shard"] for row in rows}
            found += rows
    return sorted(found, key=lambda row: (row["number"], row["pair"]))


def quarantine(staged: Staged) -> list[dict]:
    return [] if staged.quarantine is None else pq.read_table(staged.quarantine.path).to_pylist()


def test_every_row_is_exactly_one_of_pairs_auxiliary_and_quarantined(tmp_path):
    two = Pairs((pair("p", "x", "y", label("first")), pair("q", "x", "y")))
    given = [
        InputRow(1, "a", two, row_id="r1"),
        InputRow(2, "b", Auxiliary()),
        InputRow(5, "c", Unreadable("unknown label", "9"), raw="raw text"),
        InputRow(7, "d", Pairs((pair("p", "x\ud800", "y"),))),
        InputRow(8, "e", Pairs(())),
    ]
    staged = stage(tmp_path, rows_source(tmp_path, *given))
    assert accounts(staged) == (5, 1, 2, 2)
    rows = staged_rows(staged)
    assert [(row["number"], row["pair"], row["line"], row["row_id"]) for row in rows] == [
        (0, 0, 1, "r1"),
        (0, 1, 1, "r1"),
    ]
    assert {(row["source"], row["file"], row["licence"]) for row in rows} == {("data", "rows.pickle", "MIT")}
    assert {row["intake_id"] for row in rows} == {staged.intake_id} and rows[0]["row_hash"] == rows[1]["row_hash"]
    first, second = quarantine(staged)
    assert (first["number"], first["line"], first["reason"], first["detail"]) == (2, 5, "unknown label", "9")
    assert first["raw"] == "raw text"
    assert (second["number"], second["reason"]) == (3, "bad text")
    assert second["detail"] == "text holds a lone surrogate at character 1; it is not valid Unicode"


@pytest.mark.parametrize(
    ("bad", "detail"),
    [
        (pair("p", "x", "y", label("first", rationale="\ud83d")), "surrogates not allowed"),
        (pair("p", "x", "y", label("first", annotator="\ud83d")), "surrogates not allowed"),
        (pair("p", "x", "y", reference="\ud83d"), "surrogates not allowed"),
        (pair("p", "x", "y", group_id="\ud83d"), "surrogates not allowed"),
        (pair("p", "x", "y", label("first", sample=2**70)), "too large"),
        (pair("p", "x", "y", label("first", judgement=7)), "got a 'int' object"),
    ],
)
def test_what_no_table_can_hold_loses_its_row_and_no_other(tmp_path, bad, detail):
    good = [InputRow(i, i, Pairs((pair(f"p{i}", "x", "y"),))) for i in range(100)]
    # Both pairs of the row go: a row is used whole or not at all.
    given = [*good[:70], InputRow(500, "bad", Pairs((pair("p", "x", "z"), bad))), *good[70:]]
    staged = stage(tmp_path, rows_source(tmp_path, *given))
    assert accounts(staged) == (101, 0, 1, 100)
    assert [row["number"] for row in staged_rows(staged)] == [*range(70), *range(71, 101)]
    (row,) = quarantine(staged)
    assert (row["number"], row["line"], row["reason"], row["raw"]) == (70, 500, "bad value", '"bad"')
    assert detail in row["detail"]


def test_a_row_id_that_no_table_can_hold(tmp_path):
    staged = stage(tmp_path, rows_source(tmp_path, InputRow(1, "a", Pairs((pair("p", "x", "y"),)), row_id="\ud800")))
    assert accounts(staged) == (1, 0, 1, 0) and staged.slices == ()


def test_memory_is_bounded_by_flushing(tmp_path, monkeypatch):
    options = source(tmp_path, "data", [pair(f"p{i}", "x" * 10, "y" * 10) for i in range(50)])
    whole = staged_rows(stage(tmp_path / "a", options))
    monkeypatch.setattr(staged_file, "FLUSH_CHARACTERS", 100)
    monkeypatch.setattr(staging, "_BATCH_CHARACTERS", 100)
    staged = stage(tmp_path / "b", options)
    assert sum(len(piece.row_groups) for piece in staged.slices) > 8
    assert staged_rows(staged) == whole


def test_the_raw_row_in_quarantine_is_bounded(tmp_path):
    row = InputRow(1, "a", Unreadable("r", "d\ud800"), raw="x" * 50_000)
    (found,) = quarantine(stage(tmp_path, rows_source(tmp_path, row)))
    assert found["raw"] == "x" * arriving.RAW_CHARACTERS and found["detail"] == "d\\ud800"


def test_a_file_that_breaks_gives_the_rows_before_and_one_that_says_so(tmp_path):
    whole = gzip.compress(write_rows(tmp_path / "x.jsonl", 500).read_bytes())
    path = tmp_path / "y.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    staged = stage(tmp_path, mapped(path))
    assert staged.quarantined == 1 and staged.pairs == staged.rows - 1 > 50
    (row,) = quarantine(staged)
    assert (row["reason"], row["number"]) == ("file broken off", staged.rows - 1)


class BreakingReader(RowsReader):
    """Gives its rows, then the file cannot be read on."""

    format: ClassVar[str] = "breaking"

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        yield from super().read(unit, open_file)
        raise EOFError("no more")


def test_a_reader_that_meets_the_end_too_early(tmp_path):
    rows_source(tmp_path, InputRow(3, "a", Pairs((pair("p", "x", "y"),))))
    options = SourceOptions(name="data", path=str(tmp_path / "rows.pickle"), reader=BreakingReader())
    staged = stage(tmp_path, options)
    assert accounts(staged) == (2, 0, 1, 1)
    (row,) = quarantine(staged)
    assert (row["line"], row["reason"]) == (4, "broken file")
    assert row["detail"] == "EOFError: no more; rows after line 3 of this file could not be read"
    # Within the limit nobody notices, for nobody read so far.
    assert accounts(stage(tmp_path / "limited", options, limit=1)) == (1, 0, 0, 1)


def test_an_empty_file(tmp_path):
    staged = stage(tmp_path, mapped(write_rows(tmp_path / "x.jsonl", 0)))
    assert accounts(staged) == (0, 0, 0, 0) and (staged.slices, staged.quarantine) == ((), None)


@pytest.mark.parametrize(
    ("limit", "expected"), [(1, (1, 0, 0, 1)), (3, (3, 0, 1, 2)), (10, (6, 0, 2, 4)), (None, (6, 0, 2, 4))]
)
def test_a_limit_counts_rows_whatever_becomes_of_them(tmp_path, limit, expected):
    staged = stage(tmp_path, mapped(write_rows(tmp_path / "x.jsonl", 6, bad=(2, 5))), limit)
    assert accounts(staged) == expected
    assert len(quarantine(staged)) == expected[2] and len(staged_rows(staged)) == expected[3]


def digest(tmp_path: Path, *identities: object, name: str = "data") -> str:
    rows = [InputRow(i, identity, Auxiliary()) for i, identity in enumerate(identities)]
    options = rows_source(tmp_path, *rows).model_copy(update={"name": name})
    return stage(tmp_path, options).rows_digest


def test_the_digest_of_rows_knows_no_order_but_counts_repeats(tmp_path):
    one = digest(tmp_path, "a", "b", "b")
    assert digest(tmp_path, "b", "a", "b") == one
    others = [digest(tmp_path, *rows) for rows in (("a", "b"), ("a", "a", "b"), ("a", "b", "c"))]
    assert len({one, *others, digest(tmp_path, "a", "b", "b", name="other")}) == 5
