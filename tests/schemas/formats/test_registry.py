"""What every reader promises, whatever stands in its files."""

import gzip
import io
import json
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prefcurate.schemas.formats.base import SourceFile
from prefcurate.schemas.formats.registry import READERS
from tests.schemas.formats.reading import DATA, open_path, read_files

SAMPLES = {
    "deepresearch": "deepresearch-criteria",
    "fastchat": "mtbench-fastchat-judgments",
    "judge_bias_probes": "judge-bias-probes",
    "oasst": "oasst-trees",
    "position_bias": "position-bias-mtbench",
    "prd": "prd-vicuna80",
    "prometheus": "prometheus-eval",
    "qa_feedback": "finegrained-qa-feedback",
    "ukp": "ukp-convarg",
    "wmt_mqm": "wmt-mqm-sxs-ende",
}
WHOLE = {"wmt_mqm"}
"""Formats in which a row takes its meaning from later ones: what stands before a break is read otherwise than in the whole file."""
TOOLS = {"prompt": "q", "response_a": "a", "response_b": "b", "question": "d"}
SETTINGS = {"argilla": TOOLS, "label_studio_project": TOOLS, "labelbox": TOOLS}
NAMES = {
    "argilla": "records.jsonl",
    "label_studio_project": "export.json",
    "labelbox": "export.ndjson",
    "auto_j": "testdata_pairwise.jsonl",
    "biggen": "rubrics.json",
    "deepresearch": "criteria.jsonl",
    "fastchat": "model_judgment/gpt-4_pair.jsonl",
    "judge_bias_probes": "probes.json",
    "llm_rubric": "human_judges.tsv",
    "oasst": "trees.jsonl",
    "position_bias": "Repetition1/record.tsv",
    "prd": "ratings-gpt4/answer_bard-vs-answer_gpt4-gpt4-reviewer.jsonl",
    "prm": "prm.jsonl",
    "prometheus": "eval.json",
    "qa_feedback": "feedback.json",
    "shp": "train.jsonl",
    "ukp": "debate.xml",
    "wmt_mqm": "mqm.tsv",
}


def _files(name: str) -> list[SourceFile]:
    reader, folder = READERS[name](), DATA / SAMPLES[name]
    paths = sorted(p for p in folder.rglob("*") if p.name.removesuffix(".gz").endswith(reader.suffixes))
    return [SourceFile(str(path), str(path.relative_to(folder))) for path in paths]


@pytest.mark.parametrize("name", SAMPLES)
def test_each_file_is_one_unit_and_each_row_has_a_line_of_its_own(name):
    reader, files = READERS[name](), _files(name)
    units = reader.plan(files[::-1])
    assert sorted(unit.file for unit in units) == files
    for unit in units:
        rows = list(reader.read(unit, open_path))
        assert rows and len({row.line for row in rows}) == len(rows)
        json.dumps([row.identity for row in rows], allow_nan=False).encode()


@pytest.mark.parametrize("name", sorted(SAMPLES.keys() - WHOLE))
def test_a_cut_file_gives_the_rows_before_the_cut(name):
    """As a download that broke off: every whole row before is read alike, and the break is one row that says so."""
    reader, files = READERS[name](), _files(name)
    unit = max(reader.plan(files), key=lambda unit: (len(unit.joined), Path(unit.file.uri).stat().st_size))
    whole = list(reader.read(unit, open_path))

    @contextmanager
    def open_cut(file: SourceFile):
        if file != unit.file:
            with open_path(file) as stream:
                yield stream
            return
        with open_path(file) as stream:
            data = gzip.compress(stream.read())
        with gzip.open(io.BytesIO(data[: len(data) * 3 // 4])) as stream:
            yield stream

    *cut, last = reader.read(unit, open_cut)
    assert len(cut) > len(whole) // 3 and cut == whole[: len(cut)]
    assert last.outcome.reason == "file broken off"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@example(data=b"[]\x80")
@given(data=st.binary(max_size=120) | st.text(alphabet='[]{},:"<>&\t\n1a', max_size=60).map(str.encode))
def test_no_bytes_make_a_reader_raise(name, data):
    reader = READERS[name].model_validate(SETTINGS.get(name, {}))
    for row in read_files(reader, {NAMES[name]: data})[NAMES[name]]:
        assert row.line >= 1
        row.raw.encode()
