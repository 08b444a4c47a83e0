"""What is said to a chat model and what comes back: settings, requests, replies, calls. No network here."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.options import Options

CHAT_ALGORITHM = 1
"""Raised by hand when the same settings would be sent otherwise; part of the fingerprint of whoever asks."""
MESSAGE_OVERHEAD = 16
"""Tokens that a chat template may add to a message, as an upper bound."""

_SAME_CALL = 16
"""Characters of a call's id that tell its key and index."""

Unasked = Literal["", "budget", "endpoint"]


class Price(Options):
    """USD per million tokens."""

    input: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0)

    def usd(self, tokens_in: int, tokens_out: int) -> float:
        """What a call of so many tokens costs."""
        return (tokens_in * self.input + tokens_out * self.output) / 1e6


class ChatOptions(Options):
    """A chat endpoint, a model there, and how it is asked: a base for the settings of whoever asks."""

    endpoint: str = "https://api.openai.com/v1"
    """Address of the API, up to and with ``/v1``."""
    model: str
    revision: str = ""
    """Set by hand when the endpoint serves something else under the same name: asks everything anew."""
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; where it is not set, no key is sent."""
    temperature: float | None = Field(default=0.0, ge=0)
    """Null leaves it to the endpoint (some reasoning models accept nothing else)."""
    seed: int | None = None
    max_tokens: int = Field(default=1024, ge=1)
    structured: Literal["schema", "object", "none"] = "schema"
    """How an answer's form is asked for: a JSON schema, any JSON object, or in the prompt alone. An endpoint that refuses one
    is asked in the next weaker way."""
    price: Price = Price()
    budget: float | None = Field(default=None, ge=0)
    """USD over the life of the store; the global `budget` holds beside it."""
    concurrency: int = Field(default=16, ge=1)
    """Requests at once, in a whole run."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds for one request."""
    tries: int = Field(default=6, ge=1)
    """Requests for one question before it is given up for this run."""

    @field_validator("endpoint")
    @classmethod
    def _is_an_address(cls, endpoint: str) -> str:
        wrong = f"{endpoint!r} is no address of an API; write it whole, as http://localhost:8000/v1"
        try:
            # Brackets and ports are looked at when they are asked for.
            parts = urlsplit(endpoint)
            scheme, host, _ = parts.scheme, parts.hostname, parts.port
        except ValueError as error:
            raise ValueError(wrong) from error
        if scheme not in ("http", "https") or not host:
            raise ValueError(wrong)
        return endpoint

    @model_validator(mode="after")
    def _budget_needs_a_price(self) -> "ChatOptions":
        if self.budget is not None and self.price == Price():
            raise ValueError(
                "budget: a cap in USD needs a price; add price: {input: …, output: …} in USD per million tokens"
            )
        return self

    def chat_fingerprint(self) -> str:
        """Of everything here that can change an answer: never endpoint, price, budget, concurrency or patience."""
        return stable_hash(
            "chat",
            CHAT_ALGORITHM,
            self.model,
            self.revision,
            self.temperature,
            self.seed,
            self.max_tokens,
            self.structured,
        )

    def worst_usd(self, request: "Request") -> float:
        """The most that one try of a request can cost."""
        return self.price.usd(token_bound(request), self.max_tokens)


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message of text."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a chat model. `key` is a stable id of the question (an annotation id, say): call ids derive from it."""

    key: str
    messages: tuple[Message, ...]
    schema: str | None = None
    """A JSON schema (as JSON) that the answer must follow, with `ChatOptions.structured`."""
    prompt_id: str = ""
    comparison_id: str | None = None
    sample: int = 0
    """Added to `ChatOptions.seed`."""
    calls_before: int = 0
    """Calls already known for this key, so that a later run's calls have other ids (`Desk` sets it)."""

    def call_id(self, index: int, told: str = "") -> str:
        """The id of the index-th call (from 0) that was ever made for this key.

        Args:
            index: counts what is known; two attempts at one question that know nothing of each other count alike.
            told: what only this one call has, as the endpoint's own id of its answer: both attempts were paid for, and have ids
                that differ. The beginning of an id (`same_call`) is the key's and the index's.
        """
        call = stable_hash("call", self.key, index)
        return same_call(call) + stable_hash("answer", told)[_SAME_CALL:] if told else call


def same_call(call_id: str) -> str:
    """What the ids of calls for one key with one index have in common."""
    return call_id[:_SAME_CALL]


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request and what it cost: a row of the table `calls`.

    Where the endpoint does not tell the tokens they are upper bounds, since the cap must hold; what was surely not computed
    (refused connections, 4xx, 5xx) costs nothing.
    """

    call_id: str
    status: str
    """ok, or what failed: http_429, http_500, timeout, connection, half_an_answer, bad_body."""
    tokens_in: int = 0
    tokens_out: int = 0
    price_usd: float = 0.0
    model_returned: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered. Its text is not to be trusted; `finish_reason` may tell that it was cut or filtered."""

    text: str
    call_id: str
    model_returned: str | None = None
    finish_reason: str | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The outcome of a request: a reply or None, and every HTTP request that was made for it, failed ones too."""

    request: Request
    reply: Reply | None
    calls: tuple[Call, ...] = ()
    unasked: Unasked = ""
    """Why nobody was asked (again) although no try had failed for good: the budget, or an endpoint that is down."""


def token_bound(request: Request) -> int:
    """An upper bound of a request's input tokens: no tokenizer makes more tokens than there are UTF-8 bytes."""
    texts = [message.content for message in request.messages] + [request.schema or ""]
    return sum(len(text.encode("utf-8", "replace")) + MESSAGE_OVERHEAD for text in texts)
