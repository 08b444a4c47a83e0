"""Conversations as sources write them: lists of role and content, from and value, typed parts, or a transcript."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prefcurate.schemas.canonical import canonical_json, canonical_messages
from prefcurate.schemas.formats.rows import RowError
from prefcurate.schemas.records import Message, Part, PartType

Messages = tuple[Message, ...]

_ROLE_KEYS = ("role", "from", "speaker", "author")
_TEXT_KEYS = ("content", "value", "text", "message")
ROLES = {
    "human": "user",
    "prompter": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
    "developer": "system",
}
"""Other names of the four roles."""
_MEDIA: dict[str, PartType] = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "audio": "audio",
    "audio_url": "audio",
    "input_audio": "audio",
    "video": "video",
    "video_url": "video",
}


def is_message(value: Any) -> bool:
    """Whether a value is one message of a conversation."""
    return isinstance(value, Mapping) and any(isinstance(value.get(key), str) for key in _ROLE_KEYS)


def is_conversation(value: Any) -> bool:
    """Whether a value is a list of messages."""
    return isinstance(value, list | tuple) and bool(value) and all(map(is_message, value))


def is_told(value: Any) -> bool:
    """Whether a value is a list of messages beyond doubt: each says something, in a role that conversations have."""
    known = {"user", "assistant", "system", "tool"}
    return is_conversation(value) and all(
        role_of(item) in known and any(key in item for key in _TEXT_KEYS) for item in value
    )


def role_of(item: Mapping[str, Any]) -> str:
    """The role of a message, by the name that we use."""
    role = next(str(item[key]) for key in _ROLE_KEYS if isinstance(item.get(key), str)).strip().lower()
    return ROLES.get(role, role)


def messages_of(value: Sequence[Any], what: str) -> Messages:
    """A conversation out of a list of messages.

    Raises:
        RowError: a content is of no known kind; the message names its place.
    """
    return tuple(_message(item, f"{what}[{number}]") for number, item in enumerate(value))


def _message(item: Mapping[str, Any], where: str) -> Message:
    role = role_of(item)
    content = next((item[key] for key in _TEXT_KEYS if item.get(key) is not None), "")
    parts = tuple(_part(part, where) for part in content) if _is_list(content) else (_part(content, where),)
    if role == "tool":
        parts = tuple(Part("tool_result", p.text) if p.type == "text" else p for p in parts)
    return Message(role, parts + tuple(Part("tool_call", json=_json(call, where)) for call in _calls(item, where)))


def _calls(item: Mapping[str, Any], where: str) -> Sequence[Any]:
    calls = item.get("tool_calls")
    if calls is None:
        calls = [item["function_call"]] if item.get("function_call") is not None else []
    if isinstance(calls, Mapping):
        return [calls]
    if not _is_list(calls):
        raise RowError("wrong type", f"the tool calls of {where} should be a list and are {str(calls)[:80]!r}")
    return calls


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _part(part: Any, where: str) -> Part:
    if isinstance(part, str):
        return Part("text", part)
    if not isinstance(part, Mapping):
        raise RowError("wrong type", f"the content of {where} is {type(part).__name__}, not text or typed parts")
    kind = str(part.get("type", "text"))
    if kind in _MEDIA:
        return Part(_MEDIA[kind], uri=_address(part, kind, where), sha256=part.get("sha256"))
    if kind in ("tool_call", "tool_use", "tool_result"):
        return Part("tool_result" if kind == "tool_result" else "tool_call", json=_json(part, where))
    text = part.get("text", part.get("content", part.get("value")))
    if not isinstance(text, str):
        raise RowError("wrong type", f"a part of type {kind!r} in {where} has no text")
    return Part("document" if kind == "document" else "text", text)


def _address(part: Mapping[str, Any], kind: str, where: str) -> str:
    value = _given_address(part, kind)
    if not isinstance(value, str):
        hint = "; if the row has its images beside the messages, name them: `images: …`" if value is None else ""
        raise RowError("wrong type", f"a part of type {kind!r} in {where} has no address{hint}")
    return value


def _given_address(part: Mapping[str, Any], kind: str) -> Any:
    """The address of a medium: its own, or one level below; of what is given in base64, a `data:` address. None where there is none."""
    keys: tuple[str, ...] = (kind, "url", "uri", "path", _MEDIA[kind], "source")
    keys += tuple(key for key, medium in _MEDIA.items() if medium == _MEDIA[kind])
    value = next((part[key] for key in keys if part.get(key) is not None), None)
    if isinstance(value, Mapping) and isinstance(value.get("data"), str):
        return f"data:{value.get('media_type') or value.get('format') or _MEDIA[kind]};base64,{value['data']}"
    if isinstance(value, Mapping):
        return next((value[key] for key in ("url", "uri", "path") if value.get(key) is not None), value)
    return value


def is_place(part: Any) -> bool:
    """Whether a part of a message is the place of an image that stands elsewhere."""
    kind = part.get("type") if isinstance(part, Mapping) else None
    return isinstance(kind, str) and kind in _MEDIA and _MEDIA[kind] == "image" and _given_address(part, kind) is None


def _json(value: Any, where: str) -> str:
    try:
        return canonical_json(value)
    except (ValueError, TypeError) as error:
        raise RowError("wrong type", f"{where} holds what is no JSON: {error}") from error


def split_at_last_common(first: Messages, second: Messages) -> tuple[Messages, Messages, Messages]:
    """The prompt that two conversations share, and what each says after it; each keeps at least its last message.

    Raises:
        RowError: they part before an answer: the prompts differ.
    """
    one, other = canonical_messages(first), canonical_messages(second)
    longest = min(len(first), len(second)) - 1
    shared = next((n for n in range(longest) if one[n] != other[n]), max(longest, 0))
    while shared and (_asks(first[shared]) or _asks(second[shared])) and one[shared] == other[shared]:
        shared -= 1
    for conversation in (first, second):
        if _asks(conversation[shared]):
            if one[shared] == other[shared]:
                raise RowError("no answer", "a conversation ends before any answer")
            detail = f"message {shared + 1} is of {conversation[shared].role!r} and is not the same in both"
            raise RowError("prompts differ", detail)
    return first[:shared], first[shared:], second[shared:]


def _asks(message: Message) -> bool:
    return message.role in ("user", "system")


_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant):[ ]?")


def transcript(text: str) -> Messages | None:
    """A conversation out of a transcript (``\\n\\nHuman: … \\n\\nAssistant: …``, as of Anthropic's HH), or None for other text."""
    if not re.match(r"\s*Human:", text) or "Assistant:" not in text:
        return None
    pieces = _TURN.split(_with_lines(text).strip())[1:]
    roles = {"Human": "user", "Assistant": "assistant"}
    return tuple(Message.of_text(roles[pieces[i]], pieces[i + 1].strip()) for i in range(0, len(pieces), 2))


def _with_lines(text: str) -> str:
    return text.replace("\r\n", "\n") if "\r" in text else text


_MARKED = re.compile(r"(?:^|\n)<extra_id_[01]>(System|User|Assistant)\n")


def turns_of(text: str) -> str | list[dict[str, str]]:
    """A transcript as messages, of HH's form or with the marks of NeMo (``\\n<extra_id_1>Assistant\\n``, as HelpSteer has); other text as it is.

    What stands before NeMo's first mark is the user's; an answer that is only announced at the end ("Assistant:") is none.
    """
    if _MARKED.search(lines := _with_lines(text)):
        pieces = ["User", *_MARKED.split(lines)]
        told = [(pieces[i].lower(), pieces[i + 1].strip()) for i in range(0, len(pieces), 2)]
        told = told if told[0][1] else told[1:]
    else:
        found = transcript(text)
        if found is None:
            return text
        told = [(message.role, message.content[0].text or "") for message in found]
    if told and told[-1] == ("assistant", ""):
        told.pop()
    return [{"role": role, "content": words} for role, words in told]


def user(text: str) -> Messages:
    """A prompt of one user turn."""
    return (Message.of_text("user", text),)


def assistant(text: str) -> Messages:
    """A response of one assistant turn."""
    return (Message.of_text("assistant", text),)
