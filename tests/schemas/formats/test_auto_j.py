"""Rows here are made by hand: upstream's have no licence that would let them be bundled."""

import pytest

from prefcurate.schemas.formats.auto_j import AutoJReader
from prefcurate.schemas.formats.base import SourceFile
from prefcurate.schemas.records import Auxiliary, GivenLabel, Order, Pairs, Verdict
from tests.schemas.formats.reading import (
    jsonl,
    labels_of,
    outcomes,
    pairs_of,
    read_files,
    read_shared,
    text_of,
    verdicts,
)

PAIRS, STRAIGHT = "test/testdata_pairwise.jsonl", "outputs/pairwise_example_output.jsonl"
EXCHANGED = "outputs/pairwise_exchange_example_output.jsonl"


def pair(label: object = 0, **more: object) -> dict[str, object]:
    return {"scenario": "s", "label": label, "prompt": "Why?", "response 1": "One", "response 2": "Two"} | more


def read(pairs: bytes, straight: bytes = b"", exchanged: bytes = b""):
    return read_files(AutoJReader(), {PAIRS: pairs, STRAIGHT: straight, EXCHANGED: exchanged})


def by_order(labels: tuple[GivenLabel, ...]) -> dict[Order, Verdict | None]:
    return {label.order: label.verdict for label in labels}


def test_all_of_it_as_its_readme_and_its_paper_count():
    rows = read_shared(AutoJReader(), "auto-j")
    assert outcomes(rows) == {"Pairs": 1392, "Auxiliary": 2 * 1392}
    pairs = pairs_of(rows)
    assert verdicts([p.labels[0] for p in pairs]) == {"first": 520, "second": 499, "tie": 373}
    assert verdicts([p.labels[1] for p in pairs]) == {"first": 622, "second": 713, "tie": 57}
    people, straight, turned = ([p.labels[n].verdict for p in pairs] for n in range(3))
    right = sum(a is b for a, b in zip(people, turned, strict=True)) / 1392
    mirror = {Verdict.FIRST: Verdict.SECOND, Verdict.SECOND: Verdict.FIRST, Verdict.TIE: Verdict.TIE}
    as_shown = sum(a is mirror[b] for a, b in zip(people, turned, strict=True)) / 1392
    assert (round(as_shown, 2), round(right, 2)) == (0.15, 0.61)
    # Agreement with people where both orders say the same: the paper's figure for Auto-J is 54.96.
    both = sum(a is b is c for a, b, c in zip(people, straight, turned, strict=True)) / 1392
    assert round(100 * both, 2) == 54.96
    assert sum(text_of(p.first) == text_of(p.second) for p in pairs) == 9
    assert sum(not (text_of(p.first)[0].strip() and text_of(p.second)[0].strip()) for p in pairs) == 1


@pytest.mark.parametrize(("given", "verdict"), [(0, Verdict.FIRST), (1, Verdict.SECOND), (2, Verdict.TIE)])
def test_a_person_speaks_of_the_row_as_it_stands(given, verdict):
    (label,) = labels_of(read(jsonl(pair(given)))[PAIRS])
    assert (label.annotator, label.kind, label.verdict, label.order) == ("anonymous", "person", verdict, Order.UNKNOWN)


def test_the_other_order_speaks_of_what_was_shown_first():
    found = read(jsonl(pair(), pair()), jsonl({"output": 0}, {"output": 2}), jsonl({"output": 0}, {"output": 1}))
    first, second = pairs_of(found[PAIRS])
    assert by_order(first.labels[1:]) == {
        Order.FIRST_SHOWN_FIRST: Verdict.FIRST,
        Order.SECOND_SHOWN_FIRST: Verdict.SECOND,
    }
    assert by_order(second.labels[1:]) == {
        Order.FIRST_SHOWN_FIRST: Verdict.TIE,
        Order.SECOND_SHOWN_FIRST: Verdict.FIRST,
    }
    assert {(label.annotator, label.kind) for label in first.labels[1:]} == {("auto-j", "llm_judge")}


@pytest.mark.parametrize("output", [-1, "0", True, None, 3])
def test_a_verdict_that_is_none_is_kept_as_unparsed(output):
    (_, label) = labels_of(read(jsonl(pair()), jsonl({"output": output}))[PAIRS])
    assert (label.verdict, label.parse_status, label.raw_output) == (None, "unparsed", str(output))


def test_verdicts_are_joined_by_line_whatever_is_broken_between():
    pairs = jsonl(pair()) + b"{broken\n" + jsonl(pair())
    found = read(pairs, jsonl({"output": 0}, {"output": 0}, {"output": 1}, {"output": 1}))
    assert outcomes(found[PAIRS]) == {"Pairs": 2, "bad JSON": 1}
    assert [label.verdict for label in labels_of(found[PAIRS])[1::2]] == [Verdict.FIRST, Verdict.SECOND]
    assert [getattr(row.outcome, "reason", "") for row in found[STRAIGHT]] == ["", "no pair", "", "no pair"]


def test_another_judge_is_named_by_its_file():
    files = {PAIRS: jsonl(pair()), "outputs/pairwise_mistral-7b_output.jsonl": jsonl({"output": 1})}
    found = read_files(AutoJReader(), files)
    assert [(label.annotator, label.verdict) for label in labels_of(found[PAIRS])[1:]] == [
        ("mistral-7b", Verdict.SECOND)
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (pair(3), "unknown label"),
        (pair(True), "unknown label"),
        (pair(None), "unknown label"),
        (pair(prompt=" "), "empty field"),
        (pair(prompt=None), "wrong type"),
        ({"label": 1}, "field missing"),
        ([], "not an object"),
    ],
)
def test_a_row_that_cannot_be_used(row, reason):
    found = read(jsonl(row, pair()), jsonl({"output": 0}, {"output": 0}))
    assert outcomes(found[PAIRS]) == {reason: 1, "Pairs": 1}


def test_an_empty_response_is_kept_for_the_screen_to_flag():
    assert isinstance(read(jsonl(pair(**{"response 1": ""})))[PAIRS][0].outcome, Pairs)


def test_rows_of_verdicts_differ_by_judge_order_and_line():
    found = read(jsonl(pair(), pair()), jsonl({"output": 0}, {"output": 0}), jsonl({"output": 0}, {"output": 0}))
    rows = found[STRAIGHT] + found[EXCHANGED]
    assert all(isinstance(row.outcome, Auxiliary) for row in rows)
    assert len({str(row.identity) for row in rows}) == 4


def test_two_files_of_pairs_cannot_be_told_apart():
    with pytest.raises(ValueError, match="2 files besides"):
        AutoJReader().plan([SourceFile(f"memory://{name}", name) for name in ("a.jsonl", "b.jsonl", STRAIGHT)])
