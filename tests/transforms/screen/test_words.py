import numpy as np

from prefcurate.transforms.screen.words import covered, run_hashes, word_hashes, word_spans


def test_words_are_hashed_without_case_and_punctuation():
    assert (word_hashes("Don't panic, Arthur!") == word_hashes("don t PANIC arthur")).all()
    assert len(word_hashes("")) == 0


def test_characters_are_words_where_no_spaces_are_written():
    assert len(word_hashes("今天 weather 很好")) == 5


def test_hashes_are_the_same_in_every_process():
    assert word_hashes("golden").tolist() == [5434833403847302432]


def test_spans_are_the_words():
    text = "Straße: ein İ—zwei"
    assert [text[start:end] for start, end in word_spans(text)] == ["Straße", "ein", "İ", "zwei"]
    assert len(word_spans(text)) == len(word_hashes(text))


def test_runs_slide_by_one_word():
    words = word_hashes("a b c a b c")
    runs = run_hashes(words, 3)
    assert len(runs) == 4
    assert runs[0] == runs[3]
    assert len(np.unique(runs)) == 3
    assert len(run_hashes(words, 7)) == 0
    assert run_hashes(words[:2], 2)[0] != run_hashes(words[:3], 3)[0]


def test_runs_that_touch_are_one_stretch():
    assert covered(np.array([3, 4, 5, 20]), 3) == [(3, 7), (20, 22)]
    assert covered(np.array([0, 3]), 3) == [(0, 5)]
    assert covered(np.array([0, 4]), 3) == [(0, 2), (4, 6)]
