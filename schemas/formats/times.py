"""Moments and durations as sources write them: when an answer was given, and how long it took."""

import datetime
from contextlib import suppress
from typing import Any

from prefcurate.schemas.formats.mapping_values import is_nothing
from prefcurate.schemas.formats.rows import RowError

_MILLISECONDS = 1e11
"""A number beyond this counts milliseconds: as seconds it would lie in the year 5138."""


def epoch(value: Any) -> float | None:
    """A time as seconds: a number as it is, also in words, or a date in ISO 8601; None where there is none.

    Raises:
        RowError: it is something else.
    """
    if is_nothing(value):
        return None
    with suppress(TypeError, ValueError):
        return float(value)
    told = str(value).replace("/", "-").strip()
    told = told[:-4] + "+00:00" if told.endswith((" UTC", " GMT")) else told
    try:
        found = datetime.datetime.fromisoformat(told)
    except ValueError as error:
        raise RowError(
            "wrong type", f"{str(value)[:40]!r} is no time: seconds, or a date such as 2020-01-31"
        ) from error
    # Times without a zone are all of one place: only which is later matters.
    return (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()


def moment(value: Any) -> str | None:
    """A time as ISO 8601 in UTC, to the second; numbers are seconds or milliseconds since 1970. None where there is none.

    Raises:
        RowError: it is no time, or none of this era.
    """
    seconds = epoch(value)
    if seconds is None:
        return None
    seconds = seconds / 1000 if abs(seconds) > _MILLISECONDS else seconds
    try:
        told = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise RowError("wrong type", f"{str(value)[:40]!r} is no time of this era") from error
    return told.strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(value: Any) -> float | None:
    """Seconds that something took; None where there is nothing, or less than nothing.

    Raises:
        RowError: it is no number.
    """
    if is_nothing(value):
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError) as error:
        raise RowError("wrong type", f"{str(value)[:40]!r} is no number of seconds") from error
    return seconds if 0 <= seconds < float("inf") else None


def between(start: Any, end: Any) -> float | None:
    """Seconds from one time to another; None where either is missing, or they stand the wrong way round.

    Raises:
        RowError: one of them is no time.
    """
    one, other = epoch(start), epoch(end)
    return None if one is None or other is None else duration(other - one)


def leniently(made: Any, *values: Any) -> Any:
    """What a function of this module makes of what a tool noted; None where it cannot: a strange time is no reason to lose an opinion."""
    try:
        return made(*values)
    except RowError:
        return None
