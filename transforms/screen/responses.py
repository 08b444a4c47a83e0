"""What is wrong with a response by its own text, as flags of the comparison: the plain functions stand in a file each.

All but an empty and an identical response only inform: what becomes of a pair is not decided here. How right each kind was where
its hits were read by hand stands in `runbooks/flags.md`.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from prefcurate.transforms.measures.personal import SIGN as SIGN_OF_PERSONAL
from prefcurate.transforms.measures.personal import personal_data
from prefcurate.transforms.screen import endings, judges, markup, placeholders, refusals, selves
from prefcurate.transforms.screen.languages import wrong_languages
from prefcurate.transforms.screen.loops import repetition
from prefcurate.transforms.screen.options import ScreenOptions
from prefcurate.transforms.screen.shingles import normalised
from prefcurate.transforms.screen.sieve import column, worth
from prefcurate.transforms.screen.spans import MOST, Span

_WORD = re.compile(r"[^\W_]+(?=[^\w])")
"""A word that is not cut off."""
_BEGIN = 40
"""Characters in which nearly all texts differ."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of one comparison: its value, what it was matched with, and evidence as JSON (ids and offsets, no text)."""

    flag: str
    value: float
    evidence: str
    matched_source: str | None = None
    matched_id: str | None = None


class Texts(NamedTuple):
    """What the flags of a comparison are found in."""

    prompt: str
    """All of it."""
    question: str
    """Its last message."""
    a: str
    b: str


Find = Callable[[str, str], list[Span]]
"""Finds in a response to a prompt the stretches that a flag rests on."""


@dataclass(frozen=True, slots=True)
class Finder:
    """A flag of a response, and what finds it."""

    flag: str
    find: Find
    sign: str = ""
    """Stands in every response in which something is found (RE2); an empty one stands in all."""
    short: Find | None = None
    """What is found in short responses, before the other is asked."""
    up_to: int = 0
    """Characters of a short response."""

    def of(self, text: str, prompt: str, signed: bool) -> list[Span]:
        """What is found in a response, which may hold the sign."""
        if self.short is not None and len(text) <= self.up_to and (found := self.short(text, prompt)):
            return found
        return self.find(text, prompt) if signed else []


FINDERS = (
    Finder(
        "placeholder", placeholders.templates, placeholders.SIGN, placeholders.whole_placeholder, placeholders.LONGEST
    ),
    Finder("cut_off", endings.cut_off, endings.SIGN),
    Finder("repetition", repetition),
    Finder("leaked_markup", markup.leaked_markup, markup.SIGN),
    Finder("as_a_model", selves.as_a_model, selves.SIGN),
    Finder("judge_hacking", judges.instructions, judges.SIGN, judges.empty_words, judges.LONGEST),
)


def response_flags(prompt: str, question: str, a: str, b: str, options: ScreenOptions) -> list[Flag]:
    """The flags of one comparison; see `flags_of_texts`."""
    return next(flags_of_texts([Texts(prompt, question, a, b)], options))


def flags_of_texts(comparisons: Sequence[Texts], options: ScreenOptions) -> Iterator[list[Flag]]:
    """The flags of each comparison that follow from its texts alone, one of a kind; evidence names the sides.

    Args:
        comparisons: some megabytes of them, since they are looked through together.
        options: thresholds, and the flags that are not wanted.
    """
    if not comparisons:
        return
    look = _Look(comparisons)
    for row, texts in enumerate(comparisons):
        yield [flag for flag in _flags(row, texts, look, options) if flag.flag not in options.without]


class _Look:
    """In which texts of some comparisons it is worth to look for what: by row, for the sides that a flag is about."""

    def __init__(self, comparisons: Sequence[Texts]) -> None:
        rows = len(comparisons)
        prompts, _, a, b = zip(*comparisons, strict=True)
        responses = column([*a, *b])
        beginnings = column([text[: refusals.BEGIN] for text in (*a, *b)])
        self.refused = _sided(worth(beginnings, refusals.SIGN), rows)
        self.personal = _sided(worth(column([*prompts, *a, *b]), SIGN_OF_PERSONAL), rows)
        self.found = [_sided(worth(responses, finder.sign), rows) for finder in FINDERS]


def _sided(found: Sequence[bool], rows: int) -> list[Sequence[bool]]:
    return [found[start : start + rows] for start in range(0, len(found), rows)]


def _flags(row: int, texts: Texts, look: _Look, options: ScreenOptions) -> Iterator[Flag]:
    prompt, question, a, b = texts
    yield from _sides("empty_response", not a.strip(), not b.strip())
    refused = [signed[row] and refusals.is_refusal(text) for text, signed in zip((a, b), look.refused, strict=True)]
    if any(refused):
        yield from _sides("refusal", *refused)
        if refusals.shows_no_harm(prompt):
            yield from _sides("harmless_refused", *refused)
    yield from _same(a, b, options.truncated_at)
    yield from _length(len(a), len(b), options.length_ratio)
    for finder, (in_a, in_b) in zip(FINDERS, look.found, strict=True):
        first, second = finder.of(a, prompt, in_a[row]), finder.of(b, prompt, in_b[row])
        if first or second:
            yield _stretches(finder.flag, a=first, b=second)
    first, second = wrong_languages(question, a, b)
    if first or second:
        yield _stretches("wrong_language", a=first, b=second)
    sides = zip(("prompt", "a", "b"), (prompt, a, b), look.personal, strict=True)
    personal = {side: found for side, text, signed in sides if signed[row] and (found := personal_data(text))}
    if personal:
        yield _stretches("personal_data", **personal)


def _same(a: str, b: str, truncated_at: int) -> Iterator[Flag]:
    if a == b:
        yield Flag("identical_responses", 1.0, json.dumps({"same": "text"}))
    elif _same_words(a, b):
        yield Flag("identical_responses", 1.0, json.dumps({"same": "words"}))
    elif a[:1] == b[:1] and a[:truncated_at] == b[:truncated_at]:
        yield Flag("same_beginning", 1.0, json.dumps({"characters": truncated_at}))


def _same_words(a: str, b: str) -> bool:
    # Nearly all differ in the first word already; the last character of a beginning may be cut off from its word.
    begin, other_begin = a[:_BEGIN], b[:_BEGIN]
    if begin.isascii() and other_begin.isascii():
        first, second = _WORD.search(begin), _WORD.search(other_begin)
        if first and second and first.group().casefold() != second.group().casefold():
            return False
    one, other = normalised(begin), normalised(other_begin)
    sure = min(len(one), len(other)) - 1
    if sure > 0 and one[:sure] != other[:sure]:
        return False
    return normalised(a) == normalised(b) != ""


def _sides(flag: str, a: bool, b: bool) -> Iterator[Flag]:
    sides = [side for side, found in (("a", a), ("b", b)) if found]
    if sides:
        yield Flag(flag, float(len(sides)), json.dumps({"sides": sides}))


def _stretches(flag: str, **found: Sequence[tuple[int, int, str]]) -> Flag:
    """A flag with stretches of the prompt or the responses; its value is how many of these have some."""
    sides = {side: spans for side, spans in found.items() if spans}
    told: dict[str, Any] = {"sides": list(sides), "spans": {side: spans[:MOST] for side, spans in sides.items()}}
    return Flag(flag, float(len(sides)), json.dumps(told, ensure_ascii=False))


def _length(a: int, b: int, limit: float) -> Iterator[Flag]:
    shorter, longer = sorted((a, b))
    if shorter and longer / shorter >= limit:
        evidence = {"characters": {"a": a, "b": b}, "longer": "a" if a > b else "b"}
        yield Flag("length_ratio", longer / shorter, json.dumps(evidence))
