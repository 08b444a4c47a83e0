"""A response against its prompt: coverage, grounding, refusals, repetition, language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.transforms.measures.relation import (
    coverage,
    distinct,
    grounding,
    hedging,
    number_grounding,
    refuses,
    same_language,
)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this request.",
        "As an AI language model, I cannot browse the web.",
        "I am unable to provide medical advice.",
        "I won't write that.",
        "Es tut mir leid, das geht nicht.",
        "抱歉，我不能回答这个问题。",
    ],
)
def test_refusals(text):
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "Sorry for the delay! Here is the plan.",
        "You can't divide by zero.",
        "I can help with that.",
        "The court cannot create law." + " More." * 100 + " I cannot help with that.",
        "",
    ],
)
def test_what_is_no_refusal(text):
    assert not refuses(text)


def test_coverage_is_the_share_of_asked_content_words():
    assert coverage("What is the capital of France?", "The capital is Paris.") == 0.5
    assert coverage("What is it?", "anything") == 1.0


def test_grounding_counts_words_and_numbers():
    document = "The tower is 330 metres tall and stands in Paris."
    assert grounding(document, "330 metres, Paris") == 1.0
    assert grounding(document, "Tower: 300 metres") == pytest.approx(2 / 3)
    assert number_grounding(document, "It has 330 metres and 3 floors") == 0.5
    assert number_grounding(document, "no number") == 1.0


def test_repetition():
    assert distinct("a b c d e") == 1.0
    assert distinct("a b c a b c a b c") == pytest.approx(3 / 7)
    assert distinct("") == 1.0


def test_hedging_is_a_rate():
    assert hedging("Perhaps it might rain") == 50.0
    assert hedging("") == 0.0


def test_language():
    question = "Was ist die Hauptstadt von Frankreich und wie viele Menschen leben in der Stadt?"
    assert same_language(question, "Die Hauptstadt ist Paris, und in der Stadt leben zwei Millionen.")
    assert not same_language(question, "The capital of France is Paris and it has two million people.")
    assert same_language(question, "42"), "what cannot be told is not held against it"


@given(st.text(), st.text())
def test_shares_stay_between_0_and_1(prompt, response):
    for value in (coverage(prompt, response), grounding(prompt, response), distinct(response)):
        assert 0.0 <= value <= 1.0
