"""How addresses with a scheme are reached: tries, time limits, and what is said when a service does not answer.

Two libraries talk to an object store: fsspec's file systems (s3fs, gcsfs) for files, and deltalake for the tables' logs. Both
take credentials and endpoint from the usual environment variables (AWS_…, GOOGLE_…); how long they try is set here for both.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from typing import Any, TypeVar

from deltalake.exceptions import DeltaError
from fsspec import AbstractFileSystem

from prefcurate.schemas.errors import SpokenError

T = TypeVar("T")
TRIES = 4
"""Of one request: refused (503, 429), reset or unanswered ones are made again, after waits that double (with chance)."""
CONNECT_SECONDS, ANSWER_SECONDS = 10, 10
"""How long a connection, and the next bytes of an answer, may take before the try counts as failed."""
READ_TRIES = 4
"""Of reading an answer's body, when it breaks in the middle. These are around those of `TRIES`: a service that is silent is given
up after their product, a little less than three minutes."""
REST_SECONDS = 120
"""A service that was given up because it is silent is not waited for again so long: whoever ends has a lease to give back
and an error to keep there."""
_KEYS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
_REFUSED = re.compile(
    r"NoSuchBucket|bucket does not exist|AccessDenied|Forbidden|InvalidAccessKeyId|SignatureDoesNotMatch|locate credentials"
)
_DECORATION = re.compile(r"\x1b\[\d+m|↳")
"""Colours and arrows in deltalake's errors."""
_OF_OBJECT_STORE = re.compile(r"Generic \w+ error|Error performing [A-Z]+ https?:")
"""How deltalake says that its object store did not answer."""
_SILENT = re.compile(r"timed? ?out", re.I)
_given_up: dict[str, tuple[float, str]] = {}
"""Services that were silent for all tries: until when they rest, and what was said of them."""
# Said by the file system of what is there or not: an answer, not a failure.
_ANSWERS = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, BadGzipFile)


class Unreachable(SpokenError):
    """A store or source behind an address does not answer, or refuses, after all tries."""


def scheme(address: str) -> str:
    """`s3` of ``s3://bucket/folder``; empty for a local path."""
    return address.partition("://")[0] if "://" in address else ""


def file_options(address: str) -> dict[str, Any]:
    """What fsspec's file system of an address is made with."""
    if scheme(address) in ("s3", "s3a"):
        limits = {
            "retries": {"total_max_attempts": TRIES, "mode": "standard"},
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": ANSWER_SECONDS,
        }
        # Another process's files must be seen: no listing is remembered.
        return {"config_kwargs": limits, "use_listings_cache": False}
    if scheme(address) in ("gs", "gcs"):
        return {"use_listings_cache": False}
    return {}


def prepared(fs: AbstractFileSystem) -> AbstractFileSystem:
    """The same file system; s3fs takes the number of its own tries, around those of `file_options`, in no other way."""
    if hasattr(fs, "retries"):
        fs.retries = READ_TRIES
    return fs


def table_options(address: str) -> dict[str, str] | None:
    """What deltalake's object store is made with; the rest it takes from the environment."""
    kind = scheme(address)
    if kind not in ("s3", "s3a", "gs", "gcs"):
        return None
    options = {
        "max_retries": str(TRIES),
        "retry_timeout": f"{TRIES * ANSWER_SECONDS}s",
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "timeout": f"{ANSWER_SECONDS}s",
    }
    if kind in ("s3", "s3a"):
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
        # botocore knows the first name and asks nobody before it talks plain HTTP; deltalake must be told both.
        options |= {"aws_endpoint": endpoint} if endpoint else {}
        options |= {"allow_http": "true"} if endpoint.startswith("http://") else {}
    return options


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Says in one line what a service at a remote address did not do; errors at local paths pass as they are.

    Raises:
        Unreachable: instead of the many errors of the libraries; at once for a service that was given up a moment ago.
    """
    until, said = _given_up.get(_service(address), (0.0, ""))
    if time.monotonic() < until:
        raise _unreachable(address, said)
    try:
        yield
    except Exception as error:
        if not scheme(address) or not failed_to_answer(error):
            raise
        said = told(error)
        if _SILENT.search(said):
            _given_up[_service(address)] = time.monotonic() + REST_SECONDS, said
        raise _unreachable(address, said) from error


def _service(address: str) -> str:
    return "/".join(address.split("/", 3)[:3]) if scheme(address) else ""


def _unreachable(address: str, said: str) -> Unreachable:
    return Unreachable(
        f"{address}: {said}. Every request was tried up to {TRIES} times. What was finished is kept: the same command goes on "
        "from there"
    )


def persistently(address: str, read: Callable[[], T]) -> T:
    """What ``read`` gives; read again when an answer breaks in its middle, which deltalake does not by itself.

    Raises:
        Unreachable: as `reaching`.
    """
    with reaching(address):
        for attempt in range(READ_TRIES - 1):
            try:
                return read()
            except Exception as error:
                if not scheme(address) or not failed_to_answer(error):
                    raise
                time.sleep(0.2 * 2**attempt)
        return read()


def refused(error: BaseException) -> bool:
    """Whether a service answered that nobody may come in, or that there is no such place: trying again helps nobody."""
    return _REFUSED.search(str(error)) is not None


def failed_to_answer(error: BaseException) -> bool:
    """Whether an error is a service's, not of what was read from it."""
    if isinstance(error, _ANSWERS):
        return False
    if isinstance(error, TimeoutError | ConnectionError):
        return True
    if type(error).__module__.split(".")[0] in ("botocore", "aiobotocore", "aiohttp", "gcsfs", "google"):
        return True
    if isinstance(error, OSError | DeltaError) and _OF_OBJECT_STORE.search(str(error)):
        return True
    # Arrow raises OSErrors of broken files, without a number.
    return isinstance(error, OSError) and error.errno is not None


def told(error: BaseException) -> str:
    """The error in one line, without the keys that the environment holds."""
    lines = [_DECORATION.sub("", line).strip() for line in str(error).splitlines()]
    text = ": ".join(dict.fromkeys(line for line in lines if line)) or type(error).__name__
    for name in _KEYS:
        if len(os.environ.get(name, "")) > 3:
            text = text.replace(os.environ[name], f"[{name}]")
    return text.rstrip(".")
