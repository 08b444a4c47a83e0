"""Images that a row keeps beside its messages (`images: images`): addresses, or what `datasets` writes of an image (path and bytes).

    images: images                                a list of them, or one

They take the places of `{"type": "image"}` without an address, in order (as in TRL's vision datasets); what is left stands before the first
words of the user. Of bytes the hash is kept, not the bytes.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from prefcurate.schemas.formats import chat
from prefcurate.schemas.formats.mapping_values import is_nothing
from prefcurate.schemas.formats.rows import RowError

_ADDRESSES = ("uri", "url", "path", "src", "image_url", "image")


def images_of(given: Any, what: str) -> list[dict[str, str]]:
    """The images of a row as typed parts with `uri`, and `sha256` where it is known.

    Raises:
        RowError: one has neither an address nor bytes.
    """
    if is_nothing(given):
        return []
    return [_image(one, what) for one in (given if isinstance(given, list | tuple) else [given])]


def _image(given: Any, what: str) -> dict[str, str]:
    if isinstance(given, str) and given.strip():
        return {"type": "image", "uri": given}
    if isinstance(given, Mapping):
        uri = next((given[key] for key in _ADDRESSES if isinstance(given.get(key), str) and given[key].strip()), None)
        digest = given.get("sha256") if isinstance(given.get("sha256"), str) else _hash(given.get("bytes"))
        if uri is not None or digest is not None:
            told = {"type": "image", "uri": uri or f"sha256:{digest}"}
            return told | ({"sha256": digest} if digest is not None else {})
    raise RowError("wrong type", f"an image in {what!r} has neither an address nor bytes: {str(given)[:80]!r}")


def _hash(data: Any) -> str | None:
    """The hash of bytes, which tables of JSON's values hold in base64."""
    if not isinstance(data, str):
        return None
    try:
        return hashlib.sha256(base64.b64decode(data, validate=True)).hexdigest()
    except (binascii.Error, ValueError):
        return None


def with_images(content: Any, images: list[dict[str, str]], *, is_prompt: bool, places_only: bool = False) -> Any:
    """Text or messages with images in their places.

    Args:
        content: as a source gives it.
        images: parts of messages.
        is_prompt: whether it is what was asked; a conversation that begins with the user's words is, too.
        places_only: whether images without a place are left out; else they stand before the first words of the user.
    """
    if not images:
        return content
    left = iter(images)
    if not (chat.is_conversation(content) or chat.is_message(content)):
        if places_only or not is_prompt:
            return content
        return [{"role": "user", "content": [*left, {"type": "text", "text": content}]}]
    messages = [_filled(message, left) for message in ([content] if isinstance(content, Mapping) else content)]
    rest = [] if places_only else list(left)
    first = next((n for n, message in enumerate(messages) if chat.role_of(message) == "user"), None)
    if rest and first is not None:
        messages[first] = {**messages[first], "content": [*rest, *_parts(messages[first])]}
    return messages


def has_places(content: Any) -> bool:
    """Whether messages have places for images."""
    messages = content if isinstance(content, list) else [content]
    parts = (message.get("content") for message in messages if isinstance(message, Mapping))
    return any(chat.is_place(part) for one in parts if isinstance(one, list) for part in one)


def _filled(message: Mapping[str, Any], left: Iterator[dict[str, str]]) -> dict[str, Any]:
    parts = message.get("content")
    if not isinstance(parts, list):
        return dict(message)
    return {**message, "content": [next(left, part) if chat.is_place(part) else part for part in parts]}


def _parts(message: Mapping[str, Any]) -> list[Any]:
    content: Any = next((message[key] for key in ("content", "value", "text") if message.get(key) is not None), [])
    return content if isinstance(content, list) else [{"type": "text", "text": content}]
