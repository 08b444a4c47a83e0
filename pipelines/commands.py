"""What the commands of `prefcurate` share: their arguments, and what happens around each."""

import gc
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from prefcurate.pipelines.config import Config
    from prefcurate.transforms.store.store import Store

FAILED, WRONG = 1, 2
"""Exit statuses: something failed and is named; the configuration is wrong and nothing was paid."""

ConfigArgument = Annotated[str, typer.Argument(metavar="CONFIG", help="the YAML file; see examples/quickstart.yaml")]
StoreArgument = Annotated[str, typer.Argument(metavar="STORE", help="the store's folder or address")]
LimitOption = Annotated[int | None, typer.Option(min=1, help="read this many rows of each file, for a taste")]


class LogFormat(StrEnum):
    """How `run` tells what happens."""

    TEXT = "text"
    JSON = "json"


def run_line(
    config: str,
    settings: "Config",
    names: list[str] | None,
    flags: list[str],
    log_format: LogFormat = LogFormat.TEXT,
) -> None:
    """Runs the line, tells how it goes and what came of it, and ends the command with its status."""
    from prefcurate.pipelines.curate import curate
    from prefcurate.pipelines.launch.failures import StageFailed, WorkerGone
    from prefcurate.pipelines.progress import Progress, json_logger
    from prefcurate.pipelines.summary import summary
    from prefcurate.transforms.store.trouble import explained

    # What has been imported stays; looking through all of it for garbage again and again takes a fifth of the time.
    gc.freeze()
    console = Console(emoji=False)
    text = log_format is LogFormat.TEXT
    progress = Progress(console, None if text else json_logger())
    progress.open(f"prefcurate: {config} into {settings.store}")
    with progress.failures_told(), explained(settings.store, also=(StageFailed,), but=(WorkerGone,)):
        outcome = curate(settings, progress, names, flags)
        if names is None and text:
            summary(open_store(settings.store), console)
    progress.ended(outcome.unfinished)
    for line in outcome.unfinished:
        typer.echo(f"not finished: {line}", err=True)
    raise typer.Exit(FAILED if outcome.unfinished else 0)


def explaining(root: str) -> AbstractContextManager[None]:
    """What fails on a store in the block is told by its reason: no room, or damage."""
    from prefcurate.transforms.store.files import absolute
    from prefcurate.transforms.store.trouble import explained

    return explained(absolute(root))


def open_store(root: str) -> "Store":
    """The store at a path or address."""
    from prefcurate.transforms.store.files import absolute
    from prefcurate.transforms.store.store import Store

    return Store.open(absolute(root))


def validated(path: str, limit: int | None) -> "Config":
    """The configuration, with everything looked at that can be wrong before something is paid."""
    from prefcurate.pipelines.config import load_config
    from prefcurate.pipelines.validate import validate_inputs

    config = load_config(path)
    validate_inputs(config)
    return config if limit is None else config.model_copy(update={"limit": limit})
