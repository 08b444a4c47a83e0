"""What a response looks like: lists, headings, emphasis, code, tables, JSON, sections, placeholders."""

import json
import re
from typing import NamedTuple

from prefcurate.transforms.measures.text import without_code

_BULLET = re.compile(r"^[ \t]*(?:[-+•‣◦–]|\*(?!\*))[ \t]+\S.*$", re.MULTILINE)
_NUMBERED = re.compile(
    r"^[ \t]*(?:\*\*)?(?:step\s+)?\[?\d{1,3}(?:[.):\]]|\s*[-–:])(?:\*\*)?[ \t]*\S.*$", re.MULTILINE | re.IGNORECASE
)
_MARKDOWN_HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+\S.*$", re.MULTILINE)
_BOLD_LINE = re.compile(r"^[ \t]*(?:[-*•]\s+|\d+[.)]\s+)?\*\*[^*\n]+\*\*:?[ \t]*$", re.MULTILINE)
_NAMED_SECTION = re.compile(
    r"^[ \t]*(?:[#>*_\[{<(-]+[ \t]*)?(?:section|chapter|part|step|act|verse|stanza|phase)(?:\s+(?:\d+|[ivx]+|[a-z])\b|:).*$",
    re.MULTILINE | re.IGNORECASE,
)
_TITLE_LINE = re.compile(
    r"^[ \t]*(?:[A-Z0-9][^\n.!?]{0,70}:|[\[{<(]{1,2}[^\n]{1,70}[\]}>)]{1,2}:?)[ \t]*$", re.MULTILINE
)
_CAPS_LINE = re.compile(r"^[ \t]*[A-Z][A-Z0-9 '&,/()-]{3,70}:?[ \t]*$", re.MULTILINE)
_ROMAN_LINE = re.compile(r"^[ \t]*[IVX]{1,4}[.:)][ \t]+\S.*$", re.MULTILINE)
_BOLD = re.compile(r"\*\*(?=\S)[^*\n]+?(?<=\S)\*\*|__(?=\S)[^_\n]+?(?<=\S)__")
_EMPHASIS = re.compile(r"\*[^\n*]*\*")
_DOUBLE_EMPHASIS = re.compile(r"\*\*[^\n*]*\*\*")
_FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)^[ \t]*\1", re.DOTALL | re.MULTILINE)
_TABLE_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\[.*?\]")
_TITLE = re.compile(r"<<[^\n]+?>>")
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")


def bullets(text: str) -> list[str]:
    """Lines that are bullet points (``-``, ``*``, ``+``, ``•``)."""
    return _BULLET.findall(text)


def numbered_items(text: str) -> list[str]:
    """Lines that are items of a numbered list (``1.``, ``2)``, ``[3]``, ``Step 4:``)."""
    return [match.group() for match in _NUMBERED.finditer(text)]


def headings(text: str) -> list[str]:
    """Lines that head a section: Markdown headings; where there are none, “Section 2:”, bold, capital or title lines.

    Only one style counts, the most frequent of the plain ones, so that a bold line inside a section is not another one.
    """
    markdown = _MARKDOWN_HEADING.findall(text)
    if markdown:
        return _deepest_repeated(markdown)
    styles = (_NAMED_SECTION, _BOLD_LINE, _CAPS_LINE, _ROMAN_LINE, _TITLE_LINE)
    return max(([match.group() for match in style.finditer(text)] for style in styles), key=len)


def _deepest_repeated(lines: list[str]) -> list[str]:
    """Of Markdown headings those of the commonest level: a document title above three sections is no fourth section."""
    levels = [len(line.lstrip()) - len(line.lstrip().lstrip("#")) for line in lines]
    commonest = max(sorted(set(levels)), key=levels.count)
    return [line for line, level in zip(lines, levels, strict=True) if level == commonest]


class Style(NamedTuple):
    """How much a text is formatted, as Chatbot Arena's control for style counts it (Li et al. 2024, "Does style matter?").

    Markdown headings, items of lists, stretches in bold, and blocks of code; the first three outside of code.
    """

    headings: int
    items: int
    bold: int
    code: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self)


def style(text: str) -> Style:
    """The formatting of a text; some microseconds for a thousand characters, since most lines begin with a letter."""
    code = len(code_blocks(text)) if "```" in text or "~~~" in text else 0
    prose = without_code(text) if code else text
    headings = items = 0
    for line in prose.split("\n"):
        begin = line.lstrip(" \t")[:1]
        if begin and begin in _BEGIN_OF_FORMAT:
            headings += begin == "#" and _MARKDOWN_HEADING.match(line) is not None
            items += (_BULLET.match(line) or _NUMBERED.match(line)) is not None
    bold = len(bold_spans(prose)) if "**" in prose or "__" in prose else 0
    return Style(headings, items, bold, code)


_BEGIN_OF_FORMAT = "#-+•‣◦–*[sS0123456789"
"""What the lines that are a heading or an item of a list begin with."""


def bold_spans(text: str) -> list[str]:
    """Stretches in bold (Markdown)."""
    return _BOLD.findall(text)


def highlights(text: str) -> int:
    """Highlighted stretches, ``*so*`` or ``**so**``, counted as IFEval does (arXiv 2311.07911)."""
    single = [span for span in _EMPHASIS.findall(text) if span.strip("*").strip()]
    double = [span for span in _DOUBLE_EMPHASIS.findall(text) if span[2:-2].strip()]
    return len(single) + len(double)


def code_blocks(text: str) -> list[str]:
    """The contents of fenced code blocks."""
    return [body for _, body in _FENCED.findall(text)]


def tables(text: str) -> list[int]:
    """The number of columns of every Markdown table."""
    columns = []
    for match in _TABLE_RULE.finditer(text):
        if "|" in match.group():
            columns.append(len([cell for cell in match.group().strip().strip("|").split("|") if cell.strip()]))
    return columns


def placeholders(text: str) -> int:
    """Stretches in square brackets, as a template has them."""
    return len(_PLACEHOLDER.findall(text))


def titles(text: str) -> list[str]:
    """Titles in double angular brackets that hold something."""
    return [title for title in _TITLE.findall(text) if title.strip("<> \t")]


def emojis(text: str) -> int:
    """Emoji characters."""
    return len(_EMOJI.findall(text))


def is_json(text: str) -> bool:
    """Whether the whole text, without a Markdown fence around it, is JSON."""
    body = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        body = body.removeprefix(fence)
    try:
        json.loads(body.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True
