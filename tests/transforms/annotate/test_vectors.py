"""Vectors of a store as matrices: in the order of the pairs, whole and finite, each pair in its prompt's cluster."""

import numpy as np
import pytest

from prefcurate.transforms.annotate.vectors import comparisons_with_vectors, vectors
from prefcurate.transforms.embed.options import EmbedOptions
from tests.helpers import context, make_store, pair
from tests.transforms.annotate.vectors import commit, commit_rows, with_vectors

MODEL = EmbedOptions().fingerprint()
VECTORS = {"p": [1, 2], "x": [0, 1], "y": [1, 1], "z": [2, 1], "q": [3, 3]}


def pin(store):
    return context(store, "annotate", ("comparisons", "clusters", "embeddings"), ("annotations",), [MODEL]).pin()


def read(store, wanted=None):
    snapshot = pin(store)
    pairs = comparisons_with_vectors(snapshot, 0, MODEL, wanted)
    return pairs, vectors(snapshot, 0, MODEL, pairs)


def texts(store):
    return {row["comparison_id"]: row for row in store.dataset("comparisons").to_table().to_pylist()}


def test_each_pair_has_its_own_three_vectors(tmp_path):
    store = make_store(tmp_path, [pair("p", "x", "y"), pair("p", "z", "x"), pair("q", "x", "y")], shards=1)
    with_vectors(store, VECTORS, MODEL)
    pairs, found = read(store)
    assert found.rows.tolist() == [0, 1, 2]
    rows = [texts(store)[comparison] for comparison in pairs["comparison_id"].to_pylist()]
    for name in ("prompt", "response_a", "response_b"):
        assert getattr(found, name).tolist() == [VECTORS[row[f"{name}_text"]] for row in rows]
    assert pairs["prompt_id"].to_pylist() == sorted(pairs["prompt_id"].to_pylist())


@pytest.mark.parametrize("broken", [np.nan, np.inf])
@pytest.mark.parametrize("text", ["q", "z"])
def test_a_pair_with_a_vector_that_is_no_number_is_as_one_without(tmp_path, broken, text):
    store = make_store(tmp_path, [pair("p", "x", "y"), pair("q", "x", "z")], shards=1)
    with_vectors(store, VECTORS | {text: [broken, 1.0]}, MODEL)
    pairs, found = read(store)
    (row,) = found.rows.tolist()
    assert texts(store)[pairs["comparison_id"][row].as_py()]["prompt_text"] == "p"
    assert np.isfinite(found.response_a).all() and found.response_a.shape == (1, 2)


def test_nothing_is_nothing(tmp_path):
    store = make_store(tmp_path, [pair("p", "x", "y")], shards=1)
    pairs, found = read(store)
    assert (pairs.num_rows, len(found.rows), found.prompt.shape) == (0, 0, (0, 1))


def test_a_pair_that_came_after_the_screening_is_in_its_prompts_cluster(tmp_path):
    """Else it would be scored by heads that learned from the other pairs of its prompt."""
    store = make_store(tmp_path, [pair("p", "x", "y"), pair("p", "x", "z"), pair("q", "x", "z")], shards=1)
    with_vectors(store, VECTORS, MODEL)
    screened = next(row for row in texts(store).values() if row["prompt_text"] == "p")
    about = {name: screened[name] for name in ("prompt_id", "comparison_id")}
    parts = []
    commit_rows(store, "clusters", 0, [about | {"prompt_cluster": "near", "pair_cluster": "c"}], parts)
    commit(store, "clusters", parts)
    found = read(store)[0].to_pylist()
    clusters = {(texts(store)[row["comparison_id"]]["prompt_text"], row["prompt_cluster"]) for row in found}
    (alone,) = {row["prompt_id"] for row in found} - {screened["prompt_id"]}
    assert clusters == {("p", "near"), ("q", alone)}
