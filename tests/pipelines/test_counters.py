"""Every stage counts the same five things, by the names that a dashboard of any runner shows."""

import apache_beam as beam
import yaml
from apache_beam.options.pipeline_options import PipelineOptions

from prefcurate.pipelines.config import load_config
from prefcurate.pipelines.curate import STAGES, stage_context
from prefcurate.transforms.store.store import Store

FIELDS = {"prompt": "q", "response_a": "x", "response_b": "y", "label": {"path": "vote", "values": {1: "a", 2: "b"}}}
ROWS = 12


def counted(config, stage, store) -> dict[str, int]:
    """Runs a stage and asks the runner what was counted under its name."""
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    _ = pipeline | stage.transform(config, stage_context(config, stage, store, "run"))
    result = pipeline.run()
    result.wait_until_finish()
    wanted = beam.metrics.MetricsFilter().with_namespace(f"prefcurate.{stage.name}")
    return {found.key.metric.name: found.result for found in result.metrics().query(wanted)["counters"]}


def test_every_stage_counts_the_five(tmp_path):
    rows = [f"question number {i}?,Yes {i}.,No.,{1 + i % 2}" for i in range(ROWS)]
    source = tmp_path / "votes.csv"
    source.write_text("\n".join(["q,x,y,vote", *rows, ""]))
    path = tmp_path / "config.yaml"
    sources = [{"name": "votes", "path": "votes.csv", "fields": FIELDS}]
    annotators = [{"name": "c", "kind": "checks"}]
    path.write_text(yaml.safe_dump({"store": "store", "shards": 2, "sources": sources, "annotators": annotators}))
    config = load_config(str(path))
    store = Store(config.store, config.shards)
    store.create()
    found = {stage.name: counted(config, stage, store) for stage in STAGES}
    assert found["ingest"]["rows_in"] == ROWS
    assert found["ingest"]["bytes_in"] == source.stat().st_size
    assert found["embed"]["rows_in"] == store.rows("comparisons") == ROWS
    assert found["consensus"]["rows_out"] == store.rows("consensus") + store.rows("annotators")
    # Twelve pairs are too few for a rubric, and no answer here can be checked: these two have nothing to commit.
    silent = {"rubrics", "annotate"}
    five = {"rows_in", "bytes_in", "rows_out", "bytes_out", "milliseconds"}
    for name, counts in found.items():
        assert set(counts) == five - ({"rows_out", "bytes_out"} if name in silent else set()), name
        assert all(value > 0 for value in counts.values()), (name, counts)
