"""Texts as sets of hashed character shingles, which survive other case, punctuation and spacing.

One kind of shingle for every length and every script: eight characters of normalised text. A prompt of five words still
has a few dozen of them (word 5-grams would leave one), Chinese and Thai need no word breaking, and in long English
texts eight characters are rare enough that unrelated texts share under three in a hundred.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

SHINGLE = 8
"""Characters of a shingle; a text shorter than that is one shingle."""
_BASE = 0x9E3779B97F4A7C15
_STEPS = [(1, np.uint64(_BASE)), (2, np.uint64(pow(_BASE, 2, 1 << 64))), (4, np.uint64(pow(_BASE, 4, 1 << 64)))]


class _WordCharacters(dict[int, int]):
    """What `str.translate` asks: letters and digits stay, all else is a space. Far quicker than a pattern."""

    def __missing__(self, character: int) -> int:
        self[character] = character if chr(character).isalnum() else ord(" ")
        return self[character]


_WORD_CHARACTERS = _WordCharacters()


@dataclass(frozen=True)
class ShingleSets:
    """The shingle hashes of many texts in one array: text i has ``hashes[ends[i]:ends[i + 1]]``, with repeats."""

    hashes: Hashes
    ends: NDArray[np.int64]


def normalised(text: str) -> str:
    """Case-folded words with one space between them: what the shingles are made of."""
    return " ".join(text.casefold().translate(_WORD_CHARACTERS).split())


def shingle_sets(texts: Sequence[str]) -> ShingleSets:
    """The shingle hashes of each text; a text without a letter or digit has none."""
    plain = [normalised(text) for text in texts]
    padded = [text.ljust(SHINGLE, "\0") if text else "" for text in plain]
    lengths = np.array([len(text) for text in padded], np.int64)
    windows = np.maximum(lengths - SHINGLE + 1, 0)
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(windows)])
    sums = np.frombuffer("".join(padded).encode("utf-32-le"), np.uint32).astype(np.uint64)
    # A polynomial of the eight characters by doubling: of two, of four, of eight.
    for step, power in _STEPS:
        sums = sums[:-step] * power + sums[step:]
    starts = np.cumsum(lengths) - lengths
    inside = np.repeat(starts - ends[:-1], windows) + np.arange(ends[-1])
    return ShingleSets(mixed(sums[inside]), ends)


def shingles(text: str) -> Hashes:
    """The distinct shingle hashes of one text, ascending."""
    return np.unique(shingle_sets([text]).hashes)


def mixed(values: Hashes) -> Hashes:
    """Every bit of the result depends on every bit of the value (the finaliser of splitmix64, Steele et al. 2014)."""
    values = values ^ (values >> np.uint64(30))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    values = values ^ (values >> np.uint64(27))
    values = values * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def jaccard(first: Hashes, second: Hashes) -> float:
    """Shared share of two sets of distinct hashes: 1 for equal sets (two empty ones too), 0 for disjoint ones."""
    if not len(first) and not len(second):
        return 1.0
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)
