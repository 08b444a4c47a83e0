"""Rows have the layout of Labelbox's own exports (v2), as in the repository of its SDK."""

import json

import pytest

from prefcurate.schemas.formats.labelbox import LabelboxReader
from prefcurate.schemas.records import Verdict
from tests.schemas.formats.reading import jsonl, labels_of, outcomes, pairs_of, read_bytes, text_of

SETTINGS = {
    "prompt": "row_data.prompt",
    "response_a": "row_data.a",
    "response_b": "row_data.b",
    "question": "Better",
    "values": {"response_a": "a", "response_b": "b", "equal": "tie"},
    "rationale": "Why",
}
DATA = json.dumps({"prompt": "Why?", "a": "One", "b": "Two"})


def radio(value: str, name: str = "Better", nested: object = ()) -> dict[str, object]:
    answer = {"feature_id": "f", "name": value.title(), "value": value, "classifications": list(nested)}
    return {"feature_id": "f", "name": name, "value": name.lower(), "radio_answer": answer}


def label(who: str, *classified: object, at: str = "2024-01-01", **more: object) -> dict[str, object]:
    details = {"created_at": at, "created_by": who}
    return {
        "label_kind": "Default",
        "id": f"l-{who}",
        "label_details": details,
        "annotations": {"objects": [], "classifications": list(classified), "relationships": []},
    } | more


def row(*labels: object, data: object = DATA, **more: object) -> dict[str, object]:
    about = {"id": "d1", "global_key": "key-1", "row_data": data, "details": {"created_by": "importer@x"}}
    return {
        "data_row": about,
        "media_attributes": {},
        "projects": {"p1": {"name": "prefs", "labels": list(labels)}},
    } | more


def read(*rows: object, **more: object):
    return read_bytes(LabelboxReader.model_validate(SETTINGS | more), "export.ndjson", jsonl(*rows))


def told(rows):
    return [(label.annotator, label.verdict, label.parse_status) for label in labels_of(rows)]


def test_several_labellers_each_have_an_opinion():
    why = {"name": "Why", "value": "why", "text_answer": {"content": "Shorter."}}
    (found,) = read(row(label("kim@x", radio("response_b"), why), label("lee@x", radio("equal", nested=[why]))))
    assert told([found]) == [("kim@x", Verdict.SECOND, "ok"), ("lee@x", Verdict.TIE, "ok")]
    (pair,) = pairs_of([found])
    assert (text_of(pair.prompt), text_of(pair.first), text_of(pair.second)) == (["Why?"], ["One"], ["Two"])
    assert [one.rationale for one in pair.labels] == ["Shorter.", "Shorter."]
    assert found.row_id == "key-1" and {one.kind for one in pair.labels} == {"person"}


def test_answers_are_meant_by_value_or_by_name():
    answer = radio("other")
    answer["radio_answer"]["name"] = "response_a"
    assert told(read(row(label("kim", answer)))) == [("kim", Verdict.FIRST, "ok")]


def test_skipped_unanswered_and_unknown_are_kept():
    rows = read(
        row(
            label("a", radio("response_a"), performance_details={"skipped": True}),
            label("b"),
            label("c", radio("maybe")),
            label("d", {"name": "Better", "checklist_answers": [{"value": "response_a"}, {"value": "response_b"}]}),
        )
    )
    assert told(rows) == [
        ("a", None, "refused"),
        ("b", None, "empty"),
        ("c", None, "unparsed"),
        ("d", None, "unparsed"),
    ]
    assert labels_of(rows)[2].raw_output == '"maybe"'


def test_a_row_that_nobody_labelled_is_a_pair_without_a_label():
    assert outcomes(read(row(), row(projects={}))) == {"Pairs": 2} and labels_of(read(row())) == []


def test_labels_stand_in_the_order_in_which_they_were_made():
    early, late = label("early", radio("equal"), at="2024-01-01"), label("late", radio("equal"), at="2024-02-01")
    one, other = read(row(late, early), row(early, late))
    assert one.identity == other.identity and [who for who, *_ in told([one])] == ["early", "late"]


def test_one_project_of_several():
    other = {"p2": {"name": "other", "labels": [label("kim", radio("response_a"))]}}
    both = row(label("lee", radio("response_b")))
    both["projects"] |= other
    assert [who for who, *_ in told(read(both))] == ["kim", "lee"]
    assert [who for who, *_ in told(read(both, project="prefs"))] == ["lee"]
    assert [who for who, *_ in told(read(both, project="p2"))] == ["kim"]


def test_texts_may_stand_in_metadata_and_attachments():
    given = row(label("kim", radio("response_b")), data="https://x/1.txt")
    given["metadata_fields"] = [{"schema_id": "s", "schema_name": "prompt", "value": "Why?"}]
    given["attachments"] = [{"type": "RAW_TEXT", "value": "One"}, {"type": "RAW_TEXT", "value": "Two"}]
    paths = {"prompt": "metadata.prompt", "response_a": "attachments[0].value", "response_b": "attachments[1].value"}
    (pair,) = pairs_of(read(given, **paths))
    assert (text_of(pair.prompt), text_of(pair.first), text_of(pair.second)) == (["Why?"], ["One"], ["Two"])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(data="https://x/1.png"), "field missing"),
        (row(data=json.dumps({"prompt": "Why?", "a": "One"})), "one response"),
        ({"projects": {}}, "field missing"),
        (row("x"), "wrong type"),
        (row(label("kim", "x")), "wrong type"),
        (row(metadata_fields=[{"value": 1}]), "wrong type"),
        ([], "not an object"),
    ],
)
def test_a_row_that_cannot_be_used_loses_no_other(bad, reason):
    assert outcomes(read(bad, row())) == {reason: 1, "Pairs": 1}


def test_a_misspelt_question_is_told():
    (found,) = read(row(label("kim", radio("response_a"))), question="Beter")
    assert found.outcome.reason == "field missing" and "did you mean 'Better'" in found.outcome.detail
