"""Texts as rows of hashed words, and runs of words as hashes: for evidence that a person can look up."""

import re
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from prefcurate.transforms.screen.shingles import Hashes, mixed

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
"""A run of letters and digits; in scripts without spaces (Thai, Chinese, Japanese …) one character."""
_BASE = np.uint64(0x9E3779B97F4A7C15)


@lru_cache(maxsize=1 << 18)
def _word_hash(word: str) -> int:
    return int.from_bytes(blake2b(word.casefold().encode(), digest_size=8).digest(), "little")


def word_hashes(text: str) -> Hashes:
    """A hash of each word of a text, in order; case does not count."""
    return np.fromiter(map(_word_hash, _WORD.findall(text)), np.uint64)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where each word of a text begins and ends, in characters."""
    return [match.span() for match in _WORD.finditer(text)]


def run_hashes(words: Hashes, length: int) -> Hashes:
    """A hash of every run of ``length`` words, in order; none for a shorter text."""
    count = len(words) - length + 1
    if count < 1:
        return np.empty(0, np.uint64)
    hashed = np.zeros(count, np.uint64)
    for offset in range(length):
        hashed = hashed * _BASE + words[offset : offset + count]
    return mixed(hashed + np.uint64(length))


def covered(starts: NDArray[np.int64], length: int) -> list[tuple[int, int]]:
    """Runs of ``length`` words from each start, as merged (first word, last word) stretches."""
    stretches: list[tuple[int, int]] = []
    for start in starts.tolist():
        if stretches and start <= stretches[-1][1] + 1:
            stretches[-1] = (stretches[-1][0], start + length - 1)
        else:
            stretches.append((start, start + length - 1))
    return stretches
