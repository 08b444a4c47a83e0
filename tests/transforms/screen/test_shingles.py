import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.transforms.screen.shingles import SHINGLE, jaccard, normalised, shingle_sets, shingles


def test_case_punctuation_and_spacing_do_not_count():
    assert normalised("  Hello,\n\nWORLD -- it's_me! ") == "hello world it s me"
    assert (shingles("What is the capital of France?") == shingles("what is THE  capital, of france")).all()


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("?!", 0), ("a", 1), ("abcdefg", 1), ("abcdefgh", 1), ("abcdefghi", 2), ("aaaaaaaaaa", 1)],
)
def test_number_of_distinct_shingles(text, count):
    assert len(shingles(text)) == count


def test_short_texts_differ_by_one_character():
    assert jaccard(shingles("two"), shingles("too")) == 0
    assert jaccard(shingles("2+2"), shingles("2 + 2")) == 1


def test_a_worked_case():
    # "abcdefghij" has the 3 shingles abcdefgh, bcdefghi, cdefghij; "abcdefghix" shares the first two: 2 of 4.
    assert jaccard(shingles("abcdefghij"), shingles("abcdefghix")) == 0.5


def test_scripts_without_spaces():
    assert jaccard(shingles("请用中文写一首关于春天的诗歌"), shingles("请用中文写一首关于秋天的诗歌")) > 0
    assert jaccard(shingles("请用中文写一首关于春天的诗歌"), shingles("今天天气很好我们去公园散步吧好吗")) == 0


def test_two_texts_without_letters_are_the_same_and_unlike_any_other():
    assert jaccard(shingles("..."), shingles("!")) == 1
    assert jaccard(shingles("..."), shingles("word")) == 0


@given(st.lists(st.text(max_size=40), max_size=6))
def test_a_text_has_the_same_shingles_in_any_company(texts):
    sets = shingle_sets(texts)
    assert len(sets.ends) == len(texts) + 1
    for index, text in enumerate(texts):
        own = sets.hashes[sets.ends[index] : sets.ends[index + 1]]
        assert (np.unique(own) == shingles(text)).all()
        assert len(own) == (max(len(normalised(text)), SHINGLE) - SHINGLE + 1 if normalised(text) else 0)


@given(st.text(min_size=30, max_size=80, alphabet="abcdef "), st.text(min_size=30, max_size=80, alphabet="abcdef "))
def test_hashes_tell_apart_what_strings_tell_apart(first, second):
    def plain(text):
        text = normalised(text).ljust(SHINGLE, "\0") if normalised(text) else ""
        return {text[i : i + SHINGLE] for i in range(len(text) - SHINGLE + 1)} if text else set()

    one, other = plain(first), plain(second)
    union = len(one | other)
    assert jaccard(shingles(first), shingles(second)) == (len(one & other) / union if union else 1.0)
