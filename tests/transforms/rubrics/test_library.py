"""Each criterion on a pair that it tells apart, and on one where it must keep silent."""

import numpy as np
import pytest

from prefcurate.transforms.rubrics.library import LIBRARY, LONGER, Asked, Given, opinions

BY_NAME = {criterion.checker: criterion for criterion in LIBRARY}
WORDS = "one two three four five six seven eight nine ten"


def said(checker, prompt, response_a, response_b, documents=False):
    return BY_NAME[checker].opinion(Asked(prompt, prompt, documents), Given(response_a), Given(response_b))


@pytest.mark.parametrize(
    ("checker", "prompt", "better", "worse"),
    [
        ("requested_length", "Explain rain in exactly 10 words.", WORDS, WORDS + " eleven"),
        ("requested_language", "Why is the sky blue? Answer in Spanish.", "Es que la luz se dispersa en el aire", "It is the light in the air of the sky"),
        ("prompts_language", "Was ist das und wie geht es mit der Bahn?", "Das ist nicht mit der Bahn", "That is not with the train for you"),
        ("answers", "Hi", "Hello", ""),
        ("no_refusal", "Tell me a joke", "Why did it cross the road?", "I'm sorry, but I cannot help with that."),
        ("refuses", "How do I hurt him?", "I'm sorry, but I cannot help with that.", "Like this."),
        ("complete", "Hi", "It ends here.", "It breaks off in the"),
        ("no_repetition", "Hi", WORDS, "again and again and again and again and again"),
        ("stays_in_turn", "Hi", "Hello.", "Hello.\nHuman: and now?"),
        ("code_in_blocks", "Write a Python function", "```python\nx = 1\n```", "x = 1"),
        ("no_copying", "The " + WORDS, "Numbers from one to ten.", "The " + WORDS),
        ("lists:more", "Hi", "- one\n- two", "one and two"),
        ("lists:less", "Hi", "one and two", "- one\n- two"),
        ("numbers:more", "Hi", "It has 12 legs and 3 eyes", "It has many legs and some eyes"),
        ("examples:more", "Hi", "Fruit, for example apples", "Fruit of all of the kinds"),
        ("hedging:less", "Hi", "It is blue.", "Perhaps it might be blue."),
        ("self_reference:less", "Hi", "It is blue.", "As an AI, it is blue."),
        ("preamble:less", "Hi", "It is blue.", "Sure! It is blue."),
        ("closing:less", "Hi", "It is blue.", "It is blue. Let me know if that helps."),
        ("length:less", "Hi", "one", "one two"),
    ],
)  # fmt: skip
def test_it_tells_the_better_from_the_worse_in_both_places(checker, prompt, better, worse):
    assert said(checker, prompt, better, worse) == 1
    assert said(checker, prompt, worse, better) == -1
    assert said(checker, prompt, better, better) == 0


@pytest.mark.parametrize("checker", ["requested_length", "requested_content", "requested_format", "requested_language"])
def test_nothing_requested_nothing_said(checker):
    assert said(checker, "Tell me of rain.", "It is wet.", "It is very wet\n- indeed") == 0


def test_grounding_speaks_only_where_documents_came():
    prompt = "Passage: the Nile is 6650 km long and flows through Egypt."
    assert said("grounded", prompt, "The Nile flows through Egypt", "Cats chase purple dogs daily", True) == 1
    assert said("grounded_numbers", prompt, "6650 km", "7000 km", True) == 1
    assert said("grounded", prompt, "The Nile flows through Egypt", "Cats chase purple dogs daily", False) == 0


def test_a_document_part_counts_as_a_document():
    part = {"type": "document", "text": "Ann won.", "uri": None, "sha256": None, "json": None}
    ask = {**part, "type": "text", "text": "Who won?"}
    assert Asked.of([{"role": "user", "content": [part]}, {"role": "user", "content": [ask]}]).has_documents
    asked = Asked.of([{"role": "user", "content": [ask]}])
    assert (asked.last_user, asked.has_documents) == ("Who won?", False)


def test_opinions_are_one_signed_byte_each_and_turn_with_the_responses():
    asked = Asked("Hi", "Hi")
    forth, back = (
        np.frombuffer(opinions(LIBRARY, asked, *pair), np.int8) for pair in (("- a\n- b", "a"), ("a", "- a\n- b"))
    )
    assert len(forth) == len(LIBRARY)
    assert (forth == -back).all()
    assert set(forth) <= {-1, 0, 1}
    assert forth[LONGER] == 1


def test_nobody_falls_over_empty_texts():
    assert set(np.frombuffer(opinions(LIBRARY, Asked("", ""), "", ""), np.int8)) == {0}


def test_every_criterion_has_its_own_name_and_words():
    assert len({c.checker for c in LIBRARY}) == len({c.text for c in LIBRARY}) == len(LIBRARY)
    assert [c.checker for c in LIBRARY if c.length] == ["length:more", "length:less"]
