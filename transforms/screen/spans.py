"""What a flag of a response rests on: stretches of its text, by offsets and kind, never the text itself."""

import re
from collections.abc import Iterable, Iterator
from typing import AnyStr, NamedTuple

MOST = 20
"""Stretches of one response that evidence lists; a flag says how many there are."""


class Span(NamedTuple):
    """A stretch of a text in characters, and of which kind it is."""

    start: int
    end: int
    kind: str


def whole(text: str, kind: str) -> list[Span]:
    """All of a text."""
    return [Span(0, len(text), kind)]


def any_in(words: Iterable[AnyStr], text: AnyStr) -> bool:
    """Whether one of some words stands in a text: far quicker than a pattern, and asked before one; long words are quickest."""
    for word in words:  # noqa: SIM110 a generator would take as long as the search
        if word in text:
            return True
    return False


_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


def outside_code(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Those stretches that do not begin in a code block or between backticks, which hold many marks rightly."""
    code = [found.span() for found in _CODE.finditer(text)] if "`" in text else []
    for span in spans:
        if not any(start <= span.start < end for start, end in code):
            yield span
