"""The chat-completions wire format: the body of a request, and what a response says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from prefcurate.transforms.annotate.chat import ChatOptions, Request, token_bound

Structured = Literal["schema", "object", "none"]
DETAIL_CHARACTERS = 300


@dataclass(frozen=True)
class Dialect:
    """How an endpoint wants to be asked; learnt from its refusals."""

    structured: Structured
    tokens_key: str = "max_tokens"


@dataclass(frozen=True)
class Completion:
    """What a response body says. Tokens are upper bounds where it does not tell them."""

    text: str
    model: str | None
    finish_reason: str | None
    refusal: str | None
    tokens_in: int
    tokens_out: int
    detail: str | None = None
    id: str | None = None
    """The endpoint's name for this one answer."""


class BadBodyError(Exception):
    """The body of a successful response is not a chat completion."""


def body_of(options: ChatOptions, request: Request, dialect: Dialect) -> dict[str, Any]:
    """The JSON body of a request."""
    body: dict[str, Any] = {
        "model": options.model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        dialect.tokens_key: options.max_tokens,
    }
    if options.temperature is not None:
        body["temperature"] = options.temperature
    if options.seed is not None:
        body["seed"] = options.seed + request.sample
    if request.schema is not None and dialect.structured == "schema":
        form = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    elif request.schema is not None and dialect.structured == "object":
        body["response_format"] = {"type": "json_object"}
    return body


def weaker(dialect: Dialect, refusal: str) -> Dialect | None:
    """The dialect to try next after a 400 or 422 whose body complains about the form, or None when it complains of else."""
    if "max_completion_tokens" in refusal and dialect.tokens_key == "max_tokens":
        return Dialect(dialect.structured, "max_completion_tokens")
    if not any(word in refusal for word in ("response_format", "json_schema", "json_object", "guided")):
        return None
    steps: dict[Structured, Structured] = {"schema": "object", "object": "none"}
    following = steps.get(dialect.structured)
    return None if following is None else Dialect(following, dialect.tokens_key)


def completion_of(content: bytes, options: ChatOptions, request: Request) -> Completion:
    """Reads the body of a successful response.

    Raises:
        BadBodyError: it is no JSON, half of one, or has no choice in it.
    """
    try:
        body = json.loads(content)
        choice = body["choices"][0]
        message = choice["message"]
        text, refusal = message.get("content"), message.get("refusal")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise BadBodyError(f"{type(error).__name__}: {shown(content)}") from error
    if not isinstance(text, str | None):
        raise BadBodyError(f"the content is {type(text).__name__}, not text")
    tokens_in, tokens_out, told = _usage(body.get("usage"))
    return Completion(
        text=text or "",
        model=_text(body.get("model")),
        finish_reason=_text(choice.get("finish_reason")),
        refusal=_text(refusal),
        tokens_in=tokens_in if told else token_bound(request),
        tokens_out=tokens_out if told else min(options.max_tokens, len((text or "").encode("utf-8", "replace"))),
        detail=None if told else "the endpoint told no usage: tokens are upper bounds",
        id=_text(body.get("id")),
    )


def _usage(usage: Any) -> tuple[int, int, bool]:
    if not isinstance(usage, dict):
        return 0, 0, False
    tokens_in, tokens_out = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not isinstance(tokens_in, int) or not isinstance(tokens_out, int) or tokens_in < 0 or tokens_out < 0:
        return 0, 0, False
    return tokens_in, tokens_out, True


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the endpoint asks to wait (it may say seconds or a date), or None when it does not."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None


def shown(content: bytes) -> str:
    """The beginning of a body, for people."""
    return content[:DETAIL_CHARACTERS].decode("utf-8", "replace")
