import json
from collections import Counter

import pytest

from prefcurate.schemas.formats.biggen import BiggenReader
from prefcurate.schemas.records import Auxiliary
from tests.schemas.formats.reading import jsonl, outcomes, read_bytes, read_sample, read_shared, text_of


def instance(**more: object) -> dict[str, object]:
    row = {"id": "i-0", "system_prompt": "Be kind.", "input": "Why?", "reference_answer": "Because."}
    return row | {"score_rubric": {"criteria": "Good?", "score1_description": "No."}, "response": "Hello World!"} | more


def read(*rows: object):
    return read_bytes(BiggenReader(), "rubrics.jsonl", jsonl(*rows))


def kinds(rows) -> Counter[str]:
    return Counter(material.kind for row in rows for material in row.outcome.materials)


def test_the_sample():
    rows = read_sample(BiggenReader(), "biggen-rubrics")
    assert outcomes(rows) == {"Auxiliary": 9} and kinds(rows) == {"rubric": 9, "reference": 9}


def test_all_of_it_as_its_readme_counts():
    rows = read_shared(BiggenReader(), "biggen-rubrics")
    assert outcomes(rows) == {"Auxiliary": 765} and kinds(rows) == {"rubric": 765, "reference": 765}
    assert len({row.row_id for row in rows}) == len({row.outcome.prompt for row in rows}) == 765
    assert not any("Hello World!" in material.text for row in rows for material in row.outcome.materials)
    (rubric, _) = rows[0].outcome.materials
    assert sorted(json.loads(rubric.text)) == ["criteria", *(f"score{n}_description" for n in range(1, 6))]


def test_an_instance_is_about_its_prompt_alone():
    named = read_bytes(BiggenReader(), "rubrics.json", json.dumps({"i-0": instance(), "i-1": instance()}).encode())
    for row in (*named, *read(instance(), instance())):
        assert isinstance(row.outcome, Auxiliary) and text_of(row.outcome.prompt) == ["Be kind.", "Why?"]
        assert [message.role for message in row.outcome.prompt] == ["system", "user"]
    assert [row.line for row in named] == [1, 2]


def test_what_is_not_there_is_left_out():
    (row,) = read(instance(system_prompt=None, reference_answer=" "))
    assert text_of(row.outcome.prompt) == ["Why?"] and kinds([row]) == {"rubric": 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (instance(input=""), "empty field"),
        (instance(score_rubric="Good?"), "wrong type"),
        (instance(score_rubric={}), "field missing"),
        (instance(reference_answer=[1]), "wrong type"),
        ({"id": "i"}, "field missing"),
        ([], "not an object"),
    ],
)
def test_a_row_that_cannot_be_used(row, reason):
    assert outcomes(read(row, instance())) == {reason: 1, "Auxiliary": 1}
