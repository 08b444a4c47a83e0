"""What a file's name says, by a pattern: the groups of `file_name: "judge-(?P<judge>[^_]+)\\.tsv"` lie at `@file.judge` in its rows."""

import fnmatch
import re
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

from prefcurate.schemas.formats.base import SourceFile, plain_name

FILE = "@file"
"""Where in a row what its file's name says is found."""
NAME = "name"
"""The group that is always there: the file's name within the source."""


@lru_cache(maxsize=256)
def pattern_of(text: str) -> re.Pattern[str]:
    """A pattern of file names, which matches the last steps of an address.

    Raises:
        ValueError: it is no regular expression, or a group has the name of what is always there.
    """
    try:
        # As many folders as may be stand before: a name says the same wherever the source lies.
        found = re.compile(f"(?:.*/)?(?:{text})")
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    if NAME in found.groupindex:
        raise ValueError(f"{text!r}: the group {NAME!r} is the whole name of the file; call yours otherwise")
    return found


def _is_pattern(text: str) -> str:
    pattern_of(text)
    return text


NamePattern = Annotated[str, AfterValidator(_is_pattern)]
"""A setting that is a pattern of file names."""


def groups_of(file: SourceFile, text: str) -> dict[str, str | None]:
    """What the named groups of a pattern say of a file; the ending of a compression may be left out of the pattern.

    Raises:
        ValueError: the file's name does not match.
    """
    pattern = pattern_of(text)
    found = pattern.fullmatch(plain_name(file.address)) or pattern.fullmatch(file.address)
    if found is None:
        raise ValueError(
            f"{file.name}: the name does not match `file_name: {text}`; mend the pattern, or let `path` name the files that it is about"
        )
    return found.groupdict()


def is_called(file: SourceFile, pattern: str) -> bool:
    """Whether the last steps of a file's address match a pattern with * and ?, with or without the ending of a compression."""
    return any(
        fnmatch.fnmatchcase("/".join(address.split("/")[-(pattern.count("/") + 1) :]), pattern)
        for address in (plain_name(file.address), file.address)
    )
