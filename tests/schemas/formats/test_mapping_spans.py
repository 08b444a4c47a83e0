import pytest
from pydantic import ValidationError

from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.records import GivenSpan
from tests.schemas.formats.mapping_helper import mapping, pair, unreadable

SPANS = {
    "of": "a",
    "each": "errors",
    "start": "from",
    "end": "to",
    "label": "type",
    "annotator": "who",
    "attribute": {"constant": "error"},
}


def errors(*places):
    return [{"from": start, "to": end, "type": "Irrelevant", "who": "kim"} for start, end in places]


def test_offsets_are_those_of_the_stored_text():
    found = pair({"one": "  He\r\nsaid so.", "errors": errors((2, 4), (6, 10))}, spans=SPANS)
    assert found.spans == (
        GivenSpan("first", "kim", "person", "error", "Irrelevant", 0, 2, "He"),
        GivenSpan("first", "kim", "person", "error", "Irrelevant", 3, 7, "said"),
    )


def test_words_that_stand_there_once():
    spec = {"of": "b", "text": "quote", "label": {"constant": "good"}}
    (span,) = pair({"two": "All is well, all is fine.", "quote": "well"}, spans=spec).spans
    assert (span.of, span.label, span.start, span.end, span.text) == ("second", "good", 7, 11, "well")
    assert (
        unreadable({"two": "well, well", "quote": "well"}, spans=spec).detail == "'well' stands 2 times in response_b"
    )
    assert pair({"quote": None}, spans=spec).spans == ()


@pytest.mark.parametrize("place", [(0, 99), (-1, 2), (3, 3), (5, 2), (0.5, 2)])
def test_a_span_outside_of_its_response_makes_the_row_unreadable(place):
    assert unreadable({"errors": errors(place)}, spans=SPANS).reason == "span outside the text"


def test_a_row_without_marks_has_no_spans_and_a_misspelt_name_is_told():
    assert pair({"errors": []}, spans=SPANS).spans == ()
    assert (
        "did you mean 'form'?"
        in unreadable({"errors": [{"form": 1, "to": 2, "type": "x", "who": "k"}]}, spans=SPANS).detail
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"of": "c", "text": "q", "label": "l"}, "Input should be 'a' or 'b'"),
        ({"of": "a", "start": "s", "label": "l"}, "offsets of characters"),
        ({"of": "a", "start": "s", "end": "e", "text": "t", "label": "l"}, "offsets of characters"),
    ],
)
def test_mistakes_are_told(spec, words):
    with pytest.raises(ValidationError, match=words):
        mapping(spans=spec)


def test_spans_are_of_two_responses():
    with pytest.raises(ValidationError, match="`spans` is about two responses"):
        Fields.model_validate(
            {"prompt": "q", "responses": {"each": "x"}, "spans": {"of": "a", "text": "t", "label": "l"}}
        )
