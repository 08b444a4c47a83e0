"""Reading demands out of a prompt: which of its text counts, and the context that a demand stands in."""

import re
from dataclasses import dataclass

_NUMBER_WORDS = """
one two three four five six seven eight nine ten
eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty
"""
NUMBERS = {word: number for number, word in enumerate(_NUMBER_WORDS.split(), 1)}
NUMBER = rf"(?:\d{{1,5}}|{'|'.join(sorted(NUMBERS, key=len, reverse=True))})"
QUOTED = (
    r"(?:(?<!\w)'[^'\n]{1,60}'(?!\w)|\"[^\"\n]{1,60}\"|“[^”\n]{1,60}”|‘[^’\n]{1,60}’|\{[^}\n]{1,60}\}|<<[^>\n]{1,60}>>)"
)
QUOTED_LIST = rf"{QUOTED}(?:\s*(?:,\s*and|,\s*or|,|and|or|&)?\s*{QUOTED})*"
NEGATION = re.compile(
    r"\b(?:not|never|avoid|without|exclud\w*|refrain|don['’]?t|doesn['’]?t|shouldn['’]?t|no(?= (?:key)?words?\b| mention))\b",
    re.IGNORECASE,
)

_PASTED = re.compile(r"```.*?(?:```|\Z)|\"[^\"]{90,}\"|“[^”]{90,}”", re.DOTALL)
_BREAK = re.compile(r"[.?!](?=\s|[A-Z\"“]|$)|\n")
_EDGE = 1500


@dataclass(frozen=True, slots=True)
class Passage:
    """A prompt with pasted text (code, long quotations, the middle of long prompts) blanked out; offsets stay the same."""

    text: str

    @classmethod
    def of(cls, prompt: str) -> "Passage":
        """Blanks what is likely material of the task rather than a demand."""
        text = _PASTED.sub(lambda match: " " * len(match.group()), prompt)
        if len(text) > 2 * _EDGE:
            text = text[:_EDGE] + " " * (len(text) - 2 * _EDGE) + text[-_EDGE:]
        return cls(text)

    def before(self, position: int, characters: int = 400) -> str:
        """The text of the same sentence before a position."""
        window = self.text[max(0, position - characters) : position]
        breaks = list(_BREAK.finditer(window))
        return window[breaks[-1].end() :] if breaks else window

    def after(self, position: int, characters: int = 400) -> str:
        """The text of the same sentence after a position."""
        window = self.text[position : position + characters]
        found = _BREAK.search(window)
        return window[: found.start()] if found else window

    def sentence(self, position: int) -> str:
        """The sentence around a position."""
        return self.before(position) + self.after(position)


def number(text: str) -> int:
    """A number in digits or in an English word up to twenty."""
    return NUMBERS.get(text.lower()) or int(text)


def quoted(text: str) -> tuple[str, ...]:
    """The quoted or braced items of a list, each once, in order."""
    items = (match.group().strip("'\"“”‘’{}<> ").rstrip(",. ") for match in re.finditer(QUOTED, text))
    return tuple(dict.fromkeys(item for item in items if item))
