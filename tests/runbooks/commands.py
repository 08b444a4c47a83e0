"""Whether a command line that a runbook shows is one that the program understands."""

import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import typer.main
from apache_beam.options.pipeline_options import PipelineOptions

from prefcurate.pipelines.cli import app

ROOT = Path(__file__).parents[2]
OTHERS = {"jar_cache_dir", "environment_cache_millis"}
"""Flags of a job server alone."""


@cache
def beams() -> frozenset[str]:
    """Every flag that Beam's Python side knows."""
    return frozenset(PipelineOptions([]).get_all_options()) | {"extra_package", "experiment", "no_auth", "label"}


@cache
def known() -> dict[str, Any]:
    """Every command by its name."""
    return typer.main.get_command(app).commands


def mistakes(arguments: Sequence[str]) -> Iterator[str]:
    """What is wrong with the arguments of a command line, without the program's name."""
    if not arguments or arguments[0].startswith("-"):
        return
    command = known().get(arguments[0])
    if command is None:
        yield f"no command {arguments[0]}"
        return
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    takes_beams = bool(command.context_settings.get("ignore_unknown_options"))
    for argument in arguments[1:]:
        if not argument.startswith("--"):
            continue
        name = argument.split("=")[0]
        if name not in options and not (takes_beams and name[2:] in beams() | OTHERS):
            yield f"{arguments[0]} knows no {name}"


def shown(text: str) -> Iterator[list[str]]:
    """The command lines of prefcurate in a text: in indented or fenced blocks, one a line, or continued with a backslash."""
    for line in text.replace("\\\n", " ").splitlines():
        for piece in line.split("&&"):
            words = piece.split("#")[0].strip().removeprefix("$ ")
            if line[:1] in (" ", "\t") and words.startswith("prefcurate "):
                yield [word for word in _split(words)[1:] if word not in ("…", "...")]


def _split(words: str) -> list[str]:
    for end in (" >", " |", " 2>", "  "):
        words = words.split(end)[0]
    return shlex.split(words)
