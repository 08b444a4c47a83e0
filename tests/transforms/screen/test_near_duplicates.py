"""The chain from texts to clusters without Beam, against exact similarities of all pairs, on real texts."""

from itertools import combinations

import numpy as np
import pytest

from prefcurate.transforms.screen.candidates import bucket_pairs, rows_of
from prefcurate.transforms.screen.clusters import clusters
from prefcurate.transforms.screen.compare import compare, decide
from prefcurate.transforms.screen.meeting import met_by
from prefcurate.transforms.screen.shingles import jaccard, shingles

from .real import answers, sketch_of

THRESHOLD = 0.7


def found_pairs(texts):
    """Pairs of texts that the stage's steps find, and how many comparisons they took."""
    sketch = sketch_of([(text, "", "") for text in texts])
    pairs = bucket_pairs(dict(met_by(sketch, 0))["prompt"])
    accepted, near = decide(compare("prompt", pairs, sketch, sketch, THRESHOLD), THRESHOLD)
    exact = [edge for edge in near if _exact(texts, edge) >= THRESHOLD]
    edges = np.concatenate([accepted, np.array(exact, accepted.dtype)]) if exact else accepted
    return {(int(e["first"]), int(e["second"])) for e in edges}, len(pairs), edges


def _exact(texts, edge):
    return jaccard(shingles(texts[int(edge["first"])]), shingles(texts[int(edge["second"])]))


@pytest.fixture(scope="module")
def truth():
    sets = [shingles(text) for text in answers()]
    return {(i, j): jaccard(sets[i], sets[j]) for i, j in combinations(range(len(sets)), 2)}


def test_precision_and_recall_against_all_pairs(truth):
    found, compared, _ = found_pairs(list(answers()))
    true = {pair for pair, value in truth.items() if value >= THRESHOLD}
    assert len(answers()) >= 300
    assert len(true) >= 30, "the sample holds near duplicates to find"
    assert len(found & true) / len(true) >= 0.95
    assert len(found & true) / len(found) >= 0.98
    assert compared < len(truth) / 20


def test_planted_near_duplicates_are_found_and_their_relatives_left_alone():
    base = [text for text in answers() if 400 < len(text) < 1500][:60]
    edited = [text.upper().replace(", ", " - ") for text in base[:20]]
    shortened = [text[: int(len(text) * 0.85)] for text in base[20:40]]
    rewritten = [" ".join(reversed(text.split())) for text in base[40:]]
    found, _, _ = found_pairs([*base, *edited, *shortened, *rewritten])
    for index in range(40):
        assert (index, 60 + index) in found
    assert not any((index, 60 + index) in found for index in range(40, 60))


def test_short_prompts():
    prompts = [
        "What is the capital of France?",
        "what is the capital of france",
        "What is the capital of Bulgaria?",
        "Write a poem about the sea.",
        "Write a poem about the sea!!",
        "Hi",
        "hi.",
        "Ho",
    ]
    found, _, _ = found_pairs(prompts)
    assert found == {(0, 1), (3, 4), (5, 6)}


def test_a_template_chains_a_domain_and_the_cap_cuts_it():
    fillers = [text.replace("\n", " ")[:160] for text in answers() if len(text) > 200]
    template = (
        "You are a careful assistant who answers in full sentences, cites the passages that support each claim and says "
        "so when they do not hold the answer. Read the question twice before you begin, and keep to the language of it. "
        "Answer this: {} — thank you in advance, and remember to stay within two hundred words at all times."
    )
    texts = [template.format(filler[:50]) for filler in fillers[:60]] + [answers()[0]]
    texts += [text.upper() for text in texts[:5]]
    _, _, edges = found_pairs(texts)
    chained = clusters(edges, largest=1000)
    assert np.bincount(rows_of(chained.roots)).max() > 40, "the template does chain them"
    cut = clusters(edges, largest=20)
    assert cut.recut
    assert not cut.giant
    assert np.bincount(rows_of(cut.roots), minlength=1).max() <= 20
    root_of = dict(zip(rows_of(cut.nodes).tolist(), cut.roots.tolist(), strict=True))
    assert all(root_of[number] == root_of[61 + number] for number in range(5)), "the same texts stay together"
