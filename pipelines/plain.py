"""Text of strangers on a terminal: wrapped, clipped, and unable to move the cursor or turn letters around."""

import textwrap
import unicodedata

WIDTH = 100
_JOINERS = "\u200c\u200d"
"""Invisible too, but scripts and emoji need them and they cannot reorder anything."""


def neutral(text: str) -> str:
    """Text in which escape sequences, control characters and direction marks are spelled out instead of obeyed.

    Line ends stay; a tab becomes spaces.
    """
    return "".join(_spelled(character) for character in text.expandtabs(4))


def clip(text: str, length: int) -> str:
    """The beginning of a text, and how much follows."""
    rest = len(text) - length
    return text if rest <= 0 else f"{text[:length].rstrip()} … ({rest:,} more characters)"


def line(text: str, length: int = 80) -> str:
    """A text on one line, neutral and clipped."""
    words = " ".join(neutral(text[: 8 * length]).split())
    return words if len(words) <= length else f"{words[: length - 1].rstrip()}…"


def wrapped(text: str, indent: int = 2) -> str:
    """A text wrapped line by line and indented, its own line ends kept."""
    pad = " " * indent
    lines = (textwrap.wrap(part, WIDTH - indent, break_on_hyphens=False) or [""] for part in text.split("\n"))
    return "\n".join(f"{pad}{piece}".rstrip() for pieces in lines for piece in pieces)


def _spelled(character: str) -> str:
    category = unicodedata.category(character)
    if character == "\n" or (category not in ("Cc", "Cf", "Cs", "Zl", "Zp")) or character in _JOINERS:
        return character
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"
