"""Which prompts hold text of a benchmark: runs of 13 words in common, as GPT-3 was checked (Brown et al. 2020, appendix C).

Where we differ: a run that many different texts of one benchmark share is its boilerplate and no evidence (theirs: found more than
ten times in the training data); benchmark texts of fewer words must be a whole message. The index is numbers alone.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefcurate.transforms.ingest.benchmarks import BenchmarkText
from prefcurate.transforms.screen.responses import Flag
from prefcurate.transforms.screen.shingles import Hashes
from prefcurate.transforms.screen.words import covered, run_hashes, word_hashes, word_spans

MATCHES = 5
"""Rows of benchmarks that one prompt is matched with at most: those of which it holds most."""


@dataclass(frozen=True)
class BenchmarkIndex:
    """Sorted hashes of runs of words with the row each stands in; `items` gives a row's benchmark, line and number of runs."""

    ngram: int
    runs: Hashes
    run_items: NDArray[np.int64]
    wholes: Hashes
    whole_items: NDArray[np.int64]
    items: tuple[tuple[str, int, int], ...]


def build_index(texts: Iterable[BenchmarkText], ngram: int = 13, common: int = 10) -> BenchmarkIndex:
    """The index of benchmark texts, built once and given to every shard.

    Args:
        texts: of all benchmarks.
        ngram: words of a run.
        common: a run that stands in more different texts of one benchmark than this is left out.
    """
    numbers: dict[tuple[str, int], int] = {}
    runs, wholes = [np.empty((0, 3), np.uint64)], [np.empty((0, 2), np.uint64)]
    names: dict[str, int] = {}
    seen: set[tuple[str, bytes]] = set()
    for text in texts:
        name = names.setdefault(text.benchmark, len(names))
        words = word_hashes(text.text)
        # A file of answers holds each prompt once a model: the same text is not what many items share.
        said = (text.benchmark, hashlib.sha256(words.tobytes()).digest())
        if said in seen:
            continue
        seen.add(said)
        item = numbers.setdefault((text.benchmark, text.line), len(numbers))
        if len(words) >= ngram:
            hashes = np.unique(run_hashes(words, ngram))
            about = np.broadcast_to(np.array([item, name], np.uint64), (len(hashes), 2))
            runs.append(np.column_stack([hashes, about]))
        elif len(words):
            wholes.append(np.column_stack([run_hashes(words, len(words)), np.array([item], np.uint64)]))
    kept = _without_boilerplate(np.unique(np.concatenate(runs), axis=0), common)
    whole = np.unique(np.concatenate(wholes), axis=0)
    totals = np.bincount(kept[:, 1].astype(np.int64), minlength=len(numbers)).tolist()
    items = tuple((name, line, totals[item]) for (name, line), item in numbers.items())
    return BenchmarkIndex(
        ngram, kept[:, 0], kept[:, 1].astype(np.int64), whole[:, 0], whole[:, 1].astype(np.int64), items
    )


def _without_boilerplate(runs: Hashes, common: int) -> Hashes:
    """Rows of (run, item, benchmark) whose run stands in at most ``common`` items of its benchmark."""
    _, inverse, counts = np.unique(runs[:, [0, 2]], axis=0, return_inverse=True, return_counts=True)
    return runs[counts[inverse.ravel()] <= common]


def contamination_flags(prompt_text: str, messages: Sequence[str], index: BenchmarkIndex) -> list[Flag]:
    """A flag for each benchmark row that a prompt holds text of: the share of its runs that was found, and where.

    Args:
        prompt_text: the whole prompt; evidence gives character offsets into it.
        messages: the texts of its messages, for benchmark texts too short for a run.
        index: of the benchmarks.
    """
    found = _found_runs(prompt_text, index)
    for item in _found_wholes((prompt_text, *messages), index):
        found.setdefault(item, _Found(np.empty(0, np.int64), 0))
    spans = word_spans(prompt_text) if found else []
    flags = [_flag(item, runs, spans, index) for item, runs in found.items()]
    return sorted(flags, key=lambda flag: (-flag.value, flag.matched_source, flag.matched_id))[:MATCHES]


@dataclass(frozen=True)
class _Found:
    """The word positions at which runs of an item begin in a prompt, and how many different runs they are."""

    starts: NDArray[np.int64]
    different: int


@lru_cache(maxsize=2)
def _words(text: str) -> Hashes:
    """Of a prompt, which is asked for twice."""
    return word_hashes(text)


def _found_runs(text: str, index: BenchmarkIndex) -> dict[int, _Found]:
    hashes = run_hashes(_words(text), index.ngram)
    low = np.searchsorted(index.runs, hashes, "left")
    count = np.searchsorted(index.runs, hashes, "right") - low
    hits = np.flatnonzero(count)
    if not len(hits):
        return {}
    starts = np.repeat(hits, count[hits])
    items = np.concatenate([index.run_items[low[hit] : low[hit] + count[hit]] for hit in hits.tolist()])
    by_item = ((int(item), starts[items == item]) for item in np.unique(items))
    return {item: _Found(own, len(np.unique(hashes[own]))) for item, own in by_item}


def _found_wholes(texts: Iterable[str], index: BenchmarkIndex) -> Iterator[int]:
    if not len(index.wholes):
        return
    for text in texts:
        words = _words(text)
        if 0 < len(words) < index.ngram:
            whole = run_hashes(words, len(words))[0]
            low, high = np.searchsorted(index.wholes, whole, "left"), np.searchsorted(index.wholes, whole, "right")
            yield from index.whole_items[low:high].tolist()


def _flag(item: int, found: _Found, spans: list[tuple[int, int]], index: BenchmarkIndex) -> Flag:
    name, line, total = index.items[item]
    evidence: dict[str, Any] = {"line": line}
    if not found.different:
        return Flag("contamination", 1.0, json.dumps({**evidence, "whole": True}), name, str(line))
    stretches = covered(found.starts, index.ngram)
    evidence |= {"runs": found.different, "of": total}
    evidence["prompt_text"] = [[spans[first][0], spans[last][1]] for first, last in stretches]
    return Flag("contamination", found.different / total, json.dumps(evidence), name, str(line))
