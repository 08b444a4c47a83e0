"""The same three records in every shape that Argilla writes them in; the shapes are those of its own `_generic.py` and `_huggingface_format`."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from prefcurate.schemas.formats.argilla import ArgillaReader
from prefcurate.schemas.records import Verdict
from tests.schemas.formats.reading import jsonl, labels_of, outcomes, pairs_of, read_bytes, text_of

FIELDS = {"instruction": "Why?", "response1": "One", "response2": "Two"}
SETTINGS = {
    "prompt": "instruction",
    "response_a": "response1",
    "response_b": "response2",
    "question": "preference",
    "values": {"Response 1": "a", "Response 2": "b", "Tie": "tie", "Both bad": "both_bad"},
    "rationale": "reason",
}
ANSWERS = [
    ("u1", "Response 2", "submitted"),
    ("u2", "Tie", "discarded"),
    ("u3", "Response 1", "draft"),
    ("u4", "?", "submitted"),
]

NESTED_2 = {
    "id": "r1",
    "fields": FIELDS,
    "metadata": {"m": 1},
    "suggestions": {"preference": {"value": "Response 1", "score": 0.9, "agent": "gpt-4"}},
    "responses": {
        "preference": [{"value": value, "user_id": user} for user, value, _ in ANSWERS],
        "reason": [{"value": "Because.", "user_id": "u1"}],
    },
    "vectors": {},
    "_server_id": "s1",
}
FLAT_2 = {
    "id": "r1",
    "_server_id": "s1",
    **FIELDS,
    "preference.responses": [value for _, value, _ in ANSWERS],
    "preference.responses.users": [user for user, _, _ in ANSWERS],
    "preference.responses.status": [status for _, _, status in ANSWERS],
    "reason.responses": ["Because."],
    "reason.responses.users": ["u1"],
    "reason.responses.status": ["submitted"],
    "preference.suggestion": "Response 1",
    "preference.suggestion.score": 0.9,
    "preference.suggestion.agent": "gpt-4",
}
NESTED_1 = {
    "external_id": "r1",
    "fields": FIELDS,
    "responses": [
        {"user_id": user, "status": status, "values": {"preference": {"value": value}}}
        for user, value, status in ANSWERS
    ],
    "suggestions": [
        {"question_name": "preference", "type": "model", "score": 0.9, "value": "Response 1", "agent": "gpt-4"}
    ],
}
NESTED_1["responses"][0]["values"]["reason"] = {"value": "Because."}
FLAT_1 = {
    **FIELDS,
    "preference": [{"user_id": user, "value": value, "status": status} for user, value, status in ANSWERS],
    "reason": [{"user_id": "u1", "value": "Because.", "status": "submitted"}],
    "preference-suggestion": "Response 1",
    "preference-suggestion-metadata": {"type": "model", "score": 0.9, "agent": "gpt-4"},
    "external_id": "r1",
    "metadata": "{}",
}
LISTS_1 = FLAT_1 | {
    "preference": {key: [one[key] for one in FLAT_1["preference"]] for key in ("user_id", "value", "status")}
}
SECOND, FIRST = Verdict.SECOND, Verdict.FIRST


def read(*rows: object, **more: object):
    return read_bytes(ArgillaReader.model_validate(SETTINGS | more), "records.jsonl", jsonl(*rows))


def told(rows):
    return [(label.annotator, label.kind, label.verdict, label.parse_status) for label in labels_of(rows)]


WITH_STATUS = [
    ("u1", "person", SECOND, "ok"),
    ("u2", "person", None, "refused"),
    ("u3", "person", None, "empty"),
    ("u4", "person", None, "unparsed"),
    ("gpt-4", "llm_judge", FIRST, "ok"),
]


@pytest.mark.parametrize(
    "record", [FLAT_2, NESTED_1, FLAT_1, LISTS_1], ids=["flat 2", "nested 1", "flat 1", "datasets 1"]
)
def test_every_shape_that_tells_a_status_says_the_same(record):
    (row,) = read(record)
    assert told([row]) == WITH_STATUS and row.row_id == "r1"
    (pair,) = pairs_of([row])
    assert (text_of(pair.prompt), text_of(pair.first), text_of(pair.second)) == (["Why?"], ["One"], ["Two"])
    assert pair.labels[0].rationale == "Because." and pair.labels[1].rationale is None
    assert pair.labels[1].raw_output == '"Tie"'


def test_nested_records_of_argilla_2_tell_no_status():
    assert told(read(NESTED_2)) == [
        ("u1", "person", SECOND, "ok"),
        ("u2", "person", Verdict.TIE, "ok"),
        ("u3", "person", FIRST, "ok"),
        ("u4", "person", None, "unparsed"),
        ("gpt-4", "llm_judge", FIRST, "ok"),
    ]


def test_exports_as_one_object_by_index_and_by_column():
    index = json.dumps({"r1": NESTED_2, "r2": NESTED_2 | {"id": "r2"}}, indent=1).encode()
    columns = json.dumps({key: [value, value] for key, value in FLAT_2.items()}).encode()
    reader = ArgillaReader.model_validate(SETTINGS)
    for data in (index, columns):
        rows = read_bytes(reader, "records.json", data)
        assert outcomes(rows) == {"Pairs": 2} and [row.line for row in rows] == [1, 2]
        assert len(labels_of(rows)) == 10


def test_parquet_of_datasets():
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([FLAT_1, FLAT_1 | {"external_id": "r2"}]), file)
    rows = read_bytes(ArgillaReader.model_validate(SETTINGS), "train.parquet", file.getvalue())
    assert told(rows) == WITH_STATUS * 2


@pytest.mark.parametrize(
    "value",
    [
        [{"rank": 1, "value": "b"}, {"rank": 2, "value": "a"}],
        [{"rank": 1, "value": "b"}, {"rank": 1, "value": "a"}],
        {"rank": [2, 1], "value": ["a", "b"]},
    ],
)
def test_rankings_are_read_and_equal_ranks_are_ties(value):
    record = {"fields": FIELDS, "responses": {"preference": [{"value": value, "user_id": "u"}]}}
    tied = isinstance(value, list) and value[0]["rank"] == value[1]["rank"]
    assert told(read(record)) == [("u", "person", Verdict.TIE if tied else SECOND, "ok")]


def test_a_ranking_of_three_is_one_act_and_names_its_fields():
    settings = {"response_a": None, "response_b": None, "values": None}
    settings |= {"responses": {"x": "response1", "y": "response2", "z": "instruction"}}
    ranks = [{"rank": 2, "value": "x"}, {"rank": 1, "value": "z"}, {"rank": 3, "value": "y"}]
    rows = read({"fields": FIELDS, "responses": {"preference": [{"value": ranks, "user_id": "u"}]}}, **settings)
    assert [label.verdict for label in labels_of(rows)] == [FIRST, SECOND, SECOND]
    assert len({label.judgement for label in labels_of(rows)}) == 1


def test_ratings_of_each_side_are_compared():
    answers = {"left": [{"value": 2, "user_id": "u"}], "right": [{"value": "4", "user_id": "u"}]}
    settings = {"question": {}, "ratings": {"left": {"of": "a", "scale": [1, 5]}, "right": "b"}}
    (pair,) = pairs_of(read({"fields": FIELDS, "responses": answers}, **settings))
    assert [(label.verdict, label.strength) for label in pair.labels] == [(SECOND, -2.0)]
    assert [(r.of, r.value, r.scale_max) for r in pair.ratings] == [("first", 2.0, 5.0), ("second", 4.0, None)]


def test_a_person_may_suggest_and_a_program_too():
    human = NESTED_1 | {"suggestions": [NESTED_1["suggestions"][0] | {"type": "human", "agent": None}]}
    assert told(read(human))[-1] == ("suggestion", "person", FIRST, "ok")
    assert told(read(NESTED_2, suggestion_kind="program"))[-1][1] == "program"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"fields": {"instruction": "Why?", "response1": "x"}}, "one response"),
        ({"fields": FIELDS | {"response1": " "}}, "one response"),
        ({"fields": {"response1": "x", "response2": "y"}}, "field missing"),
        (FLAT_2 | {"preference.responses": "yes"}, "wrong type"),
        (FLAT_2 | {"preference.responses.status": ["new"] * 4}, "unknown label"),
        (NESTED_1 | {"responses": ["x"]}, "wrong type"),
        ([], "not an object"),
    ],
)
def test_a_record_that_cannot_be_used_loses_no_other(row, reason):
    assert outcomes(read(row, NESTED_2)) == {reason: 1, "Pairs": 1}


def test_nobody_answered():
    assert labels_of(read({"fields": FIELDS, "responses": {}, "suggestions": {}}, FIELDS | {"preference": None})) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"response_b": None}, "name `response_a` and `response_b`"),
        ({"question": {}}, "name the `question`"),
        ({"ratings": {"r": "c"}}, "'c' is none of the responses a, b"),
        ({"response_a": None, "response_b": None, "responses": {"x": "y"}}, "one is named"),
    ],
)
def test_settings_that_say_nothing(settings, message):
    with pytest.raises(ValidationError, match=message):
        ArgillaReader.model_validate(SETTINGS | settings)


def test_what_was_answered_is_what_the_row_says():
    first, second = read(NESTED_2, NESTED_2 | {"vectors": {"v": [1.0]}, "_server_id": "other"})
    assert first.identity == second.identity


@pytest.mark.parametrize("record", [NESTED_2, FLAT_2, NESTED_1, FLAT_1])
def test_a_misspelt_question_is_told(record):
    (row,) = read(record, question="preferences")
    assert row.outcome.reason == "field missing" and "did you mean 'preference'" in row.outcome.detail
