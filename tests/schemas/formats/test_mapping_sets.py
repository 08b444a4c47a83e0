import pytest
from pydantic import ValidationError

from prefcurate.schemas.formats.mapping import MappingReader
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.records import Auxiliary, Pairs
from tests.schemas.formats.reading import jsonl, labels_of, outcomes, pairs_of, read_bytes, text_of

WHO = {"annotator": {"constant": "gpt-4"}, "kind": "llm_judge"}


def read(fields, *rows):
    return read_bytes(
        MappingReader(fields=Fields.model_validate({"prompt": "q", **WHO, **fields})), "x.jsonl", jsonl(*rows)
    )


def said(rows):
    """Each label as (first, second, attribute, verdict)."""
    return [
        (*text_of(pair.first), *text_of(pair.second), label.attribute, str(label.verdict))
        for pair in pairs_of(rows)
        for label in pair.labels
    ]


ROW = {
    "q": "Why?",
    "answers": [
        {"text": "A", "by": "m1", "score": "7", "aspects": {"honesty": {"Rating": "5"}, "help": {"Rating": "N/A"}}},
        {"text": "B", "by": "m2", "score": 9, "aspects": {"honesty": {"Rating": "4"}, "help": {"Rating": "2"}}},
        {"text": "C", "by": "m3", "score": 7.0, "aspects": {"honesty": {"Rating": "5"}, "help": {"Rating": "3"}}},
    ],
}
SET = {
    "each": "answers",
    "text": "text",
    "model": "by",
    "ratings": [
        {"path": "score", "scale": [1, 10]},
        {"each": "aspects", "path": "Rating", "attribute": "@key", "scale": [1, 5]},
    ],
}


def test_ratings_of_a_set_become_labels_of_one_act():
    rows = read({"responses": SET}, ROW)
    assert said(rows) == [
        ("A", "B", "overall", "second"),
        ("A", "B", "honesty", "first"),
        ("A", "C", "overall", "tie"),
        ("A", "C", "honesty", "tie"),
        ("B", "C", "overall", "first"),
        ("B", "C", "honesty", "second"),
        ("B", "C", "help", "second"),
    ]
    labels = labels_of(rows)
    assert len({label.judgement for label in labels if label.attribute == "overall"}) == 1
    assert len({label.judgement for label in labels}) == 3
    assert {label.annotator for label in labels} == {"gpt-4"}
    assert [(p.model_first, p.model_second) for p in pairs_of(rows)] == [("m1", "m2"), ("m1", "m3"), ("m2", "m3")]
    assert len({p.group_id for p in pairs_of(rows)}) == 1


def test_every_score_is_a_rating_once():
    ratings = [
        (text_of(getattr(pair, rating.of))[0], rating.attribute, rating.value, rating.scale_max)
        for pair in pairs_of(read({"responses": SET}, ROW))
        for rating in pair.ratings
    ]
    assert sorted(ratings) == [
        ("A", "honesty", 5.0, 5.0),
        ("A", "overall", 7.0, 10.0),
        ("B", "help", 2.0, 5.0),
        ("B", "honesty", 4.0, 5.0),
        ("B", "overall", 9.0, 10.0),
        ("C", "help", 3.0, 5.0),
        ("C", "honesty", 5.0, 5.0),
        ("C", "overall", 7.0, 10.0),
    ]


def test_a_gap_that_is_too_small_is_a_tie_and_what_does_not_compare_is_a_rating_alone():
    quiet = SET | {
        "ratings": [{"path": "score"}, {"each": "aspects", "path": "Rating", "attribute": "@key", "compares": False}]
    }
    rows = read({"responses": quiet, "min_gap": 2.5}, ROW)
    assert [verdict for *_, verdict in said(rows)] == ["tie", "tie", "tie"]
    assert sum(len(pair.ratings) for pair in pairs_of(rows)) == 8


def test_lists_side_by_side():
    row = {"q": "Why?", "generations": ["A", "B"], "ratings": [1, 3], "why": ["short", "long"], "models": ["x", "y"]}
    spec = {
        "each": "generations",
        "model": "$.models[@index]",
        "ratings": {"path": "$.ratings[@index]", "rationale": "$.why[@index]"},
    }
    (pair,) = pairs_of(read({"responses": spec}, row))
    assert (
        str(pair.labels[0].verdict) == "second" and pair.labels[0].strength == -2 and pair.labels[0].rationale is None
    )
    assert [(r.of, r.value, r.rationale) for r in pair.ratings] == [("first", 1, "short"), ("second", 3, "long")]
    assert (pair.model_first, pair.model_second) == ("x", "y")


def test_ranks_in_columns_smaller_is_better_and_an_empty_cell_is_no_response():
    specs = [{"text": f"answer_{n}", "rank": f"rank_{n}"} for n in (1, 2, 3)]
    rows = read(
        {"responses": specs},
        {"q": "?", "answer_1": "A", "rank_1": 2, "answer_2": "B", "rank_2": 1, "answer_3": "C", "rank_3": 2},
        {"q": "!", "answer_1": "A", "rank_1": 2, "answer_2": None, "rank_2": None, "answer_3": "C", "rank_3": 1},
        {"q": "!", "answer_1": "A", "rank_1": 2, "answer_2": None, "rank_2": None, "answer_3": " ", "rank_3": None},
    )
    assert said(rows) == [
        ("A", "B", "overall", "second"),
        ("A", "C", "overall", "tie"),
        ("B", "C", "overall", "first"),
        ("A", "C", "overall", "second"),
    ]
    assert outcomes(rows) == {"Pairs": 2, "one response": 1}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([2, 0, 1], "ABfirst ACsecond BCsecond"),
        ([2, [0, 1]], "ABtie ACsecond BCsecond"),
        ("1 > 0 = 2", "ABsecond ACtie BCfirst"),
    ],
)
def test_an_order_best_first(order, expected):
    rows = read(
        {"responses": {"each": "answers", "order": "$.order"}}, {"q": "?", "answers": ["A", "B", "C"], "order": order}
    )
    assert " ".join(first + second + verdict for first, second, _, verdict in said(rows)) == expected


def test_an_order_that_names_a_response_twice_is_refused():
    rows = read(
        {"responses": {"each": "answers", "order": "$.order"}}, {"q": "?", "answers": ["A", "B"], "order": [0, 1, 0]}
    )
    assert outcomes(rows) == {"unknown label": 1}


@pytest.mark.parametrize(("which", "expected"), [("best", ["AB", "BC"]), ("adjacent", ["AB", "AC"])])
def test_fewer_pairs(which, expected):
    rows = read(
        {"responses": {"each": "a", "rank": "$.r[@index]"}, "pairs": which},
        {"q": "?", "a": ["A", "B", "C"], "r": [2, 1, 3]},
    )
    assert [text_of(p.first)[0] + text_of(p.second)[0] for p in pairs_of(rows)] == expected


ONE = {"responses": {"text": "a", "ratings": {"path": "s", "annotator": "w"}}}


def one(q, a, s, w="kim"):
    return {"q": q, "a": a, "s": s, "w": w}


def test_rows_with_one_response_each_are_gathered_by_their_prompt():
    rows = read(
        ONE,
        one("1", "A", 3),
        one("2", "X", 1),
        one("1", "B", 4),
        one("3", "alone", 4),
        one("2", "Y", 1),
        one("1", "C", 2),
    )
    assert [type(row.outcome).__name__ for row in rows] == [
        "Auxiliary",
        "Auxiliary",
        "Pairs",
        "Unreadable",
        "Pairs",
        "Pairs",
    ]
    assert said(rows) == [
        ("A", "B", "overall", "second"),
        ("X", "Y", "overall", "tie"),
        ("A", "C", "overall", "first"),
        ("B", "C", "overall", "first"),
    ]
    assert "no row has another response" in rows[3].outcome.detail
    ratings = [(text_of(getattr(p, r.of))[0], r.value) for p in pairs_of(rows) for r in p.ratings]
    assert sorted(ratings) == [("A", 3), ("B", 4), ("C", 2), ("X", 1), ("Y", 1)]


def test_several_people_who_rate_the_same_responses_in_rows_of_their_own():
    rows = read(
        ONE, one("1", "A", 3), one("1", "A", 1, "lee"), one("1", "B", 2), one("1", "B", 5, "lee"), one("1", "B", 4)
    )
    labels = [(label.annotator, label.sample, str(label.verdict)) for label in labels_of(rows)]
    # Kim's second opinion on B meets no second one on A: a rating, and no label.
    assert labels == [("kim", 0, "first"), ("lee", 0, "second")]
    ratings = [
        (text_of(getattr(p, r.of))[0], r.annotator, r.sample, r.value) for p in pairs_of(rows) for r in p.ratings
    ]
    assert sorted(ratings) == [
        ("A", "kim", 0, 3),
        ("A", "lee", 0, 1),
        ("B", "kim", 0, 2),
        ("B", "kim", 1, 4),
        ("B", "lee", 0, 5),
    ]
    assert [type(row.outcome) for row in rows] == [Auxiliary, Auxiliary, Pairs, Pairs, Pairs]


def test_rows_are_gathered_by_another_field_and_a_set_of_one_answer_is_refused():
    fields = ONE | {"group_by": "id"}
    same = {"id": 7, "q": "Why?", "a": "A", "s": 1, "w": "kim"}
    assert said(read(fields, same, same | {"a": "B", "s": 2})) == [("A", "B", "overall", "second")]
    assert outcomes(read(fields, same, same | {"w": "lee"})) == {"one response": 2}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "name `response_a` and `response_b`, or `responses`"),
        ({"responses": SET, "response_a": "x", "response_b": "y"}, "not both"),
        ({"responses": SET, "label": "vote"}, "`label` is about two responses"),
        ({"response_a": "x", "response_b": "y", "group_by": "id"}, "`group_by` gathers the rows of a set"),
        ({"responses": {"text": "a"}, "pairs": "best"}, "needs the whole set in one row"),
        ({"responses": {"text": "a", "rank": "r", "order": "o"}}, "use one"),
        ({"responses": {"text": "a", "rating": "r"}}, "`rating` is called `ratings`"),
    ],
)
def test_mistakes_of_the_description_are_told(fields, words):
    with pytest.raises(ValidationError, match=words):
        Fields.model_validate({"prompt": "q"} | fields)


def test_a_mapping_without_sets_has_the_fingerprint_that_it_had():
    reader = MappingReader(fields=Fields.model_validate({"prompt": "q", "response_a": "x", "response_b": "y"}))
    told = reader.model_dump(mode="json")["fields"]
    assert not {"responses", "pairs", "min_gap", "group_by"} & set(told)


def test_a_row_without_what_its_set_is_known_by_is_unreadable():
    rows = read(
        {"responses": "text", "group_by": "question", "prompt": "asked"},
        {"text": "A", "question": 1, "asked": "Why?"},
        {"text": "B", "asked": "Why?"},
        {"text": "C", "question": 1, "asked": "Why?"},
    )
    assert [getattr(row.outcome, "reason", "") for row in rows] == ["", "field missing", ""]
