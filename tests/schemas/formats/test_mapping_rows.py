from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping import MappingReader
from prefcurate.schemas.formats.mapping_paths import ABSENT, parse_path, row_scope
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.records import (
    Auxiliary,
    GivenMaterial,
    Message,
    Order,
    Pairs,
    Part,
    Unreadable,
    Verdict,
    render,
)
from prefcurate.transforms.ingest.orient import orient
from tests.schemas.formats.mapping_helper import mapping, outcome, pair, read_source, unreadable, write

NESTED = {"a": {"b": [{"c": 1}, {"c": 2}]}, "odd.key": 3, "x y": 4, "[": 5, "0": 6}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b[0].c", 1),
        ("a.b[-1].c", 2),
        ("a['b'][1]['c']", 2),
        ('["odd.key"]', 3),
        ("odd.key", 3),
        ("x y", 4),
        ('["["]', 5),
        ("0", 6),
        ("$.x y", 4),
        ("a.b[7].c", ABSENT),
        ("a.b.c", ABSENT),
        ("a.b[0].c.d", ABSENT),
        ("@key", ABSENT),
    ],
)
def test_paths(path, found):
    assert parse_path(path).find(row_scope(NESTED)) == found


@pytest.mark.parametrize("path", ["", "  ", "a[", "a[x]", "a]b", "a..", '["a]'])
def test_what_is_no_path(path):
    with pytest.raises(ValueError, match="path"):
        parse_path(path)


@pytest.mark.parametrize(
    ("template", "row", "text"),
    [
        ("{i}\n{x}", {"i": "Do", "x": "this"}, "Do\nthis"),
        ("{i}\n{x}", {"i": "Do", "x": ""}, "Do"),
        ("{i}\n\n{x}\n\n{z}", {"i": "Do", "x": None, "z": "now"}, "Do\n\nnow"),
        ("{i}\n\n{x}\n\n{z}", {"i": "Do", "z": "now"}, "Do\n\nnow"),
        ("Task: {i}\nInput: {x}", {"i": "Do", "x": ""}, "Task: Do\nInput: "),
        ("{i} {x} {z}", {"i": "Do", "x": "", "z": "now"}, "Do now"),
        ("{{{i}}} {{}}", {"i": "Do"}, "{Do} {}"),
        ("{a.b[1]} and {x y}", {"a": {"b": [1, 2]}, "x y": True}, "2 and true"),
        ("{i}", {"i": "keeps  its   own\n\n\nspace {x}"}, "keeps  its   own\n\n\nspace {x}"),
    ],
)
def test_templates(template, row, text):
    assert render(pair(row, prompt=template).prompt) == text


def test_a_template_of_nothing_is_no_prompt():
    assert unreadable({"i": "", "x": None}, prompt="{i}\n{x}").reason == "field missing"


def test_a_misspelt_piece_of_a_template_is_an_error():
    problem = unreadable({"instruction": "Do"}, prompt="{instructoin}\n{input}")
    assert "did you mean 'instruction'?" in problem.detail


@pytest.mark.parametrize("template", ["{", "}", "{a", "{}", "{a[}"])
def test_wrong_templates(template):
    with pytest.raises(ValidationError):
        mapping(prompt=template)


def test_fields_that_are_missing():
    assert "field 'questoin' is not in the row; did you mean 'question'?" in (
        unreadable({"question": "Why?"}, prompt="questoin").detail
    )
    assert "it has 'q', 'one', 'two'" in unreadable({}, prompt="xyz").detail
    assert "'a' is an object" in unreadable({"a": {"b": 1}}, prompt="a.c").detail
    assert "is null" in unreadable({"q": None}).detail
    assert unreadable({"q": "  "}).reason == "no prompt"
    assert unreadable({"one": {"x": 1}}).reason == "wrong type"
    assert unreadable({"one": ["x", "y"]}).reason == "wrong type"


def test_empty_answers_are_answers():
    assert render(pair({"one": ""}).first) == ""


def test_numbers_are_text_as_they_are_written():
    assert [render(pair({"one": value}).first) for value in (3, 1.5, True, ["x"])] == ["3", "1.5", "true", "x"]


def test_a_piece_cut_out_of_a_text():
    cut = {"path": "one", "after": "### Answer:\n", "before": "\n###"}
    assert render(pair({"one": "x\n### Answer:\nYes.\n### End"}, response_a=cut).first) == "Yes."
    assert unreadable({"one": "x"}, response_a=cut).reason == "mark missing"


def test_everything_beside_the_texts():
    found = pair(
        {"sys": "Be brief.", "docs": ["One.", "", "Two."], "ma": "gpt", "mb": 4, "g": 7, "ref": "42", "ck": '[{"id": 1}]'},
        system="sys", documents="docs", model_a="ma", model_b="mb", group_id="g", reference="ref", checks="ck",
        rubric={"constant": "short"}, tools={"constant": [{"name": "f"}]},
        ratings=[{"of": "b", "path": "mb", "attribute": {"constant": "help"}, "kind": "reward_model", "scale": [0, 9]}],
    )  # fmt: skip
    system, user = found.prompt
    assert system == Message("system", (Part("text", "Be brief."), Part("tools", json='[{"name": "f"}]')))
    assert [(part.type, part.text) for part in user.content] == [
        ("document", "One."), ("document", "Two."), ("text", "Why?"),
    ]  # fmt: skip
    assert (found.model_first, found.model_second, found.group_id) == ("gpt", "4", "7")
    assert found.materials == (
        GivenMaterial("reference", "42"), GivenMaterial("checks", '[{"id": 1}]'), GivenMaterial("rubric", "short"),
    )  # fmt: skip
    (rating,) = found.ratings
    assert (rating.of, rating.value, rating.kind, rating.scale_max) == ("second", 4, "reward_model", 9)


def say(role: str, text: str) -> dict:
    return {"role": role, "content": text}


class TestMessages:
    def test_prompt_as_messages(self):
        found = pair({"q": [say("system", "Be kind."), say("user", "Hi")]})
        assert [message.role for message in found.prompt] == ["system", "user"]

    def test_from_and_value(self):
        turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}, {"from": "human", "value": "So?"}]
        assert [message.role for message in pair({"q": turns}).prompt] == ["user", "assistant", "user"]

    def test_whole_conversations_hold_the_prompt(self):
        one, two = ([say("user", "Hi"), say("assistant", text)] for text in ("Hello", "Go away"))
        reader = MappingReader(fields=Fields(response_a="one", response_b="two"))
        (found,) = reader.input_row(JsonRow(1, {"one": one, "two": two}, "")).outcome.pairs
        assert [render(found.prompt), render(found.first), render(found.second)] == ["Hi", "Hello", "Go away"]

    def test_prompt_beside_whole_conversations_is_not_doubled(self):
        one, two = ([say("user", "Why?"), say("assistant", text)] for text in ("x", "y"))
        assert [render(m) for m in (pair({"one": one, "two": two}).prompt,)] == ["Why?"]

    def test_conversations_that_ask_different_things(self):
        one, two = [say("user", "Hi"), say("assistant", "x")], [say("user", "Ho"), say("assistant", "x")]
        assert unreadable({"one": one, "two": two}).reason == "prompts differ"
        assert unreadable({"one": one, "two": "x"}).reason == "prompts differ"
        assert unreadable({"one": one[:1], "two": one}).reason == "no answer"

    def test_turns_shared_after_the_prompt_belong_to_it(self):
        shared = [say("assistant", "Hello"), say("user", "So?")]
        found = pair({"one": [*shared, say("assistant", "x")], "two": [*shared, say("assistant", "y")]})
        assert len(found.prompt) == 3
        assert (len(found.first), len(found.second)) == (1, 1)

    def test_identical_answers_stay_answers(self):
        found = pair({"one": "same", "two": "same"})
        assert (render(found.first), render(found.second)) == ("same", "same")

    def test_turns_that_alternate(self):
        found = pair({"q": ["Hi", "So?"], "one": ["Hello", "x"], "two": ["Hello", "y"]})
        assert [message.role for message in found.prompt] == ["user", "assistant", "user"]
        assert (render(found.first), render(found.second)) == ("x", "y")

    def test_messages_in_text_that_holds_json(self):
        found = pair({"q": '[{"role": "user", "content": "Hi"}]'}, prompt={"path": "q", "json": True})
        assert render(found.prompt) == "Hi"
        assert unreadable({"q": "[{"}, prompt={"path": "q", "json": True}).reason == "bad JSON"

    def test_typed_parts(self):
        content = [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            {"type": "image", "path": "z.png"},
            "And this?",
        ]
        (message,) = pair({"q": [{"role": "user", "content": content}]}).prompt
        assert [(p.type, p.text or p.uri) for p in message.content] == [
            ("text", "What is this?"), ("image", "https://x/y.png"), ("image", "z.png"), ("text", "And this?"),
        ]  # fmt: skip

    def test_tools(self):
        one = [
            {"role": "assistant", "content": None, "tool_calls": [{"name": "f", "arguments": {"x": 1}}]},
            {"role": "tool", "content": "3"},
            say("assistant", "Three."),
        ]
        call, result, answer = pair({"one": one}).first
        assert [p.type for p in call.content] == ["text", "tool_call"]
        assert call.content[1].json == '{"arguments":{"x":1},"name":"f"}'
        assert result.content == (Part("tool_result", "3"),)
        assert render((answer,)) == "Three."

    def test_a_content_of_another_kind(self):
        assert unreadable({"q": [{"role": "user", "content": 3}]}).reason == "wrong type"
        assert "has no text" in unreadable({"q": [{"role": "user", "content": [{"type": "odd"}]}]}).detail


SOURCE = """
- name: team_votes
  format: mapping
  path: "*.csv.gz"
  fields:
    prompt: question
    response_a: answer1
    response_b: answer2
    label: {path: vote, values: {"1": a, "2": b, "0": tie}}
    annotator: worker_id
    kind: {constant: person}
    order: {constant: ab}
    row_id: id
"""


def test_the_contract_example(tmp_path: Path):
    write(
        tmp_path / "votes.csv.gz",
        'id,question,answer1,answer2,vote,worker_id\nr1,"Why,\nthough?","He said ""no"".",B,2,w7\nr2,Q,A,B,0,w8\nr3,Q,A,B,9,w8\n',
    )
    one, two, three = read_source(SOURCE, tmp_path)
    (found,) = one.outcome.pairs
    assert (render(found.prompt), render(found.first), render(found.second)) == ("Why,\nthough?", 'He said "no".', "B")
    (label,) = found.labels
    assert (label.annotator, label.kind, label.verdict, label.order) == (
        "w7", "person", Verdict.SECOND, Order.FIRST_SHOWN_FIRST,
    )  # fmt: skip
    assert [row.row_id for row in (one, two, three)] == ["r1", "r2", "r3"]
    assert [row.line for row in (one, two, three)] == [2, 4, 5]
    assert two.outcome.pairs[0].labels[0].verdict is Verdict.TIE
    assert three.outcome == Unreadable("unknown label", "'vote' is '9'; known values: '1', '2', '0'")


LISTED = """
- name: mixed
  format: mapping
  path: rows.jsonl
  fields:
    prompt: "{instruction}\\n{input}"
    response_a: out[0].text
    response_b: out[1].text
    label:
      - {path: human, values: {yes: a, no: b}, annotator: who, kind: person}
      - {each: judges, path: verdict, values: {A: a, B: b, C: tie}, annotator: model, kind: llm_judge, order: {path: swapped, values: {true: ba, false: ab}}}
"""


def test_a_list_and_each_in_yaml(tmp_path: Path):
    write(
        tmp_path / "rows.jsonl",
        '{"instruction": "Do\u2028it", "input": "", "out": [{"text": "x"}, {"text": "y"}], "human": "yes", "who": 3, '
        '"judges": [{"verdict": "B", "model": "gpt", "swapped": true}, {"verdict": "C", "model": "gpt", "swapped": false}]}\n',
    )
    (row,) = read_source(LISTED, tmp_path)
    (found,) = row.outcome.pairs
    assert render(found.prompt) == "Do\u2028it"
    assert [(x.annotator, x.kind, x.verdict, x.order) for x in found.labels] == [
        ("3", "person", Verdict.FIRST, Order.UNKNOWN),
        ("gpt", "llm_judge", Verdict.SECOND, Order.SECOND_SHOWN_FIRST),
        ("gpt", "llm_judge", Verdict.TIE, Order.FIRST_SHOWN_FIRST),
    ]


_LABEL = {"path": "v", "values": {"1": "a", "2": "b", "0": "tie", "bad": "both_bad"}, "of": "shown", "p_a": "p"}
_TURNED = {1: 2, 2: 1}


@given(
    one=st.text(min_size=1), two=st.text(min_size=1), vote=st.sampled_from([0, 1, 2, "bad", None]),
    order=st.sampled_from(["ab", "ba"]), p=st.integers(0, 16), of=st.sampled_from(["fields", "shown"]),
)  # fmt: skip
@settings(max_examples=150)
def test_swapping_the_responses_of_a_row_changes_nothing_that_is_stored(one, two, vote, order, p, of):
    if one.strip() == two.strip():
        return
    fields = {"label": {**_LABEL, "of": of}, "order": "o", "annotator": {"constant": "w"}}
    row = {"one": one, "two": two, "v": vote, "o": order, "p": p / 16}
    # Labels about what was shown first do not turn with the fields; labels about the fields do.
    turned = {"one": two, "two": one, "o": "ba" if order == "ab" else "ab"}
    if of == "fields":
        turned |= {"v": _TURNED.get(vote, vote), "p": 1 - p / 16}
    stored = []
    for given_row in (row, row | turned):
        found = outcome(given_row, **fields)
        assert isinstance(found, Pairs)
        try:
            stored.append(orient(found.pairs[0], "s"))
        except ValueError:  # text that no UTF-8 file can hold
            return
    for side in stored:
        side.pop("reversed")
    assert stored[0] == stored[1]


@given(
    st.lists(
        st.one_of(
            st.fixed_dictionaries({"q": st.text(max_size=3), "one": st.text(max_size=3), "two": st.none() | st.text()}),
            st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), st.lists, max_leaves=4),
            st.dictionaries(st.sampled_from(["q", "one", "two", "v", "votes"]), st.none() | st.text() | st.integers()),
        ),
        max_size=8,
    )
)
@settings(max_examples=150)
def test_every_row_has_one_outcome(rows):
    reader = mapping(label=[{"path": "v", "values": {1: "a", 2: "b"}}, {"each": "votes", "values": {1: "a"}}])
    given_rows = [reader.input_row(JsonRow(number, row, "raw")) for number, row in enumerate(rows, 1)]
    assert [row.line for row in given_rows] == list(range(1, len(rows) + 1))
    assert all(isinstance(row.outcome, Pairs | Unreadable) for row in given_rows)
    assert all(row.outcome.detail for row in given_rows if isinstance(row.outcome, Unreadable))


def test_rows_about_prompts_alone_are_kept_for_them():
    fields = {"prompt": "{context}{q}", "system": "s", "reference": "best", "rubric": "rubric", "row_id": "id"}
    reader = MappingReader(fields=Fields.model_validate(fields))
    rows = [
        {"id": 7, "q": "Why?", "context": "", "s": "Be kind.", "best": "Because.", "rubric": {"Good?": 1}},
        {"id": 8, "q": "Why?", "context": "", "s": "", "best": " ", "rubric": None},
        {"id": 9, "q": "", "context": "", "s": "", "best": "So.", "rubric": None},
    ]
    told, nothing, unasked = (reader.input_row(JsonRow(n, row, "")) for n, row in enumerate(rows, start=1))
    assert isinstance(told.outcome, Auxiliary) and told.row_id == "7"
    assert [(m.role, m.content[0].text) for m in told.outcome.prompt] == [("system", "Be kind."), ("user", "Why?")]
    assert [(m.kind, m.text) for m in told.outcome.materials] == [("reference", "Because."), ("rubric", '{"Good?": 1}')]
    assert (nothing.outcome.reason, unasked.outcome.reason) in [
        ("empty field", "no prompt"),
        ("empty field", "field missing"),
    ]


@pytest.mark.parametrize("more", [{"label": "v"}, {"model_a": "m"}, {"response_a": "x"}, {"annotator": "w"}])
def test_fields_of_a_comparison_need_two_responses(more):
    with pytest.raises(ValidationError, match="response_a|response_b"):
        Fields.model_validate({"prompt": "q", "reference": "best", **more})
