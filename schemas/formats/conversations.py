"""Prompt and responses of a row as messages, however they are written: text, one message, conversations, turns in turn."""

import re
from collections.abc import Mapping
from typing import Any

from prefcurate.schemas.formats import chat
from prefcurate.schemas.formats.mapping_fields import plain_text
from prefcurate.schemas.formats.rows import RowError, json_in
from prefcurate.schemas.records import Message, Part


def conversations(prompt: Any, a: Any, b: Any) -> tuple[chat.Messages, chat.Messages, chat.Messages]:
    """Prompt and responses as messages, split at the last message that both responses share.

    Each is text, one message, a list of messages, or (all three) lists of turns that alternate. A response that begins
    with a user's or system's turn is a whole conversation; it then holds the prompt.

    Raises:
        RowError: there is no prompt, the two conversations ask different things, or a value is of another kind.
    """
    prompt, a, b = unpacked(prompt), unpacked(a), unpacked(b)
    if _are_turns(prompt) and _are_turns(a) and _are_turns(b) and len(prompt) == len(a) == len(b):
        return chat.split_at_last_common(_interleave(prompt, a), _interleave(prompt, b))
    asked = () if prompt is None else _messages(prompt, "user", "prompt")
    first, second = _messages(a, "assistant", "response_a"), _messages(b, "assistant", "response_b")
    whole = [conversation[0].role in ("user", "system") for conversation in (first, second)]
    if any(whole) and not all(whole):
        raise RowError("prompts differ", "one response is a whole conversation and the other is not")
    if not all(whole):
        _check_asked(asked)
        if len(first) == len(second) == 1:
            return asked, first, second
        first, second = asked + first, asked + second
    return chat.split_at_last_common(first, second)


def unpacked(value: Any) -> Any:
    """The messages that a cell of a table holds as text, in JSON or as Python prints them; any other value as it is."""
    if not isinstance(value, str) or not value.startswith("[") or not _PACKED.match(value):
        return value
    try:
        told = json_in(value, "")
    except RowError:
        return value
    return told if chat.is_told(told) else value


_PACKED = re.compile(r"""\[\s*\{\s*["'](?:role|from|content|value)["']\s*:""")


def first_turns(content: Any, turns: int) -> Any:
    """A conversation up to the answer to the user's turn of that number; what is no conversation as it is."""
    content = unpacked(content)
    if _are_turns(content):
        return content[:turns]
    if not chat.is_conversation(content):
        return content
    asks = [
        number for number, message in enumerate(chat.messages_of(content, "conversation")) if message.role == "user"
    ]
    return content[: asks[turns]] if 0 < turns < len(asks) else content


def prompt_of(value: Any) -> chat.Messages:
    """A prompt alone: text, one message or a list of messages.

    Raises:
        RowError: it is empty, or of another kind.
    """
    asked = _messages(unpacked(value), "user", "prompt")
    _check_asked(asked)
    return asked


def _check_asked(asked: chat.Messages) -> None:
    if not any((p.text or "").strip() or p.json or p.uri for message in asked for p in message.content):
        raise RowError("no prompt", "the prompt is empty" if asked else "no field gives the prompt")


def _are_turns(value: Any) -> bool:
    # A turn that nobody answered is written as null.
    return (
        isinstance(value, list)
        and any(isinstance(turn, str) for turn in value)
        and all(turn is None or isinstance(turn, str) for turn in value)
    )


def _interleave(asked: list[str | None], answered: list[str | None]) -> chat.Messages:
    turns = zip(asked, answered, strict=True)
    return tuple(message for one, other in turns for message in (*chat.user(one or ""), *chat.assistant(other or "")))


def _messages(value: Any, role: str, what: str) -> chat.Messages:
    if chat.is_conversation(value):
        return chat.messages_of(value, what)
    if chat.is_message(value):
        return chat.messages_of([value], what)
    return (Message.of_text(role, text_of(value, what)),)


def text_of(value: Any, what: str) -> str:
    """A value that should be text; numbers are taken as they are written.

    Raises:
        RowError: it is a list or an object.
    """
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return str(value[0])
    if isinstance(value, Mapping | list | tuple):
        shape = "an object" if isinstance(value, Mapping) else "a list"
        keys = f" with {', '.join(map(repr, list(value)[:6]))}" if isinstance(value, Mapping) else f" of {len(value)}"
        raise RowError("wrong type", f"{what} should be text or messages and is {shape}{keys}; name a path inside it")
    return plain_text(value)


def with_context(prompt: chat.Messages, system: str | None, documents: list[str], tools: str | None) -> chat.Messages:
    """The prompt with a system message, documents before the last user's words, and tools."""
    if documents:
        last = max((i for i, message in enumerate(prompt) if message.role == "user"), default=0)
        parts = tuple(Part("document", text) for text in documents)
        given = Message(prompt[last].role, parts + prompt[last].content)
        prompt = (*prompt[:last], given, *prompt[last + 1 :])
    head = (*((Part("text", system),) if system else ()), *((Part("tools", json=tools),) if tools else ()))
    return (Message("system", head), *prompt) if head else prompt
