import json

import pytest

from prefcurate.schemas.formats.deepresearch import DeepresearchReader
from tests.schemas.formats.reading import jsonl, outcomes, read_bytes, read_sample, read_shared, text_of

FOLDER = "deepresearch-criteria"


def task(criterion: object = None, **more: object) -> dict[str, object]:
    one = {"criterion": "Broad?", "explanation": "…", "weight": 1.0} if criterion is None else criterion
    return {"id": 1, "prompt": "Why?", "dimension_weight": {"insight": 1.0}, "criterions": {"insight": [one]}} | more


def read(*rows: object):
    return read_bytes(DeepresearchReader(), "criteria.jsonl", jsonl(*rows))


def test_the_sample():
    rows = read_sample(DeepresearchReader(), FOLDER)
    assert outcomes(rows) == {"Auxiliary": 20} and sum(bool(row.outcome.materials) for row in rows) == 10


def test_all_of_it_as_its_readme_counts():
    rows = read_shared(DeepresearchReader(), FOLDER)
    assert outcomes(rows) == {"Auxiliary": 200}
    rubrics = [json.loads(m.text) for row in rows for m in row.outcome.materials]
    groups = [group for rubric in rubrics for group in rubric["criterions"].values()]
    assert (len(rubrics), len(groups), sum(map(len, groups))) == (100, 400, 2517)
    assert all(abs(sum(one["weight"] for one in group) - 1) < 1e-6 for group in groups)


def test_a_rubric_is_about_its_prompt_alone_and_a_query_says_nothing_new():
    rubric, query = read(task(), {"id": 1, "topic": "t", "language": "en", "prompt": "Why?"})
    assert text_of(rubric.outcome.prompt) == ["Why?"] and [m.kind for m in rubric.outcome.materials] == ["rubric"]
    assert query.outcome.materials == ()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (task(prompt=" "), "empty field"),
        (task(criterions=[]), "wrong type"),
        (task(dimension_weight={}), "field missing"),
        (task({"criterion": "x", "weight": 2}), "wrong type"),
        (task({"criterion": "x", "weight": True}), "wrong type"),
        (task({"criterion": "x"}), "field missing"),
        (task("x"), "wrong type"),
        ({"prompt": "Why?"}, "field missing"),
    ],
)
def test_a_row_that_cannot_be_used(row, reason):
    assert outcomes(read(row, task())) == {reason: 1, "Auxiliary": 1}
