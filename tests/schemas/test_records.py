import dataclasses
import pickle
from typing import get_args

import pyarrow as pa
import pytest

from prefcurate.schemas.records import (
    Auxiliary,
    GivenLabel,
    GivenPair,
    InputRow,
    Label,
    Message,
    Order,
    Pairs,
    Part,
    PartType,
    Unreadable,
    Verdict,
    render,
)
from prefcurate.schemas.tables import MESSAGES


def test_labels_are_those_of_the_contract():
    assert [str(label) for label in Label] == ["a", "b", "tie", "both_bad", "both_good", "unratable"]
    assert [str(order) for order in Order] == ["12", "21", "unknown"]


def test_every_verdict_that_names_no_response_is_a_label_of_the_same_name():
    named = {Verdict.FIRST, Verdict.SECOND}
    assert {str(v) for v in Verdict if v not in named} == {str(label) for label in Label} - {"a", "b"}


def test_only_what_is_set_is_hashed():
    assert Part("text", "x").as_json() == {"type": "text", "text": "x"}
    assert Part("text", "").as_json() == {"type": "text", "text": ""}
    assert Message.of_text("user", "x").as_json() == {"role": "user", "content": [{"type": "text", "text": "x"}]}


def test_a_message_fits_its_arrow_column():
    message = Message("user", (Part("text", "x"), Part("image", uri="u", sha256="s")))
    rows = [[message.as_row()], []]
    assert pa.array(rows, MESSAGES).to_pylist() == rows
    assert rows[0][0]["content"][1] == {"type": "image", "text": None, "uri": "u", "sha256": "s", "json": None}


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ((), ""),
        ((Message.of_text("user", "Why?"),), "Why?"),
        ((Message("user", (Part("document", "D"), Part("text", "Q"))),), "D\nQ"),
        ((Message.of_text("system", "s"), Message.of_text("user", "u")), "system: s\n\nuser: u"),
        ((Message("assistant", (Part("tool_call", json="{}"),)),), "[tool_call {}]"),
        ((Message("user", (Part("image", uri="s3://x"), Part("audio"))),), "[image s3://x]\n[audio ]"),
    ],
)
def test_render(messages, text):
    assert render(messages) == text


def test_every_kind_of_part_is_rendered_somehow():
    for kind in get_args(PartType):
        assert "seen" in render((Message("user", (Part(kind, text="seen"),)),))


def test_records_are_immutable_and_travel():
    pair = GivenPair((Message.of_text("user", "p"),), (), (), labels=(GivenLabel("x", "person", Verdict.TIE),))
    for record in (pair, InputRow(1, {"a": 1}, Pairs((pair,))), InputRow(2, None, Auxiliary()), Unreadable("r", "d")):
        assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301 written a moment ago
    with pytest.raises(dataclasses.FrozenInstanceError):
        pair.group_id = "g"


def test_what_a_label_means_when_nothing_is_said():
    label = GivenLabel("x", "person", Verdict.FIRST)
    assert (label.order, label.attribute, label.context, label.sample) == (Order.UNKNOWN, "overall", "none", 0)
    assert (label.parse_status, label.p_first, label.strength) == ("ok", None, None)


def test_the_raw_row_is_kept_out_of_messages():
    assert "secret" not in repr(InputRow(1, None, Auxiliary(), raw="secret"))
