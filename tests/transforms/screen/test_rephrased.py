import json

import numpy as np
import pytest

from prefcurate.transforms.screen.rephrased import RephrasedIndex, in_common, numbers, rephrased_flag


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("Janet sells 16 eggs, eats three and bakes with four for $2.50", {"16", "3", "4", "2.50"}),
        ("A dozen eggs cost 1,200 yen, twice the price", {"12", "1200", "2"}),
        ("Nothing to count here; someone often wondered", set()),
        ("Er hat 3 Äpfel", {"3"}),
    ],
)
def test_numbers_in_digits_and_words(text, held):
    assert numbers(text) == held


def test_numbers_in_common_say_nothing_where_there_are_none():
    assert in_common(frozenset(), frozenset()) == 0.5
    assert in_common(frozenset("12"), frozenset("23")) == pytest.approx(1 / 3)
    assert in_common(frozenset("1"), frozenset()) == 0


INDEX = RephrasedIndex(
    np.empty((3, 0), np.float32),
    (("gsm8k", 7), ("gsm8k", 9), ("mt", 1)),
    (frozenset("34"), frozenset("56"), frozenset()),
)


def flag(prompt, *similarity, threshold=0.8):
    return rephrased_flag(prompt, np.array(similarity, np.float32), INDEX, threshold)


def test_the_same_numbers_lower_the_threshold_and_others_raise_it():
    assert flag("three and four apples", 0.73, 0, 0).matched_id == "7"
    assert flag("three and four apples", 0.72, 0, 0) is None
    assert flag("eight apples", 0.87, 0, 0) is None
    assert flag("eight apples", 0.88, 0, 0).matched_id == "7"
    assert flag("no numbers", 0, 0, 0.81).matched_source == "mt"
    assert flag("no numbers", 0, 0, 0.79) is None


def test_the_best_item_is_named_with_what_speaks_for_it():
    found = flag("five and six pears", 0.84, 0.8, 0)
    assert (found.flag, found.matched_source, found.matched_id) == ("contamination", "gsm8k", "9")
    assert json.loads(found.evidence) == {"line": 9, "rephrased": True, "similarity": 0.8, "numbers": 1.0}
    assert found.value == pytest.approx(0.8)
