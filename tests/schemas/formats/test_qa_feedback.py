import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.schemas.canonical import canonical_text
from prefcurate.schemas.formats.qa_feedback import QaFeedbackReader
from prefcurate.schemas.formats.rows import RowError
from prefcurate.schemas.formats.spans import canonical_span
from prefcurate.schemas.records import Unreadable, Verdict
from tests.schemas.formats.reading import (
    jsonl,
    labels_of,
    outcomes,
    pairs_of,
    read_bytes,
    read_sample,
    text_of,
    verdicts,
)


def question(**more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "question": "Who?",
        "passages": [["Title", "One.", "Two."], ["Other", "Three."]],
        "gold": "Somebody.",
        "preference": [1, 2, 0, 1, 1, 2],
        "feedback": {"errors": [error(0, 3)], "missing-info": [], "corrected-prediction": "x"},
    }
    return row | {f"prediction {n}": f"Ann {n} did" for n in (1, 2, 3, 4)} | more


def error(start: object, end: object) -> dict[str, object]:
    return {"error type": "Irrelevant", "explanation": "", "start": start, "end": end}


def read(*rows: object):
    return read_bytes(QaFeedbackReader(), "feedback.json", jsonl(*rows))


def test_the_sample():
    rows = read_sample(QaFeedbackReader(), "finegrained-qa-feedback")
    assert outcomes(rows) == {"Pairs": 63}
    pairs = pairs_of(rows)
    assert len(pairs) == 63 * 6
    assert verdicts(labels_of(rows)) == {"first": 199, "second": 126, "tie": 53}
    spans = [span for pair in pairs for span in pair.spans]
    assert len(spans) == 194 and sum(span.label == "Irrelevant" for span in spans) == 127
    for pair in pairs:
        (text,) = text_of(pair.first)
        assert all(span.of == "first" and text[span.start : span.end] == span.text for span in pair.spans)
    assert len({pair.group_id for pair in pairs}) == 63


def test_six_pairs_are_one_judgement_in_the_order_of_the_paper():
    pairs = pairs_of(read(question()))
    assert [(text_of(p.first)[0][4], text_of(p.second)[0][4]) for p in pairs] == [
        ("1", "2"),
        ("1", "3"),
        ("1", "4"),
        ("2", "3"),
        ("2", "4"),
        ("3", "4"),
    ]
    first, second, tie = Verdict.FIRST, Verdict.SECOND, Verdict.TIE
    assert [label.verdict for p in pairs for label in p.labels] == [first, second, tie, first, first, second]
    assert {label.judgement for p in pairs for label in p.labels} == {"preference"}
    assert len({p.group_id for p in pairs}) == 1 and pairs[0].group_id


def test_the_prompt_holds_the_passages_as_documents():
    (message,) = pairs_of(read(question()))[0].prompt
    assert [(part.type, part.text) for part in message.content] == [
        ("document", "Title\nOne. Two."),
        ("document", "Other\nThree."),
        ("text", "Who?"),
    ]


def test_spans_go_with_the_first_pair_and_the_reference_with_each():
    pairs = pairs_of(read(question()))
    assert [[span.text for span in p.spans] for p in pairs] == [["Ann"], [], [], [], [], []]
    assert {material.text for p in pairs for material in p.materials} == {"Somebody."}
    assert all(p.materials == () for p in pairs_of(read(question(gold=" "))))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"preference": [1, 2, 0]}, "unknown label"),
        ({"preference": [1, 2, 0, 1, 1, 3]}, "unknown label"),
        ({"preference": [1, 2, 0, 1, 1, True]}, "unknown label"),
        ({"preference": [1, 2, 0, 1, 1, [1]]}, "unknown label"),
        ({"preference": None}, "wrong type"),
        ({"prediction 3": 4}, "wrong type"),
        ({"passages": ["Title"]}, "wrong type"),
        ({"passages": [[1]]}, "wrong type"),
        ({"question": " "}, "empty field"),
        ({"feedback": {}}, "field missing"),
        ({"feedback": []}, "wrong type"),
        ({"feedback": {"errors": [error(0, 99)]}}, "span outside the text"),
        ({"feedback": {"errors": [error(5, 5)]}}, "span outside the text"),
        ({"feedback": {"errors": [error("0", 5)]}}, "span outside the text"),
    ],
)
def test_a_question_that_cannot_be_used(change, reason):
    bad, good = read(question(**change), question())
    assert isinstance(bad.outcome, Unreadable) and bad.outcome.reason == reason
    assert outcomes([good]) == {"Pairs": 1}


@pytest.mark.parametrize(
    ("text", "start", "end", "expected"),
    [
        ("plain text", 6, 10, "text"),
        ("  plain ", 0, 4, "pl"),
        ("  plain ", 6, 8, "n"),
        ("  plain ", 0, 2, None),
        ("a\r\nb", 3, 4, "b"),
        ("e\u0301t\u00e9", 2, 4, "t\u00e9"),
        ("e\u0301t\u00e9", 0, 2, "\u00e9"),
    ],
)
def test_offsets_follow_the_canonical_text(text, start, end, expected):
    moved = canonical_span(text, start, end)
    assert (None if moved is None else canonical_text(text)[moved[0] : moved[1]]) == expected


def test_a_span_that_cuts_a_character_is_told():
    with pytest.raises(RowError, match="inside a character"):
        canonical_span("e\u0301", 0, 1)


@given(st.text(alphabet=" \n\tabc\u00e9", max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_a_moved_span_marks_the_same_words(text, start, end):
    start, end = sorted((min(start, len(text)), min(end, len(text))))
    moved = canonical_span(text, start, end)
    marked = "" if moved is None else canonical_text(text)[moved[0] : moved[1]]
    assert marked.strip() == text[start:end].strip()
