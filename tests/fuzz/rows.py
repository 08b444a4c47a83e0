"""Rows that can be used, and the damage that is done to some of them, with the reason that quarantine must give."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

Row = dict[str, Any]
VOTES = ("a", "b", "tie")
WORDS = (
    "café",
    "naïve",
    "你好",
    "😀",
    "line\u2028sep",
    "tab\there",
    'quote"d',
    "back\\slash",
    "{brace}",
    "[list]",
    "0.5",
    "NaN",
    "null",
    "the",
    "an",
    "if",
)


def good_row(rng: Random, name: str) -> Row:
    """A row of its own: no other has its prompt."""
    return {
        "id": name,
        "q": f"Question {name}: {_text(rng)}?",
        "one": f"First {_text(rng)}",
        "two": f"Second {_text(rng)}",
        "vote": rng.choice(VOTES),
    }


def _text(rng: Random) -> str:
    text = " ".join(rng.choices(WORDS, k=rng.randint(1, 12)))
    return text.replace(" ", "\n", 1) if rng.random() < 0.1 else text


@dataclass(frozen=True)
class Damage:
    """What is done to a row, and why it cannot be read then."""

    name: str
    reason: str
    hurt: Callable[[Row, Random], Any]


def of_values(row_: Callable[[Row], Row]) -> Callable[[Row, Random], Row]:
    return lambda row, _: row_(row)


VALUES = (
    Damage("vote that nobody knows", "unknown label", of_values(lambda row: row | {"vote": "z"})),
    Damage("prompt null", "field missing", of_values(lambda row: row | {"q": None})),
    Damage("response null", "field missing", of_values(lambda row: row | {"two": None})),
    Damage("prompt blank", "no prompt", of_values(lambda row: row | {"q": " \t"})),
)
"""Of any kind of file that holds typed values."""
TYPES = (
    Damage("prompt an object", "wrong type", of_values(lambda row: row | {"q": {"deep": [1]}})),
    Damage("response a list of numbers", "wrong type", of_values(lambda row: row | {"one": [1, 2]})),
    Damage("field left out", "field missing", of_values(lambda row: {k: v for k, v in row.items() if k != "one"})),
)


def written(row: Row) -> bytes:
    """A row as JSON."""
    return json.dumps(row, ensure_ascii=False).encode()


def _cut(row: Row, rng: Random) -> bytes:
    text = json.dumps(row)  # ASCII, so that no character is cut in two
    return text[: rng.randint(1, len(text) - 1)].encode()


def _beside(text: bytes) -> Callable[[Row, Random], bytes]:
    return lambda row, _: written(row)[:-1] + b', "x": ' + text + b"}"


JSON_TEXT = (
    Damage("cut off", "bad JSON", _cut),
    Damage("a key twice", "duplicate key", lambda row, _: written(row)[:-1] + b', "q": "other"}'),
    Damage("a key twice inside", "duplicate key", _beside(b'[{"a": 1, "a": 1}]')),
    Damage("Infinity", "bad JSON", _beside(b"-Infinity")),
    Damage("a number too large", "bad JSON", _beside(b"1e999")),
    Damage("a number too long", "bad JSON", _beside(b"7" * 5000)),
    Damage("nested too deeply", "bad JSON", _beside(b"[" * 3000 + b"]" * 3000)),
    Damage("a raw NUL", "bad JSON", _beside(b'"a\0b"')),
    Damage("no comma", "bad JSON", lambda row, _: written(row).replace(b', "two"', b' "two"')),
    Damage("half a character", "not Unicode", _beside(b'"\\ud83d"')),
    Damage("not UTF-8", "not UTF-8", _beside(b'"\xe9t\xe9"')),
)
JSON_LINE = (
    Damage("no object", "not an object", lambda _, rng: rng.choice([b"3", b"null", b'"text"', b"true"])),
    Damage("text behind", "bad JSON", lambda row, _: written(row) + b' {"more": 1}'),
)
"""Of a line alone: in a list the text behind would be another broken element."""
