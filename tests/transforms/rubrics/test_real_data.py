"""Real people's labels in their original formats, from examples/data: what comes out is sound, whatever it is."""

from pathlib import Path

import pytest

from prefcurate.transforms.describe.task import TASKS
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.rubrics.options import RubricOptions
from tests.helpers import ingest
from tests.transforms.rubrics.test_build import run

DATA = Path(__file__).parents[3] / "examples" / "data"
SOURCES = {"qa": ("qa_feedback", "finegrained-qa-feedback"), "ukp": ("ukp", "ukp-convarg")}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    sources = [
        SourceOptions.model_validate({"name": name, "format": format, "path": str(DATA / folder)})
        for name, (format, folder) in SOURCES.items()
    ]
    return run(ingest(tmp_path_factory.mktemp("real") / "store", sources, shards=1), RubricOptions(min_pairs=80))


def test_prompts_that_bring_passages_are_seen(snapshot):
    rows = snapshot.table("attributes").to_pylist()
    tasks = [row["value"] for row in rows if row["name"] == "task"]
    assert set(tasks) <= set(TASKS)
    assert tasks.count("qa_with_documents") >= 60  # each of the 63 questions comes with Wikipedia passages
    assert {row["value"] for row in rows if row["name"] == "language"} <= {"en", "unknown"}


def test_every_scope_has_a_rubric_with_numbers_and_reasons(snapshot):
    rubrics = snapshot.table("rubrics").to_pylist()
    assert "store" in {row["scope"] for row in rubrics}
    criteria = snapshot.table("criteria").to_pylist()
    assert {row["rubric_id"] for row in criteria} == {row["rubric_id"] for row in rubrics}
    for row in [*rubrics, *criteria]:
        assert row["status"] in ("accepted", "rejected", "candidate")
        assert row["acceptance"] is None or row["acceptance_low"] <= row["acceptance"]
        assert row["status"] != "accepted" or row["acceptance_low"] > 0.5
    assert all(row["reason"] for row in criteria)
    # The quick start must yield a real rubric with no chat model.
    assert any(row["status"] == "accepted" for row in rubrics)


def test_length_is_reported_and_refused(snapshot):
    rows = [row for row in snapshot.table("criteria").to_pylist() if row["checker"].startswith("length")]
    assert {row["status"] for row in rows} == {"rejected"}
    assert any(row["n"] > 50 for row in rows)


def test_evidence_names_comparisons_of_the_store(snapshot):
    known = set(snapshot.table("comparisons", None, ["comparison_id"])["comparison_id"].to_pylist())
    named = {i for row in snapshot.table("criteria").to_pylist() for i in row["evidence"]}
    assert named and named <= known
