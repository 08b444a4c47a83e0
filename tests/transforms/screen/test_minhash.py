import numpy as np

from prefcurate.transforms.screen.minhash import BANDS, ROWS, SLOTS, bands, signatures, similarity
from prefcurate.transforms.screen.shingles import ShingleSets, jaccard, shingle_sets, shingles

from .real import answers


def test_a_signature_depends_on_its_text_alone():
    texts = list(answers()[:50])
    together = signatures(shingle_sets(texts))
    assert together.shape == (50, SLOTS)
    alone = np.concatenate([signatures(shingle_sets([text])) for text in texts])
    assert (together == alone).all()
    assert (signatures(shingle_sets(texts[::-1]))[::-1] == together).all()


def test_signatures_are_the_same_in_every_run():
    # Moves only with a new ALGORITHM in the stage's settings.
    assert signatures(shingle_sets(["the same for ever"]))[0, :4].tolist() == [
        3277248309,
        1971839623,
        3242748063,
        3388393911,
    ]


def test_repeats_and_order_of_shingles_do_not_count():
    hashes = shingles("a text of some length about nothing in particular")
    doubled = np.concatenate([hashes[::-1], hashes])
    ends = np.array([0, len(hashes)])
    assert (signatures(ShingleSets(hashes, ends)) == signatures(ShingleSets(doubled, ends * 2))).all()


def test_estimates_are_near_the_truth():
    rng = np.random.default_rng(5)
    errors = []
    for shared in (0, 100, 300, 500, 700, 900):
        hashes = rng.integers(0, 2**63, 2000 - shared, dtype=np.uint64)
        first, second = hashes[:1000], hashes[1000 - shared :]
        sets = ShingleSets(np.concatenate([first, second]), np.array([0, 1000, 2000]))
        rows = signatures(sets)
        errors.append(similarity(rows[:1], rows[1:])[0] - jaccard(np.unique(first), np.unique(second)))
    assert np.abs(errors).max() < 0.13
    assert abs(np.mean(errors)) < 0.05


def test_bands_agree_where_their_rows_do():
    rows = signatures(shingle_sets(["one text", "another text"]))
    changed = rows.copy()
    changed[0, ROWS] += 1  # the first row of the second band
    assert (bands(rows)[0] != bands(changed)[0]).tolist() == [False, True] + [False] * (BANDS - 2)
    assert len(np.unique(bands(np.zeros((1, SLOTS), np.uint32)))) == BANDS
