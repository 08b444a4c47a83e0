"""The export of Label Studio: what people answered, about the right responses, whatever the file looks like."""

import io
import json
from contextlib import contextmanager

import pytest

from prefcurate.schemas import canonical
from prefcurate.schemas.formats.base import ReadUnit, SourceFile
from prefcurate.schemas.formats.label_studio import LabelStudioReader, comparison_json
from prefcurate.schemas.formats.registry import READERS
from prefcurate.schemas.records import Message, Order, Pairs, Part, Unreadable, Verdict, render

PROMPT = (
    Message.of_text("system", "Be brief."),
    Message("user", (Part("text", "Hi"), Part("image", uri="s3://x", sha256="0"))),
)
ONE, TWO = (Message.of_text("assistant", "one\u2028line"),), (Message.of_text("assistant", "zwei"),)


def comparison():
    ids = [canonical.response_id(r) for r in (ONE, TWO)]
    return canonical.comparison_id(canonical.prompt_id(PROMPT), *ids)


def task(*annotations, **data):
    text = comparison_json(*([m.as_row() for m in side] for side in (PROMPT, ONE, TWO)))
    told = {
        "comparison_id": comparison(),
        "order_shown": "ab",
        "inclusion_p": 0.05,
        "asked_by": "route:x",
        "comparison": text,
    }
    return {"id": 7, "project": 3, "data": told | data, "annotations": list(annotations)}


def annotation(choice="first", who=11, number=1, why=None, **more):
    result = [{"from_name": "preference", "to_name": "prompt", "type": "choices", "value": {"choices": [choice]}}]
    if why:
        result.append({"from_name": "why", "to_name": "prompt", "type": "textarea", "value": {"text": [why]}})
    return {"id": number, "completed_by": who, "was_cancelled": False, "result": result} | more


def read(tasks):
    content = tasks if isinstance(tasks, bytes) else json.dumps(tasks).encode()

    @contextmanager
    def open_file(_):
        yield io.BytesIO(content)

    return list(LabelStudioReader().read(ReadUnit(SourceFile("export.json", "export.json")), open_file))


def labels(*annotations, **data):
    (row,) = read([task(*annotations, **data)])
    return row.outcome.pairs[0].labels


def test_the_format_is_registered():
    assert READERS["label_studio"] is LabelStudioReader


def test_a_task_is_the_same_comparison_again():
    (row,) = read([task(annotation())])
    (pair,) = row.outcome.pairs
    assert (pair.prompt, pair.first, pair.second) == (PROMPT, ONE, TWO)
    assert row.row_id == "3/7"


@pytest.mark.parametrize(
    ("shown", "choice", "verdict"),
    [
        ("ab", "first", Verdict.FIRST),
        ("ab", "second", Verdict.SECOND),
        ("ba", "first", Verdict.SECOND),
        ("ba", "second", Verdict.FIRST),
        ("ba", "tie", Verdict.TIE),
        ("ba", "both_bad", Verdict.BOTH_BAD),
        ("ab", "both_good", Verdict.BOTH_GOOD),
        ("ba", "unratable", Verdict.UNRATABLE),
    ],
)
def test_what_was_shown_first_is_turned_into_what_is_stored(shown, choice, verdict):
    (label,) = labels(annotation(choice), order_shown=shown)
    assert (label.verdict, label.parse_status, label.kind) == (verdict, "ok", "person")
    assert label.order is (Order.FIRST_SHOWN_FIRST if shown == "ab" else Order.SECOND_SHOWN_FIRST)
    assert (label.asked_by, label.inclusion_p) == ("route:x", 0.05)


@pytest.mark.parametrize(
    ("who", "name"),
    [(11, "11"), ({"id": 4, "email": "a@b.c"}, "a@b.c"), ({"id": 4}, "4"), (None, "anonymous"), ({}, "anonymous")],
)
def test_the_annotator_is_who_completed_it(who, name):
    assert labels(annotation(who=who))[0].annotator == name


def test_reasons_and_several_people_survive_in_a_fixed_order():
    found = labels(annotation("second", 2, number=9), annotation("first", 1, number=4, why="  shorter "))
    assert [(one.annotator, one.rationale) for one in found] == [("1", "shorter"), ("2", None)]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"was_cancelled": True}, "refused"),
        ({"result": []}, "empty"),
        ({"result": [{"from_name": "preference", "value": {"choices": ["x"]}}]}, "unparsed"),
    ],
)
def test_an_answer_that_is_none_keeps_the_others(change, status):
    bad, good = labels(annotation() | change, annotation("second", number=2))
    assert (bad.verdict, bad.parse_status) == (None, status)
    assert bad.raw_output is not None
    assert good.verdict is Verdict.SECOND


@pytest.mark.parametrize(
    ("tasks", "reason"),
    [
        ([task(annotation(), comparison_id="other")], "text changed"),
        ([task(annotation(), prompt="What a project's manager made of it?")], "text changed"),
        ([task(annotation(), first=render(TWO), second=render(ONE))], "text changed"),
        ([task(annotation(), order_shown="ba", second="Another answer.")], "text changed"),
        ([task(annotation(), order_shown="up")], "bad order"),
        ([task(annotation(), comparison="{")], "bad comparison"),
        ([task(annotation(), comparison='{"prompt":[],"response_a":[],"response_b":[{"role":"x","content":[{"type":"text","cmd":"rm"}]}]}')], "bad comparison"),
        ([{"id": 1, "annotations": []}], "field missing"),
        ([task("not an object")], "wrong type"),
        ([3], "not an object"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_unreadable_with_a_reason(tasks, reason):
    (row,) = read(tasks)
    assert isinstance(row.outcome, Unreadable)
    assert row.outcome.reason == reason


def test_a_task_that_shows_what_was_asked_is_used():
    (row,) = read(
        [task(annotation(), order_shown="ba", prompt=f"{render(PROMPT)}\r\n", first=render(TWO), second=render(ONE))]
    )
    assert isinstance(row.outcome, Pairs)


def test_one_broken_task_loses_no_other():
    outcomes = [type(row.outcome) for row in read([task(annotation()), {}, task(annotation())])]
    assert outcomes == [Pairs, Unreadable, Pairs]
