"""Candidates compared: by signature first, by their shingles where the estimate is too near the threshold to tell."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from prefcurate.transforms.screen.candidates import NodePairs, rows_of
from prefcurate.transforms.screen.clusters import EDGE, SURE, Edges, edges_of
from prefcurate.transforms.screen.minhash import Signatures, similarity
from prefcurate.transforms.screen.shingles import Hashes, jaccard, mixed
from prefcurate.transforms.screen.sketch import Sketch

MARGIN = 0.08
"""Two standard errors of an estimate: nearer to the threshold than this, shingles decide."""
EXACT_LIMIT = 2000
"""Pairs of two shards whose shingles are looked at; beyond it (a corpus of templates) their estimates stand."""
CLEAR = 0.1
"""How much better one way of matching the responses must be before labels of two comparisons can contradict."""
_CHUNK = 20_000


def compare(kind: str, pairs: NodePairs, first: Sketch, second: Sketch) -> Edges:
    """The estimated similarity of each pair, whose nodes lie in two sketches (or one).

    Comparisons are as similar as the least similar of their prompts and matched responses.
    """
    if kind == "conversation":
        return edges_of(pairs, np.full(len(pairs), SURE))
    compared = _prompts if kind == "prompt" else _comparisons
    chunks = (pairs[start : start + _CHUNK] for start in range(0, len(pairs), _CHUNK))
    return np.concatenate([np.zeros(0, EDGE), *(compared(chunk, first, second) for chunk in chunks)])


def _prompts(pairs: NodePairs, first: Sketch, second: Sketch) -> Edges:
    return edges_of(pairs, similarity(first.prompts[rows_of(pairs[:, 0])], second.prompts[rows_of(pairs[:, 1])]))


def _comparisons(pairs: NodePairs, first: Sketch, second: Sketch) -> Edges:
    one, other = rows_of(pairs[:, 0]), rows_of(pairs[:, 1])

    def like(x: Signatures, y: Signatures) -> NDArray[np.float64]:
        return similarity(x[one], y[other])

    prompts = similarity(first.prompts[first.prompt_rows[one]], second.prompts[second.prompt_rows[other]])
    straight = np.minimum(like(first.responses_a, second.responses_a), like(first.responses_b, second.responses_b))
    crossed = np.minimum(like(first.responses_a, second.responses_b), like(first.responses_b, second.responses_a))
    edges = edges_of(pairs, np.minimum(prompts, np.maximum(straight, crossed)))
    edges["swapped"] = crossed > straight
    product = first.leanings[one].astype(np.int64) * second.leanings[other]
    disagree = np.where(edges["swapped"], product > 0, product < 0)
    edges["opposed"] = disagree & (np.abs(straight - crossed) >= CLEAR)
    return edges


def decide(edges: Edges, threshold: float) -> tuple[Edges, Edges]:
    """Edges that are accepted by their estimate, and those whose shingles must be looked at; the rest is dropped."""
    near = np.abs(edges["similarity"] - threshold) < MARGIN
    places = np.flatnonzero(near)
    if len(places) > EXACT_LIMIT:
        keys = mixed(edges["first"][places] * np.uint64(3) + edges["second"][places])
        near[places[np.argsort(keys, kind="stable")[EXACT_LIMIT:]]] = False
    accepted = ~near & (edges["similarity"] >= threshold)
    return edges[accepted], edges[near]


def exact_similarity(first: Sequence[Hashes], second: Sequence[Hashes], swapped: bool) -> float:
    """The Jaccard similarity of two nodes by their shingles: of a prompt alone, or of prompt, a and b."""
    order = (0, 2, 1) if swapped else (0, 1, 2)
    return min(jaccard(one, second[order[place]]) for place, one in enumerate(first))


def exact_edge(edge: bytes, first: Sequence[bytes], second: Sequence[bytes], threshold: float) -> Iterator[bytes]:
    """The edge with its exact similarity, when it reaches the threshold."""
    found = np.frombuffer(edge, EDGE).copy()
    sets = [[np.frombuffer(text, np.uint64) for text in node] for node in (first, second)]
    found["similarity"] = exact_similarity(sets[0], sets[1], bool(found["swapped"][0]))
    if found["similarity"][0] >= threshold:
        yield found.tobytes()
