"""Responses that go round in circles.

Gopher's rules against repetition (Rae et al. 2021, arXiv:2112.11446, table A1) leave out a page when more than 10% of its
characters stand in 10-grams of words that come twice or more (and by growing shares for shorter n-grams, lines and
paragraphs). We differ, since a response is not a page: a repetition counts from the third time on (an answer may quote its
question, and sum up what it said), and half of the characters must stand in it: recipes, contracts, lesson plans and choruses
repeat a fifth of themselves rightly; code and what the prompt asks to be
repeated (or a song) do not count. What is repeated must follow upon itself, or be the same lines: lists whose items begin
alike, and products with long names, were most of what was wrong before. Of 52 real hits that were read 47 go round (`runbooks/flags.md`). Shorter
n-grams, lines and paragraphs need no rule of their own: what loops holds equal 10-grams too, also over the ends of sentences.
"""

import re
from collections import Counter

import numpy as np

from prefcurate.transforms.screen.shingles import Hashes
from prefcurate.transforms.screen.spans import Span, any_in, outside_code
from prefcurate.transforms.screen.words import covered, run_hashes, word_hashes, word_spans

WORDS = 10
TIMES = 3
SHARE = 0.5
ROUND = 0.3
"""The share of a response in which it follows upon itself, or of its lines that are the same: lists whose items begin alike have neither."""
_SHORTEST = 100
_LONGEST = 100_000
"""Characters that are looked at."""
_PROBES = 3
_PROBE = 32
_LINES = re.compile(r"[\n.!?。！？]+")
_EDGES = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_LINE = 12
"""Characters of a line that says something."""
_ASKED = (
    "repeat", " times", "over and over", "song", "lyrics", "chorus", " rap ", "refrain", "poem", "wiederhol", "lied", "gedicht",
    "regex", "regular expression", "répét", "répèt", "chanson", "poème", "repit", "repet", "canción", "poema", "重复", "歌",
)  # fmt: skip


def repetition(text: str, prompt: str) -> list[Span]:
    """The stretches of a response that it says three times or more, where they are half of it."""
    text = text[:_LONGEST]
    if not _may_repeat(text) or any_in(_ASKED, prompt.casefold()):
        return []
    runs = run_hashes(word_hashes(text), WORDS)
    _, which, times = np.unique(runs, return_inverse=True, return_counts=True)
    starts = np.flatnonzero(times[which] >= TIMES)
    if not len(starts):
        return []
    words, stretches = word_spans(text), covered(starts, WORDS)
    found = [Span(words[first][0], words[last][1], "repeated") for first, last in stretches]
    found = list(outside_code(text, found))
    if sum(span.end - span.start for span in found) <= SHARE * len(text):
        return []
    around = (
        words[last][1] - words[first][0] for first, last in stretches if _holds_twice(runs[first : last - WORDS + 2])
    )
    return found if sum(around) >= ROUND * len(text) or _same_lines(text) >= ROUND else []


def _holds_twice(runs: Hashes) -> bool:
    """Whether some run comes back within one stretch: then what is repeated follows upon itself."""
    return len(np.unique(runs)) < len(runs)


def _same_lines(text: str) -> float:
    """The share of a text's lines and sentences, by characters, that come three times or more but for their numbers."""
    lines = [_EDGES.sub("", line).casefold() for line in _LINES.split(text)]
    times = Counter(line for line in lines if len(line) >= _LINE)
    length = sum(len(line) * many for line, many in times.items())
    return sum(len(line) * many for line, many in times.items() if many >= TIMES) / max(length, 1)


def _may_repeat(text: str) -> bool:
    """Whether one of some evenly spaced samples comes three times: a quick look that misses no loop of half a text."""
    room = len(text) - _PROBE
    if room < _SHORTEST - _PROBE:
        return False
    for place in range(room // (2 * _PROBES), room, room // _PROBES):  # noqa: SIM110 quicker than a generator
        if text.count(text[place : place + _PROBE]) >= TIMES:
            return True
    return False
