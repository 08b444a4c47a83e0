"""An S3 server for tests (moto), and a proxy before it that loses connections, refuses and is slow, by seed or by script."""

import asyncio
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import s3fs
from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web
from yarl import URL

KEY, SECRET = "AKIAQUITEPUBLIC00000", "averySecretKeyThatNobodyMaySee0000000000"
BUCKET = "bucket"
_SLOW_DOWN = (
    "<?xml version='1.0' encoding='UTF-8'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate."
    "</Message><RequestId>1</RequestId></Error>"
)
_HOP = {"transfer-encoding", "connection", "keep-alive", "content-length"}

Fault = str
"""`refuse`: 503 and nothing done. `reset`: the connection breaks and nothing was done. `lost`: it was done, and the answer is lost.
`refused_after`: it was done, and the answer is a 503. `half`: half of the answer comes. `slow`: the answer comes late."""


@dataclass
class Seeded:
    """Each fault with a chance of its own; one seed is one sequence of draws."""

    seed: int
    chances: dict[Fault, float]

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def __call__(self, method: str, path: str) -> Fault | None:
        draw = self._random.random()
        for fault, chance in self.chances.items():
            if draw < chance:
                return fault
            draw -= chance
        return None


@dataclass
class FaultyProxy:
    """``with FaultyProxy(upstream) as proxy: … proxy.endpoint …``; `choose` is asked for every request, and may be replaced."""

    upstream: str
    choose: Callable[[str, str], Fault | None] = lambda method, path: None
    slow_seconds: float = 0.3
    seen: Counter[str] = field(default_factory=Counter)
    """How often each fault was made, and `requests`."""

    def __enter__(self) -> "FaultyProxy":
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(30)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.run_until_complete(self._session.close())
        self._loop.close()

    async def _start(self) -> None:
        self._session = ClientSession(
            auto_decompress=False, cookie_jar=DummyCookieJar(), connector=TCPConnector(force_close=True)
        )
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.endpoint = f"http://127.0.0.1:{port}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.seen["requests"] += 1
        fault = self.choose(request.method, request.rel_url.raw_path)
        self.seen.update([fault] if fault else [])
        body = await request.read()
        if fault == "refuse":
            return web.Response(status=503, text=_SLOW_DOWN, content_type="application/xml")
        if fault == "reset":
            return _broken(request)
        if fault == "slow":
            await asyncio.sleep(self.slow_seconds)
        status, headers, answer, length = await self._forward(request, body)
        if fault == "lost":
            return _broken(request)
        if fault == "refused_after":
            return web.Response(status=503, text=_SLOW_DOWN, content_type="application/xml")
        if fault == "half" and len(answer) > 1 and request.method == "GET":
            return await _half(request, status, headers, answer)
        if request.method == "HEAD":
            # aiohttp would count the bytes of a body that there is none of.
            told = web.StreamResponse(status=status, headers=headers)
            told.content_length = length
            await told.prepare(request)
            return told
        return web.Response(status=status, headers=headers, body=answer)

    async def _forward(self, request: web.Request, body: bytes) -> tuple[int, dict[str, str], bytes, int]:
        url = URL(f"{self.upstream}{request.rel_url.raw_path_qs}", encoded=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        async with self._session.request(
            request.method, url, headers=headers, data=body, skip_auto_headers=["User-Agent"]
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            return answer.status, kept, await answer.read(), int(answer.headers.get("Content-Length", 0))


def _broken(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _half(request: web.Request, status: int, headers: dict[str, str], answer: bytes) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers | {"Content-Length": str(len(answer))})
    await response.prepare(request)
    await response.write(answer[: len(answer) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """A moto server in a process of its own with an empty bucket; gives its endpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _wait_for(port)
        bucket_files(endpoint).mkdir(BUCKET)
        yield endpoint
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the moto server does not listen")


def environment(endpoint: str) -> dict[str, str]:
    """The usual variables, as a person sets them."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }


def bucket_files(endpoint: str, **more: Any) -> s3fs.S3FileSystem:
    """The bucket's files, not through any proxy."""
    return s3fs.S3FileSystem(
        key=KEY,
        secret=SECRET,
        endpoint_url=endpoint,
        use_listings_cache=False,
        skip_instance_cache=True,
        **more,
    )
