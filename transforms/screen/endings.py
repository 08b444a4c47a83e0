"""Responses that break off: in an open code block, list item or bracket, behind a comma, or at a word that something must follow.

A missing full stop says nothing: people and poems leave it out. So most responses that are cut between other words are missed.
Of 60 real hits that were read 58 break off; `runbooks/flags.md` says where the texts came from.
"""

import re
from collections.abc import Iterator

from prefcurate.transforms.screen.spans import Span

_SHORTEST = 40
"""Characters below which nothing is said: a short answer needs no full stop."""
_TAIL = 400
"""Characters of the end that are looked at, but for code blocks."""
_PROSE = re.compile(r"[A-Z][\w'’]*(?:,? [\w'’`()-]+){7,12}[^{};=]{0,300}[.!?:]")
"""A whole sentence, which is no comment in code."""
_FENCE = re.compile(r"^ {0,3}(```|~~~)", re.MULTILINE)
_LAST = re.compile(r"([^\W\d_]+(?:['’][^\W\d_]+)?)$")
_OPEN_ENDED = frozenset(
    [
        "the",
        "an",
        "and",
        "or",
        "because",
        "than",
        "its",
        "their",
        "our",
        "your",
        "my",
        "every",
        "of",
        "if",
        "into",
        "whose",
        "whom",
        "although",
        "unless",
        "via",
        "it's",
        "i'm",
        "we're",
        "they're",
        "you're",
        "there's",
        "i've",
        "we've",
        "you've",
        "they've",
        "und",
        "oder",
        "eine",
        "einer",
        "einen",
        "einem",
        "eines",
        "weil",
        "für",
        "vom",
        "zum",
        "zur",
        "dass",
        "les",
        "des",
        "du",
        "une",
        "aux",
        "avec",
        "dans",
        "parce",
        "puis",
        "los",
        "las",
        "una",
        "unos",
        "del",
        "porque",
    ]
)
"""Words after which something must come, none of which is the end of a sentence in another of these languages."""
_ITEM = re.compile(r"\n[ \t]*(?:\d{1,3}[.)]|[-*•])[ \t]*(?:\*\*)?\Z")
_ITEM_BEFORE = re.compile(r"^[ \t]*(?:\d{1,3}[.)]|[-*•])[ \t]+\S", re.MULTILINE)
_ITEM_ENDS = ".)-*•"
_ITEM_LENGTH = 20
_WORD_LENGTH = 30
_BRACKET = re.compile(r"(?<!\S)\((?=\w)[^()]{0,200}\Z")
_CLOSED = frozenset(".!?…。！？:;\"'”’»)]}*_`>|~-")


_SPACE = r"[\s\x0b\x1c-\x1f\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"
_WORDS = "|".join(sorted(_OPEN_ENDED)).replace("'", "['’]")
SIGN = rf"(?m:^ {{0,3}}(?:```|~~~))|(?:\n[ \t]*(?:[0-9]{{1,3}}[.)]|[-*•])[ \t]*(?:\*\*)?|\([^()]*|[,，、]|{_WORDS}){_SPACE}*\z"
"""Stands in every text that breaks off (RE2)."""


def cut_off(text: str, prompt: str) -> list[Span]:
    """How a response breaks off, if it does: the stretch that is left open. At most one."""
    end = len(text.rstrip())
    if end < _SHORTEST:
        return []
    found = _open_fence(text, end)
    if found is None:
        first = max(0, end - _TAIL)
        found = next(_of_tail(text[first:end], first, text), None)
    return [found] if found else []


def _open_fence(text: str, end: int) -> Span | None:
    begun: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if begun is None:
            begun = fence
        elif fence.group(1) == begun.group(1):
            begun = None
    # A block that is opened by the very last line is a stray mark behind a block whose beginning was left out.
    if begun is None or not (block := text[begun.end() : end].partition("\n")[2].strip()):
        return None
    # Marks that close it stand behind the last line of code, or were forgotten before the last words of the answer.
    if block.endswith(begun.group(1)) or _PROSE.fullmatch(block.rpartition("\n")[2]):
        return None
    return Span(begun.start(), end, "code")


def _of_tail(tail: str, first: int, text: str) -> Iterator[Span]:
    end = first + len(tail)
    if tail[-1] in _ITEM_ENDS:
        item = _ITEM.search(tail, max(0, len(tail) - _ITEM_LENGTH))
        if item is not None and _ITEM_BEFORE.search(text, 0, first + item.start()):
            yield Span(first + item.start() + 1, end, "item")
    if tail[-1] in _CLOSED:
        return
    bracket = tail.rfind("(")
    if bracket > tail.rfind(")") and _BRACKET.match(tail, bracket):
        yield Span(first + bracket, end, "bracket")
    if tail[-1] in ",，、":
        yield Span(end - 1, end, "sentence")
    last = _LAST.search(tail, max(0, len(tail) - _WORD_LENGTH))
    if last is not None and last.group(1).replace("’", "'") in _OPEN_ENDED:
        yield Span(first + last.start(), end, "sentence")
