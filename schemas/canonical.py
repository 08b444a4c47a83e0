"""The canonical form of prompts and responses, and the ids that are hashes of it.

The form is versioned: ids of two versions never mix. ``tests/schemas/test_canonical.py`` holds golden vectors;
a change that moves one of them is a new ``CANONICAL_VERSION`` and a migration, never an edit.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from prefcurate.schemas.records import Message, Part

CANONICAL_VERSION = 1
ID_LENGTH = 32
"""Hex characters of an id: 128 bits of a sha256."""


def canonical_text(text: str) -> str:
    """Text in Unicode NFC with ``\\n`` line ends and no outer whitespace.

    Raises:
        ValueError: the text holds a lone surrogate, which no UTF-8 file can store.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.strip() if text.isascii() else _valid(unicodedata.normalize("NFC", text).strip())


def _valid(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"text holds a lone surrogate at character {error.start}; it is not valid Unicode") from error
    return text


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces and no escapes beyond what JSON needs.

    Raises:
        ValueError: the value holds NaN or infinity, which JSON does not have.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical_messages(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Messages with every text and JSON part in canonical form; empty text parts are left out.

    Raises:
        ValueError: a text or a JSON part holds a lone surrogate, or a JSON part is no JSON.
    """
    return tuple(Message(message.role.strip().lower(), _canonical_parts(message.content)) for message in messages)


def _canonical_parts(parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(part for part in map(_canonical_part, parts) if part.text != "" or part != _EMPTY)


_EMPTY = Part(type="text", text="")


def _canonical_part(part: Part) -> Part:
    text = None if part.text is None else canonical_text(part.text)
    given_json = None if part.json is None else _valid(canonical_json(json.loads(part.json)))
    # Most parts are as they should be: half of the time goes into making new ones.
    unchanged = text == part.text and given_json == part.json
    return part if unchanged else Part(part.type, text, part.uri, part.sha256, given_json)


def stable_hash(kind: str, *parts: object) -> str:
    """A 128-bit hex id of ``parts`` (anything that JSON holds) under a kind, e.g. ``stable_hash("annotation", …)``."""
    value = [CANONICAL_VERSION, kind, *parts]
    alike = all(type(part) in _WRITTEN_ALIKE for part in parts)
    return _id_of(_payload(value) if alike else canonical_json(value).encode("utf-8", "surrogatepass"))


_WRITTEN_ALIKE = frozenset({str, int, bool, type(None)})
"""What orjson writes as `canonical_json` does; floats it does not."""


def _payload(value: object) -> bytes:
    """`canonical_json` in UTF-8, at a tenth of its cost, of what both write alike."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a lone surrogate, or a number of more than 64 bits
        return canonical_json(value).encode("utf-8", "surrogatepass")


def _id_of(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()[:ID_LENGTH]


def _hash_of_messages(kind: str, messages: Sequence[Message]) -> str:
    return _id_of(_payload([CANONICAL_VERSION, kind, [message.as_json() for message in messages]]))


def prompt_id(prompt: Sequence[Message]) -> str:
    """Id of a canonical prompt: the messages, tools and documents that both responses answer."""
    return _hash_of_messages("prompt", prompt)


def response_id(response: Sequence[Message]) -> str:
    """Id of a canonical response; the same words to two prompts have the same id."""
    return _hash_of_messages("response", response)


def comparison_id(prompt: str, response_1: str, response_2: str) -> str:
    """Id of a comparison from its prompt id and response ids in either order."""
    return stable_hash("comparison", prompt, *sorted((response_1, response_2)))


def conversation_id(prompt: Sequence[Message]) -> str:
    """Id of the conversation: the first user turn and what stands before it."""
    first_user = next((i for i, message in enumerate(prompt) if message.role == "user"), len(prompt) - 1)
    return _hash_of_messages("conversation", prompt[: first_user + 1])


def shard_of(hex_id: str, shards: int) -> int:
    """The shard of an id: the top bits of its hash, so that doubling ``shards`` splits each shard in two.

    Raises:
        ValueError: ``shards`` is not a power of two up to 65,536.
    """
    if shards < 1 or shards > 65_536 or shards & (shards - 1):
        raise ValueError(f"shards must be a power of two from 1 to 65536, not {shards}")
    return int(hex_id[:8], 16) >> (32 - (shards.bit_length() - 1))


def unit_interval(seed: int, key: str, purpose: str) -> float:
    """A reproducible uniform number in [0, 1) for a key and a purpose: all randomness of the house comes from here."""
    return int(stable_hash("uniform", seed, purpose, key)[:13], 16) / 16**13
