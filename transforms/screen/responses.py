"""What is wrong with a response by its own text: empty, a refusal, the same as the other, much longer.

Refusals are found by how they begin, in five languages; an answer that declines and then helps after all counts too.
In the 96,000 texts of the development data the patterns found 111, whose beginnings were read one by one: about 106 decline (some
two dozen of them then help), 5 do not ("there are some things I cannot help you with, including …"). That is in-sample: the patterns
were tuned on the same hits, so on other texts expect less than 106 of 111. Those that decline further down or in other words
("I won't give advice") are missed; how many is not known.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from prefcurate.transforms.screen.shingles import normalised


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of one comparison: its value, what it was matched with, and evidence as JSON (ids and offsets, no text)."""

    flag: str
    value: float
    evidence: str
    matched_source: str | None = None
    matched_id: str | None = None


_BEGIN = 200
"""Characters of a response in which a refusal shows."""
_NOT_ABLE = (
    r"(?:can(?:no|')t|can not|won'?t|will not|(?:am|'m) (?:not able|unable) to|(?:am|'m) not (?:comfortable|going to))"
)
_ACT = (
    r"(?:help(?! but\b| feel| think| if\b)|assist|comply|fulfil+|provide|create|write|generate|produce|engage|support|"
    r"answer|respond|do (?:that|this)(?=[.,! ]|$)|participate|discuss|offer|complete|satisfy|continue|condone|encourage)"
)
_REFUSALS = re.compile(
    rf"\bI ?{_NOT_ABLE}(?: be able to)?(?: \w+ly)? {_ACT}\b"
    rf"|\bas an? (?:AI|artificial intelligence|(?:large )?language model)[^.\n]{{0,60}}?\bI ?{_NOT_ABLE}"
    rf"|^\W*(?:I'm|I am|we're) (?:very |really |so )?sorry,? but (?:as an? AI|I ?{_NOT_ABLE}|(?:this|that) goes against)"
    r"|\bgoes against my (?:programming|guidelines|principles|ethic)"
    r"|^\W*(?:es )?tut mir leid[^.\n]{0,40}\bkann (?:ich )?[^.\n]{0,60}nicht"
    r"|^\W*(?:je suis )?désolée?[^.\n]{0,20}\bje ne (?:peux|suis) pas"
    r"|^\W*lo siento[^.\n]{0,20}\bno puedo"
    r"|^\W*(?:很?抱歉|对不起)[^。\n]{0,12}(?:无法|不能|没有办法)",
    re.IGNORECASE,
)

_NEEDED = ("not", "n't", "wont", "unable", "against", "leid", "désol", "siento", "抱歉", "对不起")
"""One of these stands in whatever the pattern finds: looked for first, which is quicker."""


def is_refusal(text: str) -> bool:
    """Whether a response begins as a refusal to answer."""
    beginning = text[:_BEGIN].replace("\u2019", "'").replace("\n\n", " ")
    folded = beginning.casefold()
    return any(word in folded for word in _NEEDED) and _REFUSALS.search(beginning) is not None


def response_flags(response_a: str, response_b: str, length_ratio: float) -> Iterator[Flag]:
    """The flags of a comparison that follow from its two responses alone, one of a kind; evidence names the sides."""
    yield from _sides("empty_response", not response_a.strip(), not response_b.strip())
    yield from _sides("refusal", is_refusal(response_a), is_refusal(response_b))
    if response_a == response_b:
        yield Flag("identical_responses", 1.0, json.dumps({"same": "text"}))
    elif _same_words(response_a, response_b):
        yield Flag("identical_responses", 1.0, json.dumps({"same": "words"}))
    yield from _length(len(response_a), len(response_b), length_ratio)


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


def _length(a: int, b: int, limit: float) -> Iterator[Flag]:
    shorter, longer = sorted((a, b))
    if shorter and longer / shorter >= limit:
        evidence = {"characters": {"a": a, "b": b}, "longer": "a" if a > b else "b"}
        yield Flag("length_ratio", longer / shorter, json.dumps(evidence))
