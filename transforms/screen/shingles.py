"""Texts as sets of hashed character shingles, which survive other case, punctuation and spacing.

One kind of shingle for every length and every script: eight characters of normalised text. A prompt of five words still
has a few dozen of them (word 5-grams would leave one), Chinese and Thai need no word breaking, and in long English
texts eight characters are rare enough that unrelated texts share under three in a hundred.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

SHINGLE = 8
"""Characters of a shingle; a text shorter than that is one shingle."""
_BATCH = 1 << 16
"""Characters that are looked at together: their arrays fit a processor's cache, which halves the time."""
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
    found = [_shingles_of(batch) for batch in _batches(texts)]
    windows = np.concatenate([np.zeros(1, np.int64), *(counts for _, counts in found)])
    return ShingleSets(np.concatenate([np.empty(0, np.uint64), *(hashes for hashes, _ in found)]), np.cumsum(windows))


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start, size = 0, 0
    for place, text in enumerate(texts):
        if size and size + len(text) > _BATCH:
            yield texts[start:place]
            start, size = place, 0
        size += len(text)
    if start < len(texts):
        yield texts[start:]


def _shingles_of(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """The hashes of some texts, and how many each has."""
    characters, starts, lengths = _normalised(texts)
    windows = np.where(lengths < SHINGLE, np.minimum(lengths, 1), lengths - SHINGLE + 1)
    begins = np.cumsum(windows) - windows
    # A polynomial of the eight characters by doubling: of two, of four, of eight.
    sums = np.concatenate([characters, np.zeros(SHINGLE, np.uint64)])
    for step, power in _STEPS:
        sums = sums[:-step] * power + sums[step:]
    inside = np.repeat(starts - begins, windows) + np.arange(windows.sum())
    found = sums[inside]
    short = (lengths > 0) & (lengths < SHINGLE)
    found[begins[short]] = _padded(characters, starts[short], lengths[short])
    return mixed(found), windows


def _normalised(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64], NDArray[np.int64]]:
    """The code points of `normalised` texts in one array, and where each begins and how long it is; all texts at once."""
    folded = [text.casefold() for text in texts]
    joined = " ".join([*folded, ""]).encode("utf-32-le", "surrogatepass")
    given = np.frombuffer(joined, np.uint32)
    word = _word_characters()[given]
    # The first of some characters that are no words is the space that words end with: every text but an empty one has one at its end.
    kept = word.copy()
    kept[1:] |= word[:-1]
    ends = np.cumsum(np.fromiter(map(len, folded), np.int64, len(folded)) + 1)
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)[ends - 1]])
    characters = np.where(word, given, np.uint32(ord(" ")))[kept].astype(np.uint64)
    return characters, before[:-1], np.maximum(np.diff(before) - 1, 0)


def _padded(characters: Hashes, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Hashes:
    """The polynomial of texts shorter than a shingle, as if zeros followed."""
    found = np.zeros(len(starts), np.uint64)
    for place in range(SHINGLE - 1):
        here = lengths > place
        found[here] += characters[starts[here] + place] * np.uint64(pow(_BASE, SHINGLE - 1 - place, 1 << 64))
    return found


@cache
def _word_characters() -> NDArray[np.bool_]:
    """By code point, whether it is a letter or a digit."""
    return np.fromiter(map(str.isalnum, map(chr, range(sys.maxunicode + 1))), np.bool_, sys.maxunicode + 1)


def whole_hashes(sets: ShingleSets) -> Hashes:
    """A hash of each text as a whole: equal where all shingles are, so where texts are the same but for case and punctuation."""
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(sets.hashes, dtype=np.uint64)])
    found: Hashes = sums[sets.ends[1:]] - sums[sets.ends[:-1]]
    return found


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
