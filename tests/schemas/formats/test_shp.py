import pytest

from prefcurate.schemas.formats.shp import ShpReader
from prefcurate.schemas.records import Verdict
from tests.schemas.formats.reading import jsonl, labels_of, outcomes, pairs_of, read_bytes, text_of

# The layout of the card's own example.
ROW = {
    "post_id": "qt3nxl",
    "domain": "askculinary_train",
    "upvote_ratio": 0.98,
    "history": "What's the best way to disassemble raspberries?",
    "c_root_id_A": "hkh25sc",
    "c_root_id_B": "hkh25lp",
    "created_at_utc_A": 1636822112,
    "created_at_utc_B": 1636822110,
    "score_A": 340,
    "score_B": 166,
    "human_ref_A": "Pectinex, perhaps?",
    "human_ref_B": "Raspberry juice?",
    "labels": 1,
    "seconds_difference": 2.0,
    "score_ratio": 2.0481927711,
}
OTHER_WAY = ROW | {"score_A": 166, "score_B": 340, "created_at_utc_A": 5, "created_at_utc_B": 6, "labels": 0}


def read(*rows: object, **settings: object):
    return read_bytes(ShpReader.model_validate(settings), "train.jsonl", jsonl(*rows))


def verdicts_of(rows) -> list[str]:
    return [str(label.verdict) for label in labels_of(rows)]


def test_the_later_answer_with_the_higher_score_is_preferred():
    rows = read(ROW, OTHER_WAY)
    assert verdicts_of(rows) == ["first", "second"]
    (pair,) = pairs_of(rows[:1])
    assert text_of(pair.first) == ["Pectinex, perhaps?"] and pair.group_id == "qt3nxl"
    assert [(r.of, r.attribute, r.value) for r in pair.ratings] == [
        ("first", "votes", 340.0),
        ("second", "votes", 166.0),
    ]
    (label,) = pair.labels
    assert (label.annotator, label.kind, label.strength) == ("votes", "person", pytest.approx(340 / 166))


@pytest.mark.parametrize(
    ("change", "settings", "counted"),
    [
        ({"created_at_utc_A": 1, "created_at_utc_B": 2}, {}, False),
        ({"created_at_utc_A": 1, "created_at_utc_B": 2}, {"later_wins": False}, True),
        ({"created_at_utc_A": 2, "created_at_utc_B": 2}, {}, True),
        ({"created_at_utc_A": None}, {}, False),
        ({"created_at_utc_A": None}, {"later_wins": False}, True),
        ({"score_A": 200}, {}, True),
        ({"score_A": 200}, {"min_score_ratio": 2}, False),
        ({"score_A": 332}, {"min_score_ratio": 2}, True),
        ({"score_B": 1}, {}, False),
        ({"score_B": 1}, {"min_score": 1}, True),
        ({"score_A": 166}, {}, False),
        ({"score_A": None}, {}, False),
    ],
)
def test_a_pair_that_fails_a_rule_stays_without_a_label(change, settings, counted):
    rows = read(ROW | change, **settings)
    assert outcomes(rows) == {"Pairs": 1} and len(labels_of(rows)) == counted


def test_answers_to_a_question_with_dates():
    answers = [
        {"text": "early and popular", "score": 90, "creation_date": "2020-01-01"},
        {"text": "late and better", "score": 200, "creation_date": "2020-01-03T10:00:00Z"},
        {"text": "late and worse", "score": 20, "creation_date": "2020-01-03T11:00:00Z"},
        {"text": "unseen", "score": 0, "creation_date": "2021-01-01"},
    ]
    (row,) = read({"question": "Why?", "answers": answers})
    pairs = pairs_of([row])
    assert len(pairs) == 6 and len({pair.group_id for pair in pairs}) == 1
    told = {(text_of(p.first)[0], text_of(p.second)[0]): [label.verdict for label in p.labels] for p in pairs}
    assert told["early and popular", "late and better"] == [Verdict.SECOND]
    assert told["late and better", "late and worse"] == []  # the better one was there first, if by an hour
    assert sum(map(len, told.values())) == 1
    assert sum(len(pair.ratings) for pair in pairs) == 4
    assert len(pairs_of(read({"question": "Why?", "answers": answers}, pairs="best"))) == 3


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW | {"labels": 0}, "contradiction"),
        (ROW | {"labels": 2}, "unknown label"),
        (ROW | {"labels": "A"}, "unknown label"),
        (ROW | {"human_ref_B": None}, "field missing"),
        (ROW | {"history": " "}, "field missing"),
        (ROW | {"score_A": "many"}, "wrong type"),
        (ROW | {"created_at_utc_A": "yesterday"}, "wrong type"),
        ({"question": "Why?", "answers": [{"text": "x"}]}, "one response"),
        ({"question": "Why?", "answers": "x"}, "wrong type"),
        ({"question": "Why?", "answers": [{"text": "x"}, {"score": 3}]}, "field missing"),
        ({"text": "x"}, "field missing"),
        ([], "not an object"),
    ],
)
def test_a_row_that_cannot_be_used_loses_no_other(row, reason):
    assert outcomes(read(row, ROW)) == {reason: 1, "Pairs": 1}
