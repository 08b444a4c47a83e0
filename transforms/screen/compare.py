"""Candidates compared: by signature first, by their shingles where the estimate is too near the threshold to tell."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from prefcurate.transforms.screen.candidates import NodePairs, rows_of
from prefcurate.transforms.screen.clusters import EDGE, SURE, Edges, edges_of
from prefcurate.transforms.screen.minhash import Signatures, similarity
from prefcurate.transforms.screen.shingles import Hashes, jaccard, mixed
from prefcurate.transforms.screen.sketch import Sketch

MARGIN = 0.1
"""Two and a half standard errors of an estimate: nearer to the threshold than this, shingles decide."""
EXACT_LIMIT = 2000
"""Pairs of two shards whose shingles are looked at; beyond it (a corpus of templates) their estimates stand."""
CLEAR = 0.1
"""How much better one way of matching the responses must be before labels of two comparisons can contradict."""
NOT_THE_SAME = 0.999
"""The most that is estimated of texts that differ: of those that share all but one in a thousand shingles most signatures agree."""
_CHUNK = 20_000
Texts = tuple[Signatures, Hashes]
"""Signatures of texts and hashes of them as wholes."""
Rows = NDArray[np.int64]


def compare(kind: str, pairs: NodePairs, first: Sketch, second: Sketch, threshold: float) -> Edges:
    """The estimated similarity of each pair, whose nodes lie in two sketches (or one).

    Comparisons are as similar as the least similar of their prompts and matched responses. Responses to prompts that are similar from
    ``threshold`` on count for nothing: that like prompts have like responses is told of the comparisons.
    """
    if kind == "conversation":
        return edges_of(pairs, np.full(len(pairs), SURE))
    chunks = (pairs[start : start + _CHUNK] for start in range(0, len(pairs), _CHUNK))
    if kind == "response":
        found = [_responses(chunk, first, second, threshold) for chunk in chunks]
    else:
        found = [(_prompts if kind == "prompt" else _comparisons)(chunk, first, second) for chunk in chunks]
    return np.concatenate([np.zeros(0, EDGE), *found])


def _alike(first: Texts, one: Rows, second: Texts, other: Rows) -> NDArray[np.float64]:
    """Estimates, of which only texts with the same shingles have a 1: others whose signatures agree may still differ."""
    estimated = similarity(first[0][one], second[0][other])
    return np.where(first[1][one] == second[1][other], 1.0, np.minimum(estimated, NOT_THE_SAME))


def _prompts(pairs: NodePairs, first: Sketch, second: Sketch) -> Edges:
    one, other = (rows_of(pairs[:, side]) for side in (0, 1))
    return edges_of(pairs, _alike(_of_prompts(first), one, _of_prompts(second), other))


def _responses(pairs: NodePairs, first: Sketch, second: Sketch, threshold: float) -> Edges:
    one, other = (rows_of(pairs[:, side]) for side in (0, 1))
    found = _alike(_of_responses(first), one, _of_responses(second), other)
    prompts = (sketch.prompt_rows[sketch.places[rows] >> 1] for sketch, rows in ((first, one), (second, other)))
    asked, again = prompts
    found[_alike(_of_prompts(first), asked, _of_prompts(second), again) >= threshold] = 0
    return edges_of(pairs, found)


def _comparisons(pairs: NodePairs, first: Sketch, second: Sketch) -> Edges:
    one, other = (rows_of(pairs[:, side]) for side in (0, 1))

    def like(x: Rows, y: Rows) -> NDArray[np.float64]:
        return _alike(_of_responses(first), x[one], _of_responses(second), y[other])

    prompts = _alike(_of_prompts(first), first.prompt_rows[one], _of_prompts(second), second.prompt_rows[other])
    straight = np.minimum(like(first.a_rows, second.a_rows), like(first.b_rows, second.b_rows))
    crossed = np.minimum(like(first.a_rows, second.b_rows), like(first.b_rows, second.a_rows))
    edges = edges_of(pairs, np.minimum(prompts, np.maximum(straight, crossed)))
    edges["swapped"] = crossed > straight
    product = first.leanings[one].astype(np.int64) * second.leanings[other]
    disagree = np.where(edges["swapped"], product > 0, product < 0)
    edges["opposed"] = disagree & (np.abs(straight - crossed) >= CLEAR)
    return edges


def _of_prompts(sketch: Sketch) -> Texts:
    return sketch.prompts, sketch.prompt_sums


def _of_responses(sketch: Sketch) -> Texts:
    return sketch.responses, sketch.response_sums


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
    """The Jaccard similarity of two nodes by their shingles: of a prompt or response alone, or of prompt, a and b."""
    order = (0, 2, 1) if swapped else (0, 1, 2)
    return min(jaccard(one, second[order[place]]) for place, one in enumerate(first))


def exact_edge(edge: bytes, first: Sequence[bytes], second: Sequence[bytes], threshold: float) -> Iterator[bytes]:
    """The edge with its exact similarity, when it reaches the threshold."""
    found = np.frombuffer(edge, EDGE).copy()
    sets = [[np.frombuffer(text, np.uint64) for text in node] for node in (first, second)]
    found["similarity"] = exact_similarity(sets[0], sets[1], bool(found["swapped"][0]))
    if found["similarity"][0] >= threshold:
        yield found.tobytes()
