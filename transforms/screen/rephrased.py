"""Which prompts say what an item of a benchmark says, in other words: by their vectors, and by the numbers that both hold.

Runs of words do not find a benchmark that a model has rephrased (Yang et al. 2023, arXiv:2311.04850, who ask an LLM about the nearest items by
embedding). Here nobody is asked: two texts are the same item when their similarity reaches a threshold, which is lowered where they hold the same
numbers and raised where they do not. A rephrased task keeps its numbers, another task of the same kind has others: of GSM8K's 1,319 items
and their rephrased twins this finds .991 of the twins at .011 of other items of GSM8K, where the similarity alone finds .975 at .018
(`tests/benchmarks/bench_contamination.py`). Both settings were chosen on these twins.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from prefcurate.transforms.embed.matrix import matrix_of
from prefcurate.transforms.ingest.benchmarks import BenchmarkText
from prefcurate.transforms.screen.responses import Flag
from prefcurate.transforms.store.snapshot import Snapshot

ROLE = "benchmark"
"""Of a benchmark's text in the table `embeddings`."""
SWING = 0.15
"""How far the threshold of texts with the same numbers lies below that of texts with none in common."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_WORDS = {
    word: str(value)
    for value, words in {
        **dict(
            enumerate(
                [
                    "zero",
                    "one",
                    "two",
                    "three",
                    "four",
                    "five",
                    "six",
                    "seven",
                    "eight",
                    "nine",
                    "ten",
                    "eleven",
                    "twelve",
                    "thirteen",
                    "fourteen",
                    "fifteen",
                ]
            )
        ),
        16: "sixteen",
        17: "seventeen",
        18: "eighteen",
        19: "nineteen",
        20: "twenty",
        30: "thirty",
        40: "forty",
        50: "fifty",
        60: "sixty",
        70: "seventy",
        80: "eighty",
        90: "ninety",
        100: "hundred",
        1000: "thousand",
    }.items()
    for word in words.split()
} | {"once": "1", "twice": "2", "double": "2", "doubled": "2", "triple": "3", "thrice": "3", "dozen": "12"}


def numbers(text: str) -> frozenset[str]:
    """The numbers of a text, in digits or in English words, without thousands' commas."""
    found = (token.lower() for token in _NUMBER.findall(text))
    return frozenset(
        token.replace(",", "") if token[0].isdigit() else _WORDS[token]
        for token in found
        if token[0].isdigit() or token in _WORDS
    )


def in_common(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of two texts' numbers that both hold; a half, which says nothing, where neither has any."""
    return len(one & other) / len(one | other) if one or other else 0.5


@dataclass(frozen=True)
class RephrasedIndex:
    """The items of all benchmarks that have a vector: rows of `vectors` (of length 1), where each stands, and its numbers."""

    vectors: NDArray[np.float32]
    items: tuple[tuple[str, int], ...]
    numbers: tuple[frozenset[str], ...]


def rephrased_index(texts: Iterable[BenchmarkText], snapshot: Snapshot, fingerprint: str) -> RephrasedIndex:
    """The index of benchmark texts, of those whose vectors the stage embed has made."""
    by_id = {text.id: text for text in texts}
    with snapshot.connect(["embeddings"]) as connection:
        connection.register("wanted", pa.table({"id": pa.array(sorted(by_id), pa.string())}))
        query = (
            "SELECT prompt_id, vector FROM embeddings WHERE role = $role AND fingerprint = $fingerprint "
            "AND prompt_id IN (SELECT id FROM wanted) ORDER BY prompt_id"
        )
        found = connection.sql(query, params={"role": ROLE, "fingerprint": fingerprint}).to_arrow_table()
    told = [by_id[key] for key in found["prompt_id"].to_pylist()]
    vectors = matrix_of(found["vector"])
    return RephrasedIndex(vectors, tuple((t.benchmark, t.line) for t in told), tuple(numbers(t.text) for t in told))


class Rephrased:
    """Looks prompts of one shard up in the index, portion by portion."""

    def __init__(
        self, snapshot: Snapshot, shard: int, fingerprint: str, index: RephrasedIndex, threshold: float
    ) -> None:
        self._snapshot, self._shard, self._fingerprint = snapshot, shard, fingerprint
        self._index, self._threshold = index, threshold

    def flags(self, prompts: Sequence[tuple[str, str]]) -> dict[str, Flag]:
        """The flag of each prompt, by its id, that says what an item says; `prompts` are ids and texts in the order of ids."""
        if not prompts or not len(self._index.vectors):
            return {}
        texts = dict(prompts)
        ids, vectors = self._vectors(prompts[0][0], prompts[-1][0])
        kept = [place for place, key in enumerate(ids) if key in texts]
        similar = vectors[kept] @ self._index.vectors.T if kept else np.empty((0, 0), np.float32)
        # Whatever the numbers say, no more than this is taken off the threshold.
        near = similar.max(axis=1, initial=0.0) >= self._threshold - SWING / 2 if kept else np.empty(0, bool)
        found = {}
        for row in np.flatnonzero(near).tolist():
            key = ids[kept[row]]
            flag = rephrased_flag(texts[key], similar[row], self._index, self._threshold)
            if flag is not None:
                found[key] = flag
        return found

    def _vectors(self, first: str, last: str) -> tuple[list[str], NDArray[np.float32]]:
        with self._snapshot.connect(["embeddings"], self._shard) as connection:
            query = (
                "SELECT prompt_id, vector FROM embeddings WHERE role = 'prompt' AND fingerprint = $fingerprint "
                "AND prompt_id BETWEEN $first AND $last ORDER BY prompt_id"
            )
            params = {"fingerprint": self._fingerprint, "first": first, "last": last}
            found = connection.sql(query, params=params).to_arrow_table()
        return found["prompt_id"].to_pylist(), matrix_of(found["vector"])


def rephrased_flag(
    prompt: str, similarity: NDArray[np.float32], index: RephrasedIndex, threshold: float
) -> Flag | None:
    """The flag of a prompt that says what the most alike item says, or None.

    Args:
        prompt: its text.
        similarity: cosine with each item.
        index: of the items.
        threshold: cosine at which texts without numbers are the same.
    """
    held = numbers(prompt)
    near = np.flatnonzero(similarity >= threshold - SWING / 2).tolist()
    scored = list(_scored(near, held, similarity, index))
    score, item, shared = max(scored, default=(0.0, 0, 0.0), key=lambda one: (one[0], -one[1]))
    # Rounded, since another machine's last bit must decide nothing.
    if not scored or round(score, 4) < threshold:
        return None
    name, line = index.items[item]
    evidence = {
        "line": line,
        "rephrased": True,
        "similarity": round(float(similarity[item]), 4),
        "numbers": round(shared, 4),
    }
    return Flag("contamination", evidence["similarity"], json.dumps(evidence), name, str(line))


def _scored(
    near: Sequence[int], held: frozenset[str], similarity: NDArray[np.float32], index: RephrasedIndex
) -> Iterator[tuple[float, int, float]]:
    """Of near items: similarity moved by the numbers in common, the item, and the share of these."""
    for item in near:
        shared = in_common(held, index.numbers[item])
        yield float(similarity[item]) + SWING * (shared - 0.5), item, shared
