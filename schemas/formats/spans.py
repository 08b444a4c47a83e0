"""Marked stretches of a response: from offsets into the text as a source gives it to offsets into its canonical form."""

from prefcurate.schemas.canonical import canonical_text
from prefcurate.schemas.formats.rows import RowError


def canonical_span(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Offsets into the canonical form of `text` of what `start` and `end` mark; None when only outer space is marked.

    Raises:
        RowError: the canonical form joins characters across an end of the span, so that no offset tells it.
    """
    whole = canonical_text(text)
    before, marked, after = (_inner(piece) for piece in (text[:start], text[start:end], text[end:]))
    joined = before + marked + after
    if joined.strip() != whole:
        raise RowError("span inside a character", f"{start} or {end} lies inside a character that is stored as one")
    offset = len(joined) - len(joined.lstrip())
    moved = max(0, len(before) - offset), min(len(whole), len(before) + len(marked) - offset)
    return moved if moved[0] < moved[1] else None


def _inner(text: str) -> str:
    """The canonical form with its outer space kept."""
    return canonical_text(f"|{text}|")[1:-1]
