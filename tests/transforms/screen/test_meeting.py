"""What sketches hold of responses, and by which hashes their rows meet."""

import numpy as np

from prefcurate.transforms.screen.candidates import bucket_pairs, rows_of
from prefcurate.transforms.screen.meeting import met_by
from prefcurate.transforms.screen.minhash import bands, signatures
from prefcurate.transforms.screen.people import Votes
from prefcurate.transforms.screen.rows import Row
from prefcurate.transforms.screen.shingles import shingle_sets
from prefcurate.transforms.screen.sketch import names_of
from prefcurate.transforms.screen.sketching import Sketcher

from .real import answers, sketch_of

LONG = [text for text in answers() if len(text) > 100]


def test_pairs_meet_by_all_their_shingles_as_one_set():
    texts = [(LONG[3 * i], LONG[3 * i + 1], LONG[3 * i + 2]) for i in range(20)]
    found = dict(met_by(sketch_of([*texts, ("?", "", "!")]), 0))["pair"]
    unions = signatures(shingle_sets([" ".join(of) for of in texts]))
    # Shingles across the borders of the joined texts differ: nearly all slots are the same, and most bands.
    expected = set(bands(unions).ravel().tolist())
    assert np.isin(found[:, 0], list(expected)).mean() > 0.6
    assert set(rows_of(found[:, 1]).tolist()) == set(range(20)), "a pair without letters meets nobody"


def test_a_pair_meets_itself_with_its_responses_swapped():
    found = dict(met_by(sketch_of([(LONG[0], LONG[1], LONG[2]), (LONG[0].lower(), LONG[2] + "!", LONG[1])]), 0))["pair"]
    assert bucket_pairs(found).tolist() == [[0, 1]]


def test_a_response_stands_once_for_a_prompt_whatever_comparisons_and_portions_hold_it():
    texts = [("p", 0, 1), ("p", 0, 2), ("p", 2, 1), ("q", 0, 1)]
    rows = [
        Row(f"{i:032x}", p * 32, "0" * 32, f"Prompt {p}?", (), LONG[a], LONG[b]) for i, (p, a, b) in enumerate(texts)
    ]
    together, apart = Sketcher(), Sketcher()
    together.add(rows)
    for row in rows:
        apart.add([row])
    sketch, again = together.sketch({}), apart.sketch({rows[1].comparison_id: Votes(0, 1)})
    assert sketch.places.tolist() == [0, 1, 3, 6, 7]
    assert (sketch.a_rows.tolist(), sketch.b_rows.tolist()) == ([0, 0, 2, 3], [1, 2, 1, 4])
    assert (sketch.responses[[0, 1]] == sketch.responses[[3, 4]]).all()
    assert again.leanings.tolist() == [0, -1, 0, 0]
    for name in ("places", "a_rows", "b_rows", "responses", "response_sums", "prompts", "prompt_rows"):
        assert (getattr(sketch, name) == getattr(again, name)).all()
    names = names_of("response", np.array([2, 3]), lambda array: getattr(sketch, array))
    assert names.tolist() == [b"%032x/b" % 1, b"%032x/a" % 3]


def test_short_responses_are_not_looked_for():
    short, long = "Yes, of course.", "x" * 20 + " " + "word " * 13
    sketch = sketch_of([("What?", short, long), ("Where?", short, long)], shortest=80)
    assert sketch.long.tolist() == [1, 3]
    found = dict(met_by(sketch, 0))["response"]
    assert bucket_pairs(found).tolist() == [[1, 3]]


def test_of_thousands_of_like_texts_those_that_are_the_same_meet():
    crowd = [f"{LONG[0]} {LONG[1]} {LONG[2]} {LONG[3]} and the number {number}" for number in range(400)]
    found = dict(met_by(sketch_of([(text, "", "") for text in [*crowd, *(text.upper() for text in crowd)]]), 0))[
        "prompt"
    ]
    pairs = bucket_pairs(found)
    assert {(i, 400 + i) for i in range(400)} <= set(map(tuple, pairs.tolist()))
    assert len(pairs) < 40_000, "not every text with every other"
