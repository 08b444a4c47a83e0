"""How far a stage is, from the files in its store."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefcurate.pipelines.watch import Seen, Watch
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.signs import clear_signs, rows_to_do, to_do
from prefcurate.transforms.store.files import remove
from prefcurate.transforms.store.parts import write_part
from prefcurate.transforms.store.store import Store


@pytest.fixture
def context(tmp_path) -> StageContext:
    store = Store(str(tmp_path / "store"), 4)
    store.create()
    return StageContext(store, "annotate", (), ("annotations", "calls"), "", run_id="run-1")


def rows(table: str, **values: list) -> pa.Table:
    many = len(next(iter(values.values())))
    schema = TABLES[table].schema
    columns = [pa.array(values.get(f.name, [None] * many), f.type) for f in schema]
    return pa.Table.from_arrays(columns, schema=pa.schema([pa.field(f.name, f.type) for f in schema]))


def annotations(*ids: str) -> pa.Table:
    return rows("annotations", annotation_id=list(ids))


def test_parts_of_this_run_count_in_whichever_place_they_lie(context):
    root = context.store.root
    write_part(root, "annotations", 0, [annotations("old")], pending="annotate")
    watch = Watch(context)
    assert watch.look(1.0) == Seen(1.0, 0, 4, 0, 0, 0.0)
    to_do(context, 1, 3)
    to_do(context, 2, 5)
    to_do(context, 2, 5)
    part = write_part(root, "annotations", 1, [annotations("a", "b", "c")], pending="annotate")
    write_part(root, "calls", 1, [rows("calls", call_id=["x", "y"], price_usd=[0.25, 0.5])], pending="annotate")
    seen = watch.look(2.0)
    assert (seen.shards, seen.rows, seen.of_rows, seen.spent_usd) == (1, 3, 8, 0.75)
    assert (seen.rows_a_second, round(seen.seconds_left, 6)) == (1.5, round(2.0 * 5 / 3, 6))
    # Merged into its final place, it is there twice for a while.
    write_part(root, "annotations", 1, [annotations("a", "b", "c")])
    assert watch.look(3.0).rows == 3
    assert part
    remove(part.path)
    assert watch.look(3.0).rows == 3


def test_what_is_not_the_stages_output_is_no_progress(context):
    watch = Watch(context)
    write_part(context.store.root, "annotations", 1, [annotations("a")], pending="embed")
    write_part(context.store.root, "ratings", 1, [rows("ratings", rating_id=["r"])], pending="annotate")
    assert watch.look(1.0).shards == 0


def test_ingest_is_as_far_as_its_files_are_read_and_what_it_refused_is_no_shard(context):
    ingest = replace(context, stage="ingest", writes=("comparisons", "quarantine", "intakes"))
    watch = Watch(ingest)
    root = context.store.root
    refused = rows("quarantine", intake_id=["i"])
    write_part(root, "quarantine", 0, [refused], pending="ingest")
    for run in ("run-0", "run-1"):
        folder = Path(root, "_pending", "ingest", run)
        folder.mkdir()
        pq.write_table(pa.table({"shard": [0, 1, 1]}), folder / "i.parquet")
    assert watch.look(1.0) == Seen(1.0, 0, 4, 3)
    write_part(root, "comparisons", 1, [rows("comparisons", comparison_id=["a"])])
    assert watch.look(2.0) == Seen(2.0, 1, 4, 1)


def test_signs_are_of_one_run_and_go_with_the_stage(context):
    to_do(context, 0, 7)
    to_do(context, 1, 0)
    assert rows_to_do(context) == 7
    clear_signs(context)
    assert rows_to_do(context) == 0


@pytest.mark.parametrize(
    ("seen", "left"),
    [
        (Seen(60, 0, 16, 0), None),
        (Seen(60, 4, 16, 100), 180),
        (Seen(60, 16, 16, 100), None),
        (Seen(60, 16, 16, 100, of_rows=400), 180),
        (Seen(60, 1, 16, 0, of_rows=400), None),
    ],
)
def test_time_left_follows_rows_where_they_are_known_and_shards_where_not(seen, left):
    assert seen.seconds_left == left
