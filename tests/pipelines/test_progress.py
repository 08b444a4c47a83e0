"""What a run says while it goes on."""

import io
import json
import re
import time

import pyarrow as pa
import pytest
from rich.console import Console

from prefcurate.pipelines.curate import STAGES
from prefcurate.pipelines.progress import Progress, json_logger
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.ledger import LedgerEntry
from prefcurate.transforms.store.parts import write_part
from prefcurate.transforms.store.store import Store, StoreError


def test_a_remark_is_printed_letter_by_letter():
    out = io.StringIO()
    # Between colons rich sees the name of a picture, and in brackets a style.
    told = {"rubrics.read": ["rubrics:m: [bold] no rubric"], "intakes": ["not for people"]}
    entry = LedgerEntry("rubrics", 1, "run", "s", {}, "state", {}, told)
    Progress(Console(file=out, width=200)).remarks(entry)
    assert out.getvalue().strip() == "rubrics:m: [bold] no rubric"


STAGE = next(stage for stage in STAGES if stage.name == "describe")


@pytest.fixture
def context(tmp_path) -> StageContext:
    store = Store(str(tmp_path / "store"), 2)
    store.create()
    return StageContext(store, "describe", (), ("attributes",), "", run_id="run-1")


def half_done(progress: Progress, context: StageContext, monkeypatch) -> None:
    """Runs a stage that finishes one of two shards, and ends when that has been told."""
    monkeypatch.setattr("prefcurate.pipelines.progress.EVERY_LOG", 0.05)
    progress.begin("run-1", "in this process")
    schema = pa.schema([pa.field(f.name, f.type) for f in TABLES["attributes"].schema])
    row = dict.fromkeys(schema.names, "x")
    with progress.running(context, STAGE):
        write_part(context.store.root, "attributes", 1, [pa.Table.from_pylist([row] * 3, schema=schema)])
        time.sleep(0.5)


def test_a_log_gets_a_line_now_and_then(context, monkeypatch):
    out = io.StringIO()
    half_done(Progress(Console(file=out, width=200)), context, monkeypatch)
    lines = out.getvalue().splitlines()
    assert lines[0] == "  in this process"
    told = re.compile(r"  describe: \d s, shards 1 of 2, rows 3, [\d.]+ rows/s, about \d s left …")
    assert any(told.fullmatch(line) for line in lines), lines
    assert re.fullmatch(r"  describe      0\.\d s  ", lines[-1])


def test_a_scheduler_gets_one_json_object_a_line(context, monkeypatch, capsys):
    progress = Progress(Console(file=io.StringIO()), json_logger())
    half_done(progress, context, monkeypatch)
    with pytest.raises(StoreError), progress.failures_told():
        raise StoreError("broken\nin two lines")
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = [event["event"] for event in events]
    assert names[:2] == ["run_started", "stage_started"] and names[-2:] == ["stage_finished", "run_failed"]
    assert {event["run_id"] for event in events} == {"run-1"}
    (seen, *_) = [event for event in events if event["event"] == "progress" and event["rows"]]
    assert (seen["stage"], seen["shards"], seen["of_shards"], seen["rows"]) == ("describe", 1, 2, 3)
    assert seen["spent_usd"] is None and seen["rows_a_second"] > 0 and seen["time"].endswith("+00:00")
    assert events[-1]["level"] == "error" and events[-1]["words"] == "broken\nin two lines"
