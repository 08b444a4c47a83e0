import json

import pytest

from prefcurate.transforms.screen.responses import is_refusal, response_flags

from .real import generations


def flags(a, b, ratio=4.0):
    return {flag.flag: (flag.value, json.loads(flag.evidence)) for flag in response_flags(a, b, ratio)}


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
