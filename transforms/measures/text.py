"""Words, sentences, paragraphs and numbers of a text in any language, with no model and no word list to download."""

import re
from typing import Literal

_WORD = re.compile(r"\w+(?:['’]\w+)*", re.UNICODE)
# Scripts without spaces: a character counts as a word.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]")
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*_]*(?=\s)|(?<=[。！？।])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|e\.g|i\.e|cf|approx|no|fig|vol|inc|ltd|co|dept|est|u\.s|u\.k|a\.m|p\.m)|\b[A-Z])\.$",
    re.IGNORECASE,
)
_MARKER = re.compile(r"^\s*(?:[-*+•]|\d+[.)]|[A-Za-z][.)]|#{1,6})\s+")
_DIVIDER = re.compile(r"^\s*(?:(?:\*\s?){3,}|(?:-\s?){3,}|(?:_\s?){3,}|={3,})\s*$")
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?(?:^\1|\Z)", re.DOTALL | re.MULTILINE)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")

_STOP_WORDS = """
a about above after again all also am an and any are as at be because been before being below between both but by
can could did do does doing down during each few for from further had has have having he her here hers him his how
i if in into is it its just let me more most my no nor not of off on once only or other our out over own please
same she should so some such tell than that the their them then there these they this those through to too under
until up us very was we were what when where which while who whom why will with would write you your
"""
STOP_WORDS: frozenset[str] = frozenset(_STOP_WORDS.split())
"""English function words and words of asking. Other languages keep all their words: a bias that both responses share."""

CLEARLY_LONGER = 1.1
"""So many times as long as the other a response is at least that is clearly longer."""


def words(text: str) -> list[str]:
    """Words as a person counts them (“don't” is one); in scripts without spaces every character is one."""
    spaced: list[str] = _WORD.findall(text)
    if _UNSPACED.search(text) is None:
        return spaced
    found: list[str] = []
    for word in spaced:
        found.extend(_UNSPACED.findall(word) or [word])
    return found


def sentences(text: str) -> list[str]:
    """Sentences: ended by punctuation or by the line. Headings, dividers and code are none; list items are.

    A line counts when it has at least one word after its list marker; abbreviations and initials do not end a sentence.
    """
    found: list[str] = []
    for line in _prose(text).splitlines():
        if line.lstrip().startswith("#") or _DIVIDER.match(line):
            continue
        found.extend(_line_sentences(_MARKER.sub("", line)))
    return found


def _line_sentences(line: str) -> list[str]:
    found: list[str] = []
    pending = ""
    for piece in _END.split(line):
        pending += piece
        if _ABBREVIATION.search(pending.rstrip()) and piece.rstrip().endswith("."):
            continue
        if _WORD.search(pending):
            found.append(pending.strip())
        pending = ""
    if _WORD.search(pending):
        found.append(pending.strip())
    return found


def paragraphs(text: str) -> list[str]:
    """Blocks between blank lines; code, dividers and headings alone are none.

    List items belong to the block that introduces them with a colon; other numbered blocks are paragraphs of their own.
    """
    blocks = [block.strip() for block in re.split(r"\n\s*\n", _prose(text).strip())]
    found: list[str] = []
    introduced = False
    for block, following in zip(blocks, [*blocks[1:], ""], strict=True):
        if not block or _DIVIDER.match(block) or _heading_alone(block, following):
            continue
        introduced = bool(_MARKER.match(block)) and (introduced or (bool(found) and found[-1].endswith(":")))
        if not introduced:
            found.append(block)
    return found


def _heading_alone(block: str, following: str) -> bool:
    if "\n" in block:
        return False
    if block.startswith("#") or re.fullmatch(r"(\*\*|__)[^\n]+\1:?|<<[^\n]+>>", block):
        return True
    return len(block) <= 60 and block.endswith(":") and not _MARKER.match(following)


def without_code(text: str) -> str:
    """The text without fenced code blocks."""
    return _FENCE.sub("", text)


def _prose(text: str) -> str:
    """Without code, unless everything stands in a fence."""
    return without_code(text) if without_code(text).strip() else text


def content_words(text: str) -> set[str]:
    """Lower-case words that carry meaning: no English function words, no single Latin letters."""
    lowered = (word.lower() for word in words(text))
    return {w for w in lowered if w not in STOP_WORDS and (len(w) > 1 or _UNSPACED.match(w)) and not w.isdigit()}


def numbers(text: str) -> set[str]:
    """Numbers as written, thousands separators and trailing zeros of decimals left out: “1,000.50” is “1000.5”."""
    return {_plain_number(match.group()) for match in _NUMBER.finditer(text)}


def _plain_number(number: str) -> str:
    number = re.sub(r",(?=\d{3}\b)", "", number).replace(",", ".")
    return number.rstrip("0").rstrip(".") if "." in number else number


def longer(a: int, b: int) -> Literal["a", "b"] | None:
    """Which of two responses of so many characters is clearly longer; None where neither is."""
    return "a" if a > CLEARLY_LONGER * b else "b" if b > CLEARLY_LONGER * a else None
