from pathlib import Path

import pytest

from prefcurate.schemas.formats.hf_preference import HfPreferenceReader
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.records import GivenPair, Pairs, Unreadable, Verdict, render
from tests.schemas.formats.mapping_helper import read_source, write
from tests.schemas.formats.reading import DATA, labels_of, outcomes, pairs_of, read_shared, text_of, verdicts


def say(role: str, text: str) -> dict:
    return {"role": role, "content": text}


def outcome(row: dict, **settings):
    return HfPreferenceReader.model_validate(settings).input_row(JsonRow(1, row, "")).outcome


def pair(row: dict, **settings) -> GivenPair:
    found = outcome(row, **settings)
    assert isinstance(found, Pairs), found
    return found.pairs[0]


def texts(found: GivenPair) -> list[str]:
    return [render(found.prompt), render(found.first), render(found.second)]


U, X, Y = say("user", "Why?"), say("assistant", "x"), say("assistant", "y")
HUMAN = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant: "


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        ({"prompt": "Why?", "chosen": "x", "rejected": "y"}, "Why?"),
        ({"prompt": "Why?", "chosen": [X], "rejected": [Y]}, "Why?"),
        ({"prompt": [U], "chosen": [X], "rejected": [Y]}, "Why?"),
        ({"prompt": [U], "chosen": X, "rejected": Y}, "Why?"),
        ({"prompt": "Why?", "chosen": [U, X], "rejected": [U, Y]}, "Why?"),
        ({"chosen": [U, X], "rejected": [U, Y]}, "Why?"),
        ({"prompt": None, "chosen": [U, X], "rejected": [U, Y]}, "Why?"),
        ({"chosen": "Why? x", "rejected": "Why? y"}, "Why? "),
        ({"chosen": HUMAN + "x", "rejected": HUMAN + "y"}, "user: Hi\n\nassistant: Hello\n\nuser: Why?"),
        ({"chosen": [say("system", "S"), U, X], "rejected": [say("system", "S"), U, Y]}, "system: S\n\nuser: Why?"),
    ],
)
def test_shapes(row, prompt):
    found = pair(row)
    assert [text.strip() for text in texts(found)] == [prompt.strip(), "x", "y"]
    (label,) = found.labels
    assert (label.verdict, label.annotator, label.kind) == (Verdict.FIRST, "anonymous", "person")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "Why?", "chosen": "x"}, "field missing"),
        ({"prompt": "Why?", "chosen": "x", "rejected": None}, "field missing"),
        ({"prompt": "", "chosen": "x", "rejected": "y"}, "no prompt"),
        ({"prompt": None, "chosen": "the x", "rejected": "the y"}, "no prompt"),
        ({"chosen": "x", "rejected": "y"}, "no prompt"),
        ({"question": "Why?", "chosen": "the x", "rejected": "the y"}, "no prompt"),
        ({"chosen": [X], "rejected": [Y]}, "no prompt"),
        ({"chosen": [U, X], "rejected": [say("user", "Who?"), Y]}, "prompts differ"),
    ],
)
def test_what_cannot_be_read(row, reason):
    found = outcome(row)
    assert isinstance(found, Unreadable)
    assert found.reason == reason


def test_a_prompt_of_another_name_is_pointed_at():
    assert "set `prompt: question`" in outcome({"question": "Why?", "chosen": "x", "rejected": "y"}).detail
    assert texts(pair({"question": "Why?", "chosen": "x", "rejected": "y"}, prompt="question"))[0] == "Why?"


def test_scores_are_ratings():
    row = {"prompt": "Why?", "chosen": "x", "rejected": "y", "score_chosen": 8.5, "score_rejected": "3"}
    found = pair(row, scale=[1, 10], annotator={"constant": "gpt-4"}, kind="llm_judge")
    assert [(r.of, r.value, r.scale_min, r.annotator, r.kind) for r in found.ratings] == [
        ("first", 8.5, 1, "gpt-4", "llm_judge"),
        ("second", 3, 1, "gpt-4", "llm_judge"),
    ]
    assert pair({"prompt": "Why?", "chosen": "x", "rejected": "y", "chosen_score": 2}).ratings == ()
    assert outcome({"prompt": "Why?", "chosen": "x", "rejected": "y"}, score_chosen="score_a").pairs[0].ratings == ()


def test_other_settings():
    row = {"p": "Why?", "c": "x", "r": "y", "sys": "S", "m": "gpt", "pc": 0.9, "k": [{"id": 1}], "w": 4}
    found = pair(
        row,
        prompt="p",
        chosen="c",
        rejected="r",
        system="sys",
        model_chosen="m",
        p_chosen="pc",
        checks="k",
        annotator="w",
    )
    assert texts(found) == ["system: S\n\nuser: Why?", "x", "y"]
    assert (found.model_first, found.labels[0].p_first, found.labels[0].annotator) == ("gpt", 0.9, "4")
    assert [material.kind for material in found.materials] == ["checks"]


def test_from_the_configuration(tmp_path: Path):
    write(tmp_path / "x.json", '[{"id": 5, "text_chosen": "Why? x", "text_rejected": "Why? y"}]')
    source = """
    - {name: x, format: hf_preference, path: x.json, chosen: text_chosen, rejected: text_rejected, row_id: id,
       kind: program, annotator: {constant: checker}}
    """
    (row,) = read_source(source, tmp_path)
    assert (row.row_id, row.outcome.pairs[0].labels[0].kind) == ("5", "program")


IFBENCH = """
- {name: ifbench, format: hf_preference, path: ifbench-pairs, chosen: text_chosen, rejected: text_rejected, row_id: id, kind: program}
"""


@pytest.mark.skipif(not (DATA / "ifbench-pairs").exists(), reason="the sample is not there")
def test_real_rows():
    rows = read_source(IFBENCH, DATA)
    assert len(rows) > 20
    for row in rows:
        (found,) = row.outcome.pairs
        assert [message.role for message in found.prompt] == ["user"]
        assert [message.role for message in found.first + found.second] == ["assistant", "assistant"]


def test_all_of_harmless_base_as_its_readme_counts():
    rows = read_shared(HfPreferenceReader(), "hh-rlhf")
    assert outcomes(rows) == {"Pairs": 2312}
    pairs = pairs_of(rows)
    # In five rows what was said before the last answer differs: one side goes on with a second answer of the assistant.
    longer = [pair for pair in pairs if len(pair.first) + len(pair.second) > 2]
    assert len(longer) == 5
    for pair in longer:
        assert {message.role for message in pair.first + pair.second} == {"assistant"}
    assert sum(not text_of(side)[-1].strip() for pair in pairs for side in (pair.first, pair.second)) == 4


def test_all_of_ifbench_as_its_readme_counts():
    reader = HfPreferenceReader.model_validate({"chosen": "text_chosen", "rejected": "text_rejected"})
    rows = read_shared(reader, "ifbench-pairs")
    assert outcomes(rows) == {"Pairs": 444} and verdicts(labels_of(rows)) == {"first": 444}
