"""What is wrong with a response by its own text, as flags of the comparison: the plain functions stand in a file each.

All but an empty and an identical response only inform: what becomes of a pair is not decided here. How right each kind was where
its hits were read by hand stands in the file of the kind.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prefcurate.transforms.measures.personal import personal_data
from prefcurate.transforms.screen.endings import cut_off
from prefcurate.transforms.screen.judges import judge_hacking
from prefcurate.transforms.screen.languages import wrong_languages
from prefcurate.transforms.screen.loops import repetition
from prefcurate.transforms.screen.markup import leaked_markup
from prefcurate.transforms.screen.options import ScreenOptions
from prefcurate.transforms.screen.placeholders import placeholders
from prefcurate.transforms.screen.refusals import is_refusal, shows_no_harm
from prefcurate.transforms.screen.selves import as_a_model
from prefcurate.transforms.screen.shingles import normalised
from prefcurate.transforms.screen.spans import MOST, Span

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


def response_flags(prompt: str, question: str, a: str, b: str, options: ScreenOptions) -> Iterator[Flag]:
    """The flags of a comparison that follow from its texts alone, one of a kind; evidence names the sides.

    Args:
        prompt: all of it.
        question: its last message.
        a: a response.
        b: the other.
        options: thresholds.
    """
    yield from _sides("empty_response", not a.strip(), not b.strip())
    refused = is_refusal(a), is_refusal(b)
    yield from _sides("refusal", *refused)
    if any(refused) and shows_no_harm(prompt):
        yield from _sides("harmless_refused", *refused)
    yield from _same(a, b, options.truncated_at)
    yield from _length(len(a), len(b), options.length_ratio)
    for flag, find in _FOUND_IN_RESPONSES:
        first, second = find(a, prompt), find(b, prompt)
        if first or second:
            yield _stretches(flag, a=first, b=second)
    first, second = wrong_languages(question, a, b)
    if first or second:
        yield _stretches("wrong_language", a=first, b=second)
    texts = {"prompt": prompt, "a": a, "b": b}
    personal = {side: found for side, text in texts.items() if (found := personal_data(text))}
    if personal:
        yield _stretches("personal_data", **personal)


_FOUND_IN_RESPONSES: tuple[tuple[str, Callable[[str, str], list[Span]]], ...] = (
    ("placeholder", placeholders),
    ("cut_off", cut_off),
    ("repetition", repetition),
    ("leaked_markup", leaked_markup),
    ("as_a_model", as_a_model),
    ("judge_hacking", judge_hacking),
)
"""Flags, and what finds in a response to a prompt the stretches that they rest on."""


def _same(a: str, b: str, truncated_at: int) -> Iterator[Flag]:
    if a == b:
        yield Flag("identical_responses", 1.0, json.dumps({"same": "text"}))
    elif _same_words(a, b):
        yield Flag("identical_responses", 1.0, json.dumps({"same": "words"}))
    elif a[:truncated_at] == b[:truncated_at]:
        yield Flag("same_beginning", 1.0, json.dumps({"characters": truncated_at}))


def _same_words(a: str, b: str) -> bool:
    # Nearly all differ at the beginning; the last character of a beginning may be cut off from its word.
    one, other = normalised(a[:_BEGIN]), normalised(b[:_BEGIN])
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
