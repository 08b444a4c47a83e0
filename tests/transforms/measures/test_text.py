"""Counting words, sentences and paragraphs: hand-counted texts."""

import pytest

from prefcurate.transforms.measures.text import content_words, numbers, paragraphs, sentences, without_code, words


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("Don't stop me now.", 4),
        ("state-of-the-art", 4),
        ("3.5 million", 3),
        ("今天天气", 4),
        ("— … !", 0),
        ("l’été est là", 3),
        ("**bold** _word_", 2),
    ],
)
def test_words(text, count):
    assert len(words(text)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("One. Two! Three?", 3),
        ("No full stop at the end", 1),
        ("Dr. Smith met Mrs. Jones at 3.5 km. They talked.", 2),
        ("He said e.g. this. J. R. Tolkien wrote it.", 2),
        ('"Stop!" she cried. He left.', 3),
        ("Wait... what? Yes.", 3),
        ("# A heading\nOne sentence.\n\n***\n\n- a point\n- another. And more.", 4),
        ("1. First step.\n2. Second step.", 2),
        ("今天天气很好。我们去公园。", 2),
        ("Look:\n```python\nx = 1. \ny = 2.\n```\nDone.", 2),
    ],
)
def test_sentences(text, count):
    assert len(sentences(text)) == count, sentences(text)


def test_paragraphs_are_blocks_without_headings_dividers_code_and_introduced_lists():
    text = (
        "# Title\n\nFirst paragraph.\nStill the first.\n\n***\n\nSecond, with a list:\n\n- one\n\n- two\n\n"
        "```\ncode\n\nmore\n```\n\n**Heading**\n\nThird."
    )
    assert paragraphs(text) == ["First paragraph.\nStill the first.", "Second, with a list:", "Third."]


def test_numbered_blocks_that_nothing_introduces_are_paragraphs():
    assert len(paragraphs("1. Imagine the sun.\n\n2. Enter the air.\n\n3. It is blue.")) == 3


def test_everything_in_a_fence_is_read_as_text():
    assert len(sentences("```\nOne. Two.\n```")) == 2


def test_an_open_fence_reaches_to_the_end():
    assert without_code("before\n```\ncode") == "before\n"


def test_content_words_leave_out_function_words_and_numbers():
    assert content_words("What is the capital of France in 1990?") == {"capital", "france"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000.50 and 1000.5", {"1000.5"}),
        ("about 3,5 kg", {"3.5"}),
        ("v2 and x1", set()),
        ("in 1998.", {"1998"}),
        ("10 100", {"10", "100"}),
    ],
)
def test_numbers(text, expected):
    assert numbers(text) == expected
