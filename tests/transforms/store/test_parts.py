import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefcurate.schemas.tables import SCHEMA_VERSION, TABLES
from prefcurate.transforms.store import parts
from prefcurate.transforms.store.parts import Part, conform, write_part
from tests.transforms.store.toys import FACT, facts


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_part_is_named_by_the_sha256_of_its_bytes(tmp_path):
    part = write_part(str(tmp_path), FACT, 3, [facts(("p", "code"), ("q", "maths"))])
    content = Path(part.path).read_bytes()
    name = hashlib.sha256(content).hexdigest()
    assert part == Part(FACT, 3, f"{tmp_path}/attributes/shard=3/{name}.parquet", 2, len(content), False)
    assert pq.read_table(part.path)["value"].to_pylist() == ["code", "maths"]


def test_the_same_rows_are_the_same_file_however_they_come(tmp_path):
    table = facts(*((f"p{i}", str(i)) for i in range(10)))
    first = write_part(str(tmp_path), FACT, 0, [table])
    written = Path(first.path).stat().st_mtime_ns
    assert write_part(str(tmp_path), FACT, 0, table.to_batches()) == first
    assert Path(first.path).stat().st_mtime_ns == written
    assert files(tmp_path) == [f"attributes/shard=0/{Path(first.path).name}"]
    assert write_part(str(tmp_path), FACT, 0, [facts(("p0", "other"))]).path != first.path


def test_no_rows_are_no_part(tmp_path):
    assert write_part(str(tmp_path), FACT, 0, []) is None
    assert write_part(str(tmp_path), FACT, 0, [facts()]) is None
    assert files(tmp_path) == []


def test_a_pending_part_lies_beside_the_tables(tmp_path):
    part = write_part(str(tmp_path), FACT, 1, [facts(("p", "x"))], pending="describe", footer={"fingerprint": "f1"})
    assert part.pending and Path(part.path).parent == tmp_path / "_pending" / "describe" / FACT / "shard=1"
    metadata = pq.read_schema(part.path).metadata
    assert (
        metadata[b"prefcurate.fingerprint"] == b"f1" and metadata[b"prefcurate.schema"] == str(SCHEMA_VERSION).encode()
    )


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    def batches():
        yield facts(("p", "x"))
        raise RuntimeError("the worker died")

    with pytest.raises(RuntimeError, match="the worker died"):
        write_part(str(tmp_path), FACT, 0, batches())
    assert files(tmp_path) == []


def test_row_groups_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "ROW_GROUP_ROWS", 4)
    part = write_part(str(tmp_path), FACT, 0, [facts(*((f"p{i}", "x") for i in range(10)))])
    about = pq.read_metadata(part.path)
    assert [about.row_group(i).num_rows for i in range(about.num_row_groups)] == [4, 4, 2]


def test_vectors_are_packed_byte_by_byte(tmp_path):
    rows = [{"prompt_id": "p", "text_id": "t", "role": "prompt", "fingerprint": "f", "vector": [0.5, -1.0]}]
    table = pa.Table.from_pylist(rows, schema=TABLES["embeddings"].schema)
    part = write_part(str(tmp_path), "embeddings", 0, [table])
    columns = pq.read_metadata(part.path).row_group(0)
    vector = next(
        columns.column(i) for i in range(columns.num_columns) if columns.column(i).path_in_schema.startswith("vector")
    )
    assert "BYTE_STREAM_SPLIT" in vector.encodings and vector.compression == "ZSTD"
    assert pq.read_table(part.path, partitioning=None).to_pylist() == rows


def test_conform_orders_casts_and_fills(tmp_path):
    schema = pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.float64())])
    given = pa.table({"b": ["x"], "a": pa.array([1], pa.int32())})
    assert conform(given, schema).to_pylist() == [{"a": 1, "b": "x", "c": None}]
    assert conform(given, schema).schema == schema


def test_a_column_that_the_schema_does_not_know_is_an_error():
    with pytest.raises(ValueError, match=r"columns \['lable'\] are not in the schema \['label'\]"):
        conform(pa.table({"lable": ["a"]}), pa.schema([("label", pa.string())]))


def test_a_store_behind_an_address():
    first = write_part("memory://parts", FACT, 0, [facts(("p", "x"))])
    assert first.path.startswith("memory://parts/attributes/shard=0/")
    assert write_part("memory://parts", FACT, 0, [facts(("p", "x"))]) == first
