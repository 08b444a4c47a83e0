"""Tasks have the layout of Label Studio's documentation (guide/task_format, tags/pairwise, tags/ranker)."""

import pytest

from prefcurate.schemas.formats.label_studio import LabelStudioReader
from prefcurate.schemas.formats.label_studio_project import LabelStudioProjectReader
from prefcurate.schemas.records import Verdict
from tests.schemas.formats.reading import jsonl, labels_of, outcomes, pairs_of, read_bytes, text_of

SETTINGS = {"prompt": "prompt", "response_a": "answer1", "response_b": "answer2", "question": "pw"}
DATA = {"prompt": "Why?", "answer1": "One", "answer2": "Two"}


def result(name: str, kind: str, value: object) -> dict[str, object]:
    return {"id": "x", "from_name": name, "to_name": "txt-1,txt-2", "type": kind, "value": value}


def annotation(number: int, *results: object, by: object = 7, **more: object) -> dict[str, object]:
    return {"id": number, "completed_by": by, "was_cancelled": False, "result": list(results)} | more


def task(*annotations: object, data: object = DATA, **more: object) -> dict[str, object]:
    return {"id": 3, "project": 83, "data": data, "annotations": list(annotations), "predictions": []} | more


def read(*rows: object, **more: object):
    return read_bytes(LabelStudioProjectReader.model_validate(SETTINGS | more), "export.json", jsonl(*rows))


def told(rows):
    return [(label.annotator, label.kind, label.verdict, label.parse_status) for label in labels_of(rows)]


PAIRWISE = result("pw", "pairwise", {"selected": "right"})


def test_pairwise_left_and_right():
    (row,) = read(
        task(annotation(1, PAIRWISE), annotation(2, result("pw", "pairwise", {"selected": "left"}), by={"id": 9}))
    )
    assert told([row]) == [("7", "person", Verdict.SECOND, "ok"), ("9", "person", Verdict.FIRST, "ok")]
    (pair,) = pairs_of([row])
    assert (text_of(pair.prompt), text_of(pair.first), text_of(pair.second)) == (["Why?"], ["One"], ["Two"])
    assert row.row_id == "83/3"


def test_choices_with_words_of_their_own_and_a_reason():
    values = {"The first": "a", "The second": "b", "Neither": "both_bad"}
    answers = (
        annotation(
            1, result("c", "choices", {"choices": ["Neither"]}), result("t", "textarea", {"text": ["Both ", "lie."]})
        ),
        annotation(2, result("c", "choices", {"choices": ["The first"]}), by={"id": 1, "email": "kim@x"}),
        annotation(3, result("c", "choices", {"choices": ["The first", "Neither"]})),
        annotation(4, result("c", "choices", {"choices": ["Hm"]})),
        annotation(5, by=None),
        annotation(6, result("c", "choices", {"choices": ["Neither"]}), was_cancelled=True),
    )
    rows = read(task(*answers), question="c", values=values, rationale="t")
    assert told(rows) == [
        ("7", "person", Verdict.BOTH_BAD, "ok"),
        ("kim@x", "person", Verdict.FIRST, "ok"),
        ("7", "person", None, "unparsed"),
        ("7", "person", None, "unparsed"),
        ("anonymous", "person", None, "empty"),
        ("7", "person", None, "refused"),
    ]
    assert labels_of(rows)[0].rationale == "Both \nlie."
    assert [label.sample for label in labels_of(rows)] == [0, 0, 1, 2, 0, 3]


def test_a_rating_on_each_side_is_compared_and_kept():
    answers = annotation(1, result("r1", "rating", {"rating": 4}), result("r2", "rating", {"rating": 2}))
    (pair,) = pairs_of(read(task(answers), question={}, ratings={"r1": "a", "r2": {"of": "b", "scale": [1, 5]}}))
    assert [(label.verdict, label.strength) for label in pair.labels] == [(Verdict.FIRST, 2.0)]
    assert [(r.of, r.value) for r in pair.ratings] == [("first", 4.0), ("second", 2.0)]


def test_a_ranker_of_three_is_one_act():
    items = {"prompt": "Why?", "items": [{"id": i, "body": f"Answer {i}"} for i in ("x", "y", "z")]}
    responses = {name: f"items[{n}].body" for n, name in enumerate(("x", "y", "z"))}
    settings = {"response_a": None, "response_b": None, "responses": responses, "question": "rank"}
    ranked = annotation(1, result("rank", "ranker", {"ranker": ["y", "x", "z"]}))
    rows = read(task(ranked, data=items), **settings)
    assert [label.verdict for label in labels_of(rows)] == [Verdict.SECOND, Verdict.FIRST, Verdict.FIRST]
    assert len({label.judgement for label in labels_of(rows)}) == 1
    wrong = annotation(1, result("rank", "ranker", {"ranker": ["y", "q", "z"]}))
    buckets = annotation(2, result("rank", "ranker", {"ranker": {"best": ["y"], "worst": ["x"]}}))
    assert [status for *_, status in told(read(task(wrong, buckets, data=items), **settings))] == ["unparsed"] * 2


def test_a_prediction_is_its_models_opinion():
    predictions = [{"id": 5, "model_version": "llama-3", "result": [PAIRWISE]}, {"id": 4, "result": [PAIRWISE]}]
    rows = read(task(annotation(1, PAIRWISE), predictions=predictions))
    assert told(rows)[1:] == [
        ("prediction", "llm_judge", Verdict.SECOND, "ok"),
        ("llama-3", "llm_judge", Verdict.SECOND, "ok"),
    ]
    assert told(read(task(predictions=predictions), prediction_kind="program"))[0][1] == "program"


def test_json_min_has_one_annotation_a_row():
    row = {"id": 3, **DATA, "pw": "left", "annotator": 7, "annotation_id": 21, "created_at": "2024", "lead_time": 3.1}
    (found,) = read(row)
    assert told([found]) == [("7", "person", Verdict.FIRST, "ok")] and found.row_id == "21"


def test_a_later_export_with_more_annotations_keeps_the_earlier_ones_in_their_place():
    one, other = read(
        task(annotation(2, PAIRWISE, by=2), annotation(1, PAIRWISE, by=1)), task(annotation(1, PAIRWISE, by=1))
    )
    assert [who for who, *_ in told([one])] == ["1", "2"]
    assert one.identity["answers"][0] == other.identity["answers"][0]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (task(data={"prompt": "Why?", "answer1": "x"}), "one response"),
        (task(data={"answer1": "x", "answer2": "y"}), "field missing"),
        (task(data=[]), "wrong type"),
        (task("x"), "wrong type"),
        (task(annotation(1, "x")), "wrong type"),
        ({"id": 1, "annotations": []}, "field missing"),
        ([], "not an object"),
    ],
)
def test_a_task_that_cannot_be_used_loses_no_other(bad, reason):
    assert outcomes(read(bad, task())) == {reason: 1, "Pairs": 1}


def test_a_misspelt_control_is_told_and_one_that_nobody_used_is_not():
    (row,) = read(task(annotation(1, result("prefer", "choices", {"choices": ["first"]}))), question="prefr")
    assert row.outcome.reason == "field missing" and "did you mean 'prefer'" in row.outcome.detail
    (row,) = read(task(annotation(1, result("other", "choices", {"choices": ["x"]}))))
    assert told([row]) == [("7", "person", None, "empty")]


def test_the_format_of_our_own_queues_says_which_one_reads_other_projects():
    (row,) = read_bytes(LabelStudioReader(), "export.json", jsonl(task(annotation(1, PAIRWISE))))
    assert row.outcome.reason == "field missing" and "label_studio_project" in row.outcome.detail
