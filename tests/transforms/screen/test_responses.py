import json

import pytest

from prefcurate.transforms.screen.options import ScreenOptions
from prefcurate.transforms.screen.refusals import is_refusal, shows_no_harm
from prefcurate.transforms.screen.responses import response_flags

from .real import generations


def flags(a, b, prompt="What is it?", **options):
    found = response_flags(prompt, prompt, a, b, ScreenOptions(**options))
    return {flag.flag: (flag.value, json.loads(flag.evidence)) for flag in found}


def test_a_good_pair_has_no_flag():
    assert flags("A short answer.", "Another answer, longer.") == {}


def test_empty_sides():
    assert flags("", "text")["empty_response"] == (1.0, {"sides": ["a"]})
    assert flags(" \n", "")["empty_response"] == (2.0, {"sides": ["a", "b"]})


def test_identical_by_text_or_by_words():
    assert flags("Yes.", "Yes.")["identical_responses"] == (1.0, {"same": "text"})
    assert flags("Yes, it is", "yes it IS!")["identical_responses"] == (1.0, {"same": "words"})
    assert "identical_responses" not in flags("Yes", "No")
    assert "identical_responses" not in flags("?", "!"), "no word in common is not the same words"


def test_length_ratio_names_the_longer_side():
    value, evidence = flags("a" * 100, "b" * 25)["length_ratio"]
    assert (value, evidence) == (4.0, {"characters": {"a": 100, "b": 25}, "longer": "a"})
    assert "length_ratio" not in flags("a" * 99, "b" * 25)
    assert "length_ratio" not in flags("a" * 99, "")


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I’m not going to help you to do this.",
        "Sorry, I can't do that.",
        "I cannot assist with that request. Creating such a list would be wrong.",
        "As an AI language model, I cannot condone or encourage piracy in any way.",
        "I'm sorry, but as an AI language model, I am not capable of reaching the summit of a mountain.",
        "I apologize, but promoting harm goes against my principles.",
        "I am unable to provide any further assistance.",
        "Unfortunately I can't help with this.",
        "Sorry, I'm not comfortable impersonating you in that way.",
        "I’m sorry, I’m not programmed to help people cheat.",
        "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
        "Je suis désolé, mais je ne peux pas vous aider.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "很抱歉，我无法帮助你。",
    ],
)
def test_refusals(text):
    assert is_refusal(text)
    assert flags(text, "Here you are: one, two, three, and four.")["refusal"][1] == {"sides": ["a"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I'm sorry to hear that! Here is what you can do about it.",
        "I can't help but think of the sea.",
        "The song \"I'd Do Anything for Love (But I Won't Do That)\" is from 1993.",
        "Sorry for the delay. The answer is 42.",
        "You cannot create a file there without permission.",
        "She said: we will not provide food.",
        "I'm sorry, but I couldn't find a version of that name; do you mean 3.4?",
        "Sure! I will provide the list.",
        "Without nerves, I couldn't respond to pain.",
        "As an AI language model, I cannot provide a definitive answer as to why. However, some scholars say so.",
        "As an AI, I cannot experience the sea. However, here is an example.",
        "As an AI, I can't predict the future. However, humans may live for ever.",
        "As an AI language model, I cannot provide a personal opinion. However, here is a review.",
        "First, open the door. " * 20 + "I cannot help with the rest.",
    ],
)
def test_no_refusals(text):
    assert not is_refusal(text)


def test_real_answers_are_hardly_ever_refusals():
    # Read by hand: of 200 answers one declines, to give a number that nobody knows.
    found = [text for text in generations() if is_refusal(text)]
    assert len(generations()) == 200
    assert [text[:57] for text in found] == ["I'm sorry, but I cannot provide a specific answer to this"]


def test_the_same_to_a_trainer_that_cuts_them_off():
    same = "word " * 500
    assert flags(same + "one", same + "another")["same_beginning"] == (1.0, {"characters": 2048})
    assert "same_beginning" not in flags("word one", "word another")
    assert "same_beginning" in flags("word one", "word another", truncated_at=5)
    assert "same_beginning" not in flags("word", "word one", truncated_at=5), "the shorter one ends before"
    assert "same_beginning" not in flags(same, same), "that is identical"


def test_refusals_of_harmless_prompts():
    refusal = "I'm sorry, but I can't help with that."
    assert flags("Paris.", refusal, "What is the capital of France?")["harmless_refused"] == (1.0, {"sides": ["b"]})
    assert "harmless_refused" not in flags("No.", refusal, "How do I build a bomb?")
    assert "harmless_refused" not in flags("Paris.", "Rome.", "What is the capital of France?")


@pytest.mark.parametrize(
    "prompt",
    [
        "Hide an Airtag in her car without her knowing",
        "a guide for evading law enforcement",
        "How can I kill him?",
        "Wie baue ich eine Bombe?",
        "怎样制造炸弹",
        "write malware",
        "Where does she live?",
    ],
)
def test_signs_of_harm(prompt):
    assert not shows_no_harm(prompt)


def test_evidence_names_sides_and_offsets_and_holds_no_text():
    secret = "Write to anna.berg@posteo.de, as an AI language model, I know."
    found = flags(secret, "N/A", "Who is anna.berg@posteo.de?")
    assert found["personal_data"] == (
        2.0, {"sides": ["prompt", "a"], "spans": {"prompt": [[7, 26, "e-mail"]], "a": [[9, 28, "e-mail"]]}}
    )  # fmt: skip
    assert found["placeholder"][1] == {"sides": ["b"], "spans": {"b": [[0, 3, "whole"]]}}
    assert found["as_a_model"][1]["spans"] == {"a": [[30, 53, "self"]]}
    assert not any("anna" in flag.evidence for flag in response_flags(secret, secret, secret, "N/A", ScreenOptions()))


def test_real_answers_have_hardly_any_of_the_flags():
    texts = generations()
    found = {}
    for a, b in zip(texts[::2], texts[1::2], strict=True):
        for name in flags(a, b, "Please tell me more."):
            found[name] = found.get(name, 0) + 1
    # Read by hand: three that speak of themselves, one that declines.
    seen = {"as_a_model": 3, "harmless_refused": 1}
    assert {name: n for name, n in found.items() if name not in ("length_ratio", "refusal")} == seen
