"""What the values of a vote mean, guessed from how people word them: "A", "Response 2", "B>A", "A-is-slightly-better", "Both are bad"."""

import re

_TIES = frozenset(
    {
        "gleich",
        "unentschieden",
        "empate",
        "igual",
        "égal",
        "égalité",
        "tie",
        "tied",
        "ties",
        "equal",
        "equally",
        "equals",
        "same",
        "draw",
        "neither",
        "similar",
        "both",
    }
)
_FIRST = frozenset({"a", "1", "first", "left", "one", "x"})
_SECOND = frozenset({"b", "2", "second", "right", "two", "y"})
_NOUNS = frozenset(
    [
        "response",
        "answer",
        "model",
        "assistant",
        "option",
        "output",
        "side",
        "candidate",
        "system",
        "choice",
        "version",
        "completion",
        "reply",
        "summary",
        "text",
        "generation",
        "argument",
        "chatbot",
        "bot",
        "prefer",
        "chose",
        "choose",
    ]
)
_LESS = frozenset({"bit", "little", "lot", "few", "tie", "draw"})
_WORSE = frozenset({"worse", "worst", "loses", "lost"})
_BETTER = frozenset({"better", "over", "beats", "wins", "stronger", "best", "than"})
_PIECE = re.compile(r"[^\W\d_A-Z]+|[A-Z][^\W\d_A-Z]+|[A-Z]+(?![a-z])|\d+|>+|<+|=+")


def word_of(value: str) -> str | None:
    """One of our words for a value, or None where nobody can tell."""
    told = re.sub(r"(?i)both(bad|good)", r"both \1", value.strip().removesuffix(".0"))
    given = _PIECE.findall(told)
    pieces = [piece.lower() for piece in given]
    if told == "1.5" or told in ("0", "3") or pieces in (["c"], ["none"]):
        return "tie"
    sides = _sides(given, pieces)
    signs = [piece[0] for piece in pieces if piece[0] in "<>="]
    if signs:  # more than one is a ranking of more than two
        ways = {"=": "tie", ">": sides[0], "<": sides[1]} if len(sides) == 2 and len(signs) == 1 else {}
        return ways.get(signs[0])
    if _TIES & set(pieces) or "no preference" in told.lower() or "no difference" in told.lower():
        return _alike(pieces) if len(set(sides)) != 1 else None
    if not sides or {"not", "no"} & set(pieces):
        return None
    if len(set(sides)) == 1 or _BETTER & set(pieces):
        return _other(sides[0]) if _WORSE & set(pieces) else sides[0]
    return None


def _alike(pieces: list[str]) -> str:
    if {"bad", "poor", "worse", "wrong"} & set(pieces):
        return "both_bad"
    return "both_good" if "both" in pieces and {"good", "great", "right"} & set(pieces) else "tie"


def _other(side: str) -> str:
    return "b" if side == "a" else "a"


def _sides(given: list[str], pieces: list[str]) -> list[str]:
    """The sides that are mentioned, in order. An article is no side, nor is a number of anything else."""
    found = []
    for place, piece in enumerate(pieces):
        before = pieces[place - 1] if place else ""
        after = pieces[place + 1] if place + 1 < len(pieces) else ""
        named = before.rstrip("s") in _NOUNS or before[:1] in ("<", ">", "=") or after[:1] in ("<", ">", "=")
        alone = len(pieces) == 1
        letter = len(piece) == 1 and piece.isalpha()
        is_side = (
            named
            or alone
            or (letter and given[place].isupper() and after not in _LESS)
            or (piece in ("first", "second", "left", "right") and after not in ("turn", "of"))
        )
        if is_side and piece in _FIRST | _SECOND:
            found.append("a" if piece in _FIRST else "b")
    return found
