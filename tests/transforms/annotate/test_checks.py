"""Instruction checks: which response keeps more, and what is left without an annotation."""

import gzip
import json
from pathlib import Path

import pytest

from prefcurate.schemas.records import GivenMaterial, Label
from prefcurate.transforms.annotate.annotator import Question, annotation_rows
from prefcurate.transforms.annotate.checks import Checks, demands_of, outcome
from prefcurate.transforms.measures.requirement import Requirement
from tests.helpers import context, label, make_store, pair

SAMPLE = Path(__file__).parents[3] / "examples" / "data" / "ifbench-pairs" / "data.converted.json.gz"
NO_COMMAS = json.dumps({"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]})


def answers(store, annotator):
    """Every answer by (prompt's first words, comparison), through the same calls as the stage makes."""
    snapshot = context(store, "annotate", ("comparisons", "materials"), ("annotations",)).pin()
    found = {}
    for shard in range(store.shards):
        questions = list(annotator.questions(snapshot, shard))
        assert questions == sorted(questions, key=lambda q: (q.prompt_id, q.comparison_id))
        for answer in annotator.answer(snapshot, shard, questions, None):
            found[answer.question.comparison_id] = answer
    rows = [snapshot.table("comparisons", shard).to_pylist() for shard in range(store.shards)]
    by_id = {row["comparison_id"]: row for shard in rows for row in shard}
    return {by_id[c]["prompt_text"]: (answer, by_id[c]) for c, answer in found.items()}


def preferred(answer, row):
    """The text of the response that an answer prefers."""
    return {Label.A: row["response_a_text"], Label.B: row["response_b_text"], Label.UNRATABLE: None}[answer.label]


def test_the_response_that_keeps_more_is_preferred_whichever_way_it_is_stored(tmp_path):
    pairs = [
        pair("Describe rain in at most 3 words.", "Water falls down", "It is water that falls from the sky"),
        pair("Describe snow in at most 3 words.", "It is ice that falls from the sky", "Ice falls down"),
        pair("Describe hail in at most 3 words.", "Ice falls", "Ice drops"),
        pair("Describe wind.", "Air", "Moving air"),
    ]
    found = answers(make_store(tmp_path, pairs), Checks(name="c", kind="checks"))
    assert {prompt[9:13]: preferred(*of) for prompt, of in found.items()} == {
        "rain": "Water falls down",
        "snow": "Ice falls down",
        "hail": None,
    }
    for answer, _ in found.values():
        sign = {Label.A: 1, Label.B: -1, Label.UNRATABLE: 0}[answer.label]
        assert answer.strength == sign
        assert answer.p_a == pytest.approx(0.5 + 0.45 * sign)
    (told,) = json.loads(found["Describe hail in at most 3 words."][0].rationale)
    assert told == {"check": "words: at most 3", "a": 1.0, "b": 1.0}


def test_checks_that_came_with_the_data_stand_above_the_words_of_the_prompt(tmp_path):
    with_checks = pair("Describe rain in exactly one word.", "It falls, slowly", "Rain it is")
    given = with_checks.__class__(
        with_checks.prompt, with_checks.first, with_checks.second, materials=(GivenMaterial("checks", NO_COMMAS),)
    )
    ((answer, row),) = answers(make_store(tmp_path, [given]), Checks(name="c", kind="checks")).values()
    assert preferred(answer, row) == "Rain it is"
    assert [c["check"] for c in json.loads(answer.rationale)] == ["no commas"]


def test_checks_that_nobody_knows_fall_back_to_the_words():
    unknown = json.dumps({"instruction_id_list": ["some:other"], "kwargs": [{}]})
    assert [r.kind for r in demands_of("Use no commas.", [unknown], read_prompts=True)] == ["no commas"]
    assert demands_of("Use no commas.", [unknown], read_prompts=False) == ()


def test_words_of_the_prompt_can_be_left_unread(tmp_path):
    store = make_store(tmp_path, [pair("Describe rain in at most 3 words.", "Wet", "It is water that falls")])
    assert answers(store, Checks(name="c", kind="checks", read_prompts=False)) == {}


def test_only_the_last_turn_of_the_user_demands(tmp_path):
    from prefcurate.schemas.records import GivenPair, Message

    turns = [("user", "Answer in one word."), ("assistant", "Yes"), ("user", "Now use no commas.")]
    prompt = tuple(Message.of_text(role, text) for role, text in turns)
    given = GivenPair(prompt, (Message.of_text("assistant", "a, b"),), (Message.of_text("assistant", "a and b"),))
    ((answer, row),) = answers(make_store(tmp_path, [given]), Checks(name="c", kind="checks")).values()
    assert [c["check"] for c in json.loads(answer.rationale)] == ["no commas"]
    assert preferred(answer, row) == "a and b"


def test_an_empty_response_keeps_nothing():
    found = outcome([Requirement.of("no commas"), Requirement.of("all lowercase")], "", "quiet")
    assert (found.label, found.difference, found.p_a) == (Label.B, -1.0, 0.05)


def test_half_kept_is_less_sure():
    demands = [Requirement.of("no commas"), Requirement.of("all lowercase")]
    assert outcome(demands, "quiet", "Loud").p_a == pytest.approx(0.9)
    assert outcome(demands, "Loud", "quiet").p_a == pytest.approx(0.1)


def test_rows_and_fingerprint():
    checks = Checks(name="c", kind="checks")
    question = Question("p", "c")
    assert checks.fingerprint() == Checks(name="other", kind="checks").fingerprint()
    assert checks.fingerprint() != Checks(name="c", kind="checks", read_prompts=False).fingerprint()
    rows = annotation_rows(checks, []).schema
    assert "annotation_id" in rows.names
    assert question.annotation_id(checks.fingerprint()) == question.annotation_id(checks.fingerprint())


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample is not there")
def test_on_real_pairs(tmp_path):
    """Pairs made so that the chosen response keeps every demand of the prompt (IFBench of arXiv 2502.19328)."""
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as stream:
        rows = json.load(stream)[:120]
    pairs = [
        pair(
            r["text_chosen"][0]["content"],
            r["text_chosen"][1]["content"],
            r["text_rejected"][1]["content"],
            label("first"),
        )
        for r in rows
    ]
    chosen = {r["text_chosen"][0]["content"].strip(): r["text_chosen"][1]["content"].strip() for r in rows}
    found = answers(make_store(tmp_path, pairs), Checks(name="c", kind="checks"))
    told = [
        preferred(answer, row) == chosen[prompt] for prompt, (answer, row) in found.items() if preferred(answer, row)
    ]
    assert len(found) > 0.9 * len(rows), "nearly every prompt carries a demand that is read"
    assert len(told) > 0.2 * len(rows), "a good part of the pairs is decided"
    assert sum(told) / len(told) > 0.8
