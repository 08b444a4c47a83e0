"""Templates of the `mapping` reader: `"{instruction}\\n{input}"`, text with field paths in braces; {{ and }} are braces."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from prefcurate.schemas.formats.mapping_paths import Path, parse_path

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|([{}])")


@dataclass(frozen=True, slots=True)
class Template:
    """Text with paths in braces, by line: literal text and paths in turn."""

    lines: tuple[tuple[str | Path, ...], ...]

    def paths(self) -> list[Path]:
        """The paths inside."""
        return [piece for line in self.lines for piece in line if isinstance(piece, Path)]

    def render(self, text_of: Callable[[Path], str]) -> str:
        """The text. A line whose pieces are all empty is left out, with the blank line before it."""
        if not any(text_of(path) for path in self.paths()):
            return ""
        rendered: list[str] = []
        for line in self.lines:
            pieces = [text_of(piece) for piece in line if isinstance(piece, Path)]
            words = "".join(piece for piece in line if isinstance(piece, str)).strip()
            if pieces and not any(pieces) and not words:
                while rendered and not rendered[-1].strip():
                    rendered.pop()
                continue
            rendered.append(_render_line(line, text_of))
        return "\n".join(rendered)


def _render_line(line: tuple[str | Path, ...], text_of: Callable[[Path], str]) -> str:
    done = ""
    for piece in line:
        text = piece if isinstance(piece, str) else text_of(piece)
        # An empty piece leaves no double space; what stands in the data is not touched.
        if isinstance(piece, str) and text.startswith(" ") and done.endswith(" "):
            text = text[1:]
        done += text
    return done


def parse_template(text: str) -> Template:
    """A template out of how a person writes it.

    Raises:
        ValueError: a brace stands alone, or what stands in braces is no path.
    """
    lines: list[list[str | Path]] = [[]]
    position = 0
    for match in _PIECE.finditer(text):
        _add_text(lines, text[position : match.start()])
        position = match.end()
        if match.group(2):
            raise ValueError(
                f"{text!r}: a brace stands alone at character {match.start() + 1}; write {{{{ or }}}} for one"
            )
        if match.group(1) is None:
            _add_text(lines, match.group()[0])
        else:
            lines[-1].append(parse_path(match.group(1)))
    _add_text(lines, text[position:])
    return Template(tuple(tuple(line) for line in lines))


def _add_text(lines: list[list[str | Path]], text: str) -> None:
    first, *more = text.split("\n")
    if first:
        lines[-1].append(first)
    lines.extend([line] if line else [] for line in more)
