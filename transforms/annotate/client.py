"""A client for any OpenAI-compatible chat endpoint: many requests at once, patient, and exact about what each cost.

For those who ask (LLM judges, rubric makers): build `Request`s, give them to `ChatSession.ask`, look at each `Asked`. Inside a stage,
ask through `prefcurate.transforms.annotate.desk.Desk`, which keeps the spending cap and the accounts.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from prefcurate.schemas.canonical import unit_interval
from prefcurate.schemas.errors import MissingExtra, WrongSetting
from prefcurate.transforms.annotate.chat import Asked, Call, ChatOptions, Message, Reply, Request, Unasked, token_bound
from prefcurate.transforms.annotate.wire import (
    DETAIL_CHARACTERS,
    BadBodyError,
    Dialect,
    body_of,
    completion_of,
    retry_after,
    shown,
    weaker,
)

if TYPE_CHECKING:
    import httpx
    import tenacity

__all__ = ["Asked", "Call", "ChatOptions", "ChatSession", "Message", "NoCap", "Payer", "Reply", "Request"]

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
PATIENCE = 600.0
"""Seconds that we wait at most because an endpoint says so; one that wants more counts as down for this run."""
GIVEN_UP_IN_A_ROW = 8
"""Questions given up one after the other after which an endpoint counts as down for this run."""
_HOPELESS = frozenset({301, 302, 307, 308, 401, 402, 403, 404, 405})


class Payer(Protocol):
    """Says whether a try may be paid, and is told what it cost."""

    def cover(self, request: Request, usd: float) -> bool:
        """Whether a try that costs at most ``usd`` may be made now; what was already charged for the request stays."""

    def charge(self, request: Request, usd: float) -> None:
        """What a try really cost."""


class NoCap:
    """Pays everything: for endpoints that cost nothing."""

    def cover(self, request: Request, usd: float) -> bool:
        """Always."""
        return True

    def charge(self, request: Request, usd: float) -> None:
        """Nothing to keep."""


class _TryAgain(Exception):  # noqa: N818 a signal to tenacity, not an error of ours
    def __init__(self, wait: float | None = None) -> None:
        self.wait = wait


class _Unasked(Exception):  # noqa: N818
    def __init__(self, why: Unasked) -> None:
        self.why: Unasked = why


class _Failed(Exception):  # noqa: N818
    """This question failed for good; others may do better."""


class ChatSession:
    """Keeps connections to an endpoint open over several batches; a context manager, for one thread.

    Use: ``with ChatSession(options) as session: outcomes = session.ask(requests)``.

    Args:
        options: the endpoint.
        concurrency: requests at once; by default the option's (a run that asks from several processes divides it).
        clock, now, sleep: monotonic seconds, seconds since 1970, and waiting: tests give their own.
    """

    def __init__(
        self,
        options: ChatOptions,
        *,
        concurrency: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.options = options
        self.down = ""
        """Why the endpoint counts as down (no more is asked), or empty."""
        self.concurrency = concurrency or options.concurrency
        self._clock, self._now, self._sleep = clock, now, sleep
        self._dialect = Dialect(options.structured)
        self._quiet_until = clock()
        self._given_up = 0
        self._key = _key_in(options.api_key_env)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        library = _library("httpx")
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = library.Limits(max_connections=self.concurrency, max_keepalive_connections=self.concurrency)
        self._http: httpx.AsyncClient = library.AsyncClient(
            headers=headers, timeout=self.options.timeout, limits=limits
        )
        self._tenacity = _library("tenacity")
        self._slots = asyncio.Semaphore(self.concurrency)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()

    def ask(self, requests: Sequence[Request], payer: Payer | None = None) -> list[Asked]:
        """Asks all of them, at most `concurrency` at once, and waits for the last; outcomes in the order of the requests.

        A request that fails, or is not made, is an outcome too; nothing is raised for it.

        Raises:
            RuntimeError: the extra ``judge`` is not installed.
        """
        return self._runner.run(self._ask_all(requests, payer or NoCap()))

    async def _ask_all(self, requests: Sequence[Request], payer: Payer) -> list[Asked]:
        return list(await asyncio.gather(*(self._ask_one(request, payer) for request in requests)))

    async def _ask_one(self, request: Request, payer: Payer) -> Asked:
        calls: list[Call] = []
        retrying = self._tenacity.AsyncRetrying(
            retry=self._tenacity.retry_if_exception_type(_TryAgain),
            stop=self._tenacity.stop_after_attempt(self.options.tries),
            wait=lambda state: _wait(state, request),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            reply = await retrying(self._try, request, calls, payer)
        except _Unasked as unasked:
            return Asked(request, None, tuple(calls), unasked.why)
        except _Failed:
            return Asked(request, None, tuple(calls))
        except _TryAgain:
            self._give_up(calls[-1])
            return Asked(request, None, tuple(calls))
        self._given_up = 0
        return Asked(request, reply, tuple(calls))

    def _give_up(self, last: Call) -> None:
        self._given_up += 1
        if self._given_up >= GIVEN_UP_IN_A_ROW and not self.down:
            self.down = f"{last.status}: {last.detail or ''}; look at `endpoint` ({self.options.endpoint})"

    async def _try(self, request: Request, calls: list[Call], payer: Payer) -> Reply:
        async with self._slots:
            while (quiet := self._quiet_until - self._clock()) > 0:
                await self._sleep(quiet)
            if self.down:
                raise _Unasked("endpoint")
            if not payer.cover(request, self.options.worst_usd(request)):
                raise _Unasked("budget")
            call, outcome = await self._send(request, request.calls_before + len(calls))
            calls.append(call)
            payer.charge(request, call.price_usd)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _send(self, request: Request, index: int) -> tuple[Call, Reply | Exception]:
        httpx, call_id = _library("httpx"), request.call_id(index)
        dialect = self._dialect
        try:
            address = f"{self.options.endpoint.rstrip('/')}/chat/completions"
            response = await self._http.post(address, json=body_of(self.options, request, dialect))
        except (
            httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout,
            # Not sent at all.
            httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL,
        ) as error:  # fmt: skip
            return self._call(call_id, "connection", error), _TryAgain()
        except httpx.TimeoutException as error:
            # The endpoint may have worked on it, and may bill it.
            return self._assumed(request, index, "timeout", error), _TryAgain()
        except httpx.RequestError as error:
            return self._assumed(request, index, "half_an_answer", error), _TryAgain()
        if response.status_code != 200:
            return self._refused(call_id, response, dialect)
        try:
            done = completion_of(response.content, self.options, request)
        except BadBodyError as error:
            return self._assumed(request, index, "bad_body", error), _TryAgain()
        usd = self.options.price.usd(done.tokens_in, done.tokens_out)
        call_id = request.call_id(index, done.id or "")
        call = Call(call_id, "ok", done.tokens_in, done.tokens_out, usd, done.model, done.detail)
        return call, Reply(done.text, call_id, done.model, done.finish_reason, done.refusal)

    def _refused(self, call_id: str, response: "httpx.Response", dialect: Dialect) -> tuple[Call, Exception]:
        status, said = response.status_code, shown(response.content)
        call = self._call(call_id, f"http_{status}", said)
        if status in _HOPELESS or "insufficient_quota" in said:
            self.down = f"{call.status}: {call.detail}{self._remedy(status)}"
            return call, _Failed()
        if status == 429 or status == 408 or status >= 500:
            return call, self._later(retry_after(response.headers, self._now()), call)
        following = weaker(dialect, said) if status in (400, 422) else None
        if following is None:
            return call, _Failed()
        # Others that were under way may have learnt it already.
        self._dialect = following if self._dialect == dialect else self._dialect
        return call, _TryAgain(0.0)

    def _remedy(self, status: int) -> str:
        """What to look at when an endpoint will refuse the next request too."""
        if status in (401, 403):
            name = self.options.api_key_env
            return f"; it refuses the key in {name}" if self._key else f"; no key was sent, since {name} is not set"
        if status in (301, 302, 307, 308, 404, 405):
            return f"; look at `endpoint` ({self.options.endpoint}) and `model` ({self.options.model})"
        return ""

    def _later(self, wait: float | None, call: Call) -> Exception:
        if wait is None:
            return _TryAgain()
        if wait > PATIENCE:
            self.down = f"{call.status}: it asks to wait {wait:.0f} seconds"
            return _Failed()
        self._quiet_until = max(self._quiet_until, self._clock() + wait)
        return _TryAgain(wait)

    def _call(self, call_id: str, status: str, why: Exception | str) -> Call:
        return Call(call_id, status, detail=self._safe(why))

    def _assumed(self, request: Request, index: int, status: str, error: Exception) -> Call:
        usd = self.options.worst_usd(request)
        # It may have been paid, and nothing came back that would tell it from another attempt's.
        call_id = request.call_id(index, secrets.token_hex(8))
        return Call(call_id, status, token_bound(request), self.options.max_tokens, usd, None, self._safe(error))

    def _safe(self, why: Exception | str) -> str:
        said = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
        return (said.replace(self._key, "[key]") if self._key else said)[:DETAIL_CHARACTERS]


def _key_in(variable: str) -> str:
    """The key in an environment variable; it is never told.

    Raises:
        WrongSetting: it holds what no header can carry.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise WrongSetting(
            f"the key in {variable} holds a line break, a typographic quotation mark or another character that no key has; set it again"
        )
    return key


def _wait(state: "tenacity.RetryCallState", request: Request) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _TryAgain) and error.wait is not None:
        return error.wait
    longest: float = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (state.attempt_number - 1))
    # Spread, so that a crowd that was refused together does not come back together.
    return longest * (0.5 + 0.5 * unit_interval(state.attempt_number, request.key, "back-off"))


def _library(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f"asking a chat endpoint needs the package {name}: pip install 'prefcurate[judge]'"
        ) from error
