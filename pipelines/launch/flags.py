"""What the person said about the runner: the flags that follow the configuration, checked, and defaults beside them."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from prefcurate.schemas.errors import WrongSetting

Setting = str | int | bool | Sequence[str]
"""The value of a flag: True is a flag without a value; several are a flag that is repeated."""


class FlagError(WrongSetting):
    """A Beam flag cannot be used: the message names it and the remedy."""


@dataclass(frozen=True)
class Said:
    """The flags as they were typed, and what is known of the run before it starts.

    Attributes:
        flags: as on the command line, ``--name=value`` or ``--name value``.
        store: the store's address.
        shards: of the store.
        limit: rows read of each file, for a taste; None is all.
        paths: the files and folders that the configuration names, each after the key that names it.
    """

    flags: tuple[str, ...]
    store: str = ""
    shards: int = 1
    limit: int | None = None
    paths: tuple[tuple[str, str], ...] = ()

    @cached_property
    def options(self) -> Mapping[str, Any]:
        """Every option of Beam by name, with its value as typed or Beam's default; and flags that Beam does not know.

        Raises:
            FlagError: a value is of the wrong kind.
        """
        try:
            return dict(PipelineOptions(list(self.flags)).get_all_options(retain_unknown_options=True))
        except SystemExit as error:
            raise FlagError(f"Beam does not understand the flags {' '.join(self.flags)}") from error

    @cached_property
    def names(self) -> frozenset[str]:
        """The options that the person named, whatever the value: their word stands, also where it is Beam's default."""
        return frozenset(
            name
            for flag in self.flags
            if flag.startswith("--")
            for name in (flag[2:].split("=")[0], flag[2:].split("=")[0].removeprefix("no_"))
        )

    def with_defaults(self, defaults: Mapping[str, Setting]) -> PipelineOptions:
        """Beam's options: what the person said, and of the defaults those which the person said nothing about."""
        more = [flag for name, value in defaults.items() if name not in self.names for flag in _spelled(name, value)]
        return PipelineOptions([*self.flags, *more])

    def check_known(self) -> None:
        """Refuses flags that no part of Beam's Python side knows.

        Raises:
            FlagError: names one and what it may have been meant to be.
        """
        known = set(PipelineOptions([]).get_all_options())
        for name in sorted(set(self.options) - known):
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"did you mean --{near[0]}?" if near else "flags after the configuration go to Beam"
            raise FlagError(f"--{name} is no flag of prefcurate or Beam; {hint}")


def _spelled(name: str, value: Setting) -> Iterator[str]:
    if isinstance(value, bool):
        yield from [f"--{name}"] if value else []
    elif isinstance(value, (str, int)):
        yield f"--{name}={value}"
    else:
        yield from (f"--{name}={each}" for each in value)
