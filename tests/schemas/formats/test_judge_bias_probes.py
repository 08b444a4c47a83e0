from collections import Counter

import pytest

from prefcurate.schemas.formats.judge_bias_probes import JudgeBiasProbesReader
from prefcurate.schemas.records import Verdict
from tests.schemas.formats.reading import (
    jsonl,
    labels_of,
    outcomes,
    pairs_of,
    read_bytes,
    read_sample,
    read_shared,
    text_of,
    verdicts,
)

FOLDER = "judge-bias-probes"


def probe(first: object = "", second: object = "", **more: object) -> dict[str, object]:
    answers = {
        "answer1": {"answer": "One", "answer_id": "a", "perturb": first},
        "answer2": {"answer": "Two", "answer_id": "b", "perturb": second},
    }
    return {"question_id": "q-1", "prompt": "Why?", "model_id": "gpt-4", "answers": answers} | more


def read(*rows: object):
    return read_bytes(JudgeBiasProbesReader(), "probes.json", jsonl(*rows))


def test_the_sample():
    rows = read_sample(JudgeBiasProbesReader(), FOLDER)
    assert outcomes(rows) == {"Pairs": 75}
    assert verdicts(labels_of(rows)) == {"first": 9, "second": 6}


@pytest.mark.parametrize(
    ("name", "first_edited", "labels"),
    [("factual_error", 70, 142), ("gender", 142, 0), ("reference", 65, 0), ("rich_content", 69, 0), ("raw", 0, 0)],
)
def test_each_file_as_its_readme_counts(name, first_edited, labels):
    rows = read_shared(JudgeBiasProbesReader(), FOLDER, f"{name}.json")
    assert outcomes(rows) == {"Pairs": 142} and len(labels_of(rows)) == labels
    models = Counter((pair.model_first, pair.model_second) for pair in pairs_of(rows))
    edited = f"gpt-4+{name}"
    if name == "raw":
        assert models == {("gpt-4", "gpt-4"): 142}
    else:
        assert models == Counter({(edited, "gpt-4"): first_edited, ("gpt-4", edited): 142 - first_edited})


def test_the_answer_without_the_planted_error_is_right_on_whichever_side():
    pairs = pairs_of(read_shared(JudgeBiasProbesReader(), FOLDER, "factual_error.json"))
    for pair in pairs:
        (label,) = pair.labels
        edited = pair.model_first if label.verdict is Verdict.SECOND else pair.model_second
        assert edited == "gpt-4+factual_error"
        assert (label.annotator, label.kind) == ("construction", "program")


def test_rows_keep_their_order_and_their_id():
    (row,) = read(probe("factual_error"))
    (pair,) = row.outcome.pairs
    assert (text_of(pair.prompt), text_of(pair.first), text_of(pair.second)) == (["Why?"], ["One"], ["Two"])
    assert row.row_id == "q-1" and pair.labels[0].verdict is Verdict.SECOND


def test_two_errors_compare_nothing():
    assert labels_of(read(probe("factual_error", "factual_error"), probe("gender", ""))) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (probe(prompt=""), "empty field"),
        (probe(answers=[]), "wrong type"),
        (probe(answers={"answer1": {"answer": "x"}}), "field missing"),
        (probe(answers={"answer1": {"answer": "x"}, "answer2": {"answer": None}}), "wrong type"),
        (probe(first=1), "wrong type"),
    ],
)
def test_a_row_that_cannot_be_used(row, reason):
    assert outcomes(read(row, probe())) == {reason: 1, "Pairs": 1}
