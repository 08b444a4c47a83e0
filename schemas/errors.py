"""Errors that speak to a person: the message says what was wrong, where, and what to do; no stack is shown for them."""

from typing import ClassVar


class SpokenError(Exception):
    """Something failed in a way that a person can understand and mend."""

    exit_status: ClassVar[int] = 1
    """Of the command that ends with it."""


class MissingExtra(SpokenError):
    """A package that an extra of ours brings is not installed here, or not in a version that fits."""


class WrongSetting(SpokenError):
    """The configuration or the command line is wrong; nothing was paid."""

    exit_status: ClassVar[int] = 2
