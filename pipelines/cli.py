"""The command `prefcurate`."""

import logging
import os
import shutil
import signal
import sys
from contextlib import AbstractContextManager
from enum import StrEnum
from multiprocessing.util import get_temp_dir
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from prefcurate.schemas.errors import SpokenError, WrongSetting

if TYPE_CHECKING:
    from prefcurate.pipelines.config import Config
    from prefcurate.transforms.store.store import Store

FAILED, WRONG = 1, 2
"""Exit statuses: something failed and is named; the configuration is wrong and nothing was paid."""

_STOPPED = "\nstopped; the same command goes on where this one ended, and asks nobody twice"
_INTERRUPTED = 130
"""Typer's status for a command that ctrl-C ended."""
_ONE_THREAD_EACH = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""For the libraries that count in floats: how many threads share a sum changes its last bits, and work is spread over processes."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""Turns raw comparisons of language-model responses into preference datasets worth training on.

One YAML file names the sources, the annotators and the budget; everything computed lies in a *store* (a folder).

A first hour:

- `prefcurate check CONFIG` says in words what it understood of your sources; reads only.

- `prefcurate plan CONFIG` says what a run would ask of whom, and the price; pays nothing.

- `prefcurate run CONFIG` computes what is missing. Stop it at any moment; the same command goes on.

- `prefcurate query STORE "SELECT decision, count(*) FROM consensus GROUP BY 1"` looks at any table.

- `prefcurate show STORE ID` says everything about one pair, and why it was decided so.
""",
)
ConfigArgument = Annotated[str, typer.Argument(metavar="CONFIG", help="the YAML file; see examples/quickstart.yaml")]
StoreArgument = Annotated[str, typer.Argument(metavar="STORE", help="the store's folder or address")]
LimitOption = Annotated[int | None, typer.Option(min=1, help="read this many rows of each file, for a taste")]


class LogFormat(StrEnum):
    """How `run` tells what happens."""

    TEXT = "text"
    JSON = "json"


class Format(StrEnum):
    """How `query` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@app.command()
def check(
    config: ConfigArgument, rows: Annotated[int, typer.Option(min=1, help="rows read of each source")] = 2000
) -> None:
    """Says in words what it understood of each source: prompt, both answers, who preferred which; warns of reversed labels."""
    from prefcurate.pipelines.check import check as check_sources
    from prefcurate.pipelines.check import render
    from prefcurate.pipelines.config import load_config

    report = check_sources(load_config(config), rows)
    typer.echo(render(report))
    raise typer.Exit(0 if report.ok else WRONG)


@app.command()
def plan(config: ConfigArgument, limit: LimitOption = None) -> None:
    """Says what a run would compute and ask: stages, questions, tokens, price. Pays nothing, writes nothing."""
    from prefcurate.pipelines.forget import remembering
    from prefcurate.pipelines.plan import plan as plan_run
    from prefcurate.pipelines.plan import render

    settings = _validated(config, limit)
    with _explained(settings.store):
        typer.echo(render(plan_run(remembering(settings)[0])))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    config: ConfigArgument,
    stages: Annotated[
        str | None, typer.Option(help="some of the stages, e.g. screen,embed; what they build on must have run")
    ] = None,
    limit: LimitOption = None,
    log_format: Annotated[LogFormat, typer.Option(help="text for people, json for schedulers")] = LogFormat.TEXT,
) -> None:
    """Computes what is missing and publishes. Flags that it does not know go to Beam (--runner=SparkRunner …)."""
    settings = _validated(config, limit)
    _run(config, settings, _stage_names(stages), context.args, log_format)


@app.command()
def status(store: StoreArgument) -> None:
    """Rows, shards, bytes of every table; when each stage last changed something; what has been spent."""
    from prefcurate.pipelines.status import render
    from prefcurate.pipelines.status import status as status_of

    with _explained(store):
        render(status_of(_open(store)), Console(emoji=False))


@app.command()
def query(
    store: StoreArgument,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="what DuckDB is asked; every table is a view")],
    format: Annotated[Format, typer.Option(help="how to print the rows")] = Format.TABLE,
) -> None:
    """DuckDB with every table as a view of the rows that count, and `preferences`, the current release."""
    from prefcurate.pipelines.query import printed, query_store

    with _explained(store):
        for line in printed(query_store(_open(store), sql), format.value):
            typer.echo(line)


@app.command()
def show(
    store: StoreArgument,
    id: Annotated[str, typer.Argument(metavar="ID", help="a comparison_id or prompt_id, or its beginning")],
) -> None:
    """Everything known about one pair: texts, who said what, what was decided and why."""
    from prefcurate.pipelines.show import show as show_pair

    with _explained(store):
        typer.echo(show_pair(_open(store), id))


@app.command()
def diff(
    store: StoreArgument,
    a: Annotated[str, typer.Argument(metavar="A", help="the earlier release: its id or its beginning")],
    b: Annotated[str, typer.Argument(metavar="B", help="the later one")] = "current",
) -> None:
    """What changed between two releases, and why."""
    from prefcurate.pipelines.diff import diff as diff_releases
    from prefcurate.pipelines.diff import render

    with _explained(store):
        typer.echo(render(diff_releases(_open(store), a, b)))


@app.command()
def repair(
    target: Annotated[str, typer.Argument(metavar="STORE_OR_CONFIG", help="a store, or the YAML file that names one")],
    check: Annotated[bool, typer.Option("--check", help="only look; exit status 1 when something is damaged")] = False,
) -> None:
    """Finds missing, truncated and corrupted files, sets them aside, and computes again what can be.

    With a CONFIG it goes on with the run that makes it again, unless somebody would have to be paid; with a STORE that run is yours.
    """
    from prefcurate.pipelines.config import load_config
    from prefcurate.pipelines.plan import plan as plan_run
    from prefcurate.pipelines.plan import render as render_plan
    from prefcurate.pipelines.repair import check as look
    from prefcurate.pipelines.repair import is_store, render
    from prefcurate.pipelines.repair import repair as mend

    settings = None if is_store(target) else load_config(target)
    root = target if settings is None else settings.store
    report = look(root) if check else mend(root)
    for line in render(report):
        typer.echo(line)
    if check or not report.damage:
        raise typer.Exit(FAILED if report.damage else 0)
    if settings is None:
        typer.echo("now `prefcurate run CONFIG` computes again what is missing")
        return
    planned = plan_run(_validated(target, None))
    if planned.calls or planned.others:
        typer.echo(f"now `prefcurate run {target}` computes again what is missing; somebody may have to be paid:")
        typer.echo(render_plan(planned))
        return
    _run(target, settings, None, [])


@app.command()
def reshard(
    target: Annotated[str, typer.Argument(metavar="STORE_OR_CONFIG", help="a store, or the YAML file that names one")],
    shards: Annotated[int, typer.Option(min=1, help="the new number: twice the old one, or four times, …")],
) -> None:
    """Cuts a store that has grown into more shards. Stop it at any moment; the same command goes on."""
    from prefcurate.pipelines.config import load_config
    from prefcurate.pipelines.repair import is_store
    from prefcurate.pipelines.reshard import reshard as cut

    root = target if is_store(target) else load_config(target).store
    with _explained(root):
        moved = cut(root, shards, typer.echo)
    typer.echo(
        f"{root} has {shards} shards" + (f" now; set shards: {shards} in the configuration" if moved else " already")
    )


def _run(
    config: str,
    settings: "Config",
    names: list[str] | None,
    flags: list[str],
    log_format: LogFormat = LogFormat.TEXT,
) -> None:
    from prefcurate.pipelines.curate import curate
    from prefcurate.pipelines.launch import StageFailed
    from prefcurate.pipelines.progress import Progress, json_logger
    from prefcurate.pipelines.summary import summary
    from prefcurate.transforms.store.trouble import explained

    console = Console(emoji=False)
    text = log_format is LogFormat.TEXT
    progress = Progress(console, None if text else json_logger())
    progress.open(f"prefcurate: {config} into {settings.store}")
    with progress.failures_told(), explained(settings.store, also=(StageFailed,)):
        outcome = curate(settings, progress, names, flags)
        if names is None and text:
            summary(_open(settings.store), console)
    progress.ended(outcome.unfinished)
    for line in outcome.unfinished:
        typer.echo(f"not finished: {line}", err=True)
    raise typer.Exit(FAILED if outcome.unfinished else 0)


def _explained(root: str) -> AbstractContextManager[None]:
    from prefcurate.transforms.store.files import absolute
    from prefcurate.transforms.store.trouble import explained

    return explained(absolute(root))


@app.command()
def forget(
    store: StoreArgument,
    source: Annotated[list[str] | None, typer.Option(help="a source; may be given several times")] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="a prompt_id, whole; may be given several times")] = None,
    annotator: Annotated[
        list[str] | None, typer.Option(help="as in the tables, e.g. person:votes/anna; may be given several times")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before anything is taken away")] = False,
) -> None:
    """Takes a source, a prompt or an annotator out of every table, older version, artefact and release, for ever."""
    from prefcurate.pipelines import forget as forgetting
    from prefcurate.transforms.forget.forget import foresee

    names = forgetting.Names(*(tuple(dict.fromkeys(given or ())) for given in (source, prompt, annotator)))
    console = Console(emoji=False)
    with _explained(store):
        opened = _open(store)
        # A store of an earlier version lacks tables that came since.
        opened.create()
        finished = forgetting.finish_stopped(opened, console)
        if not names and not finished:
            raise WrongSetting("name what is to be forgotten: --source, --prompt or --annotator")
        if finished and forgetting.all_forgotten(opened, names):
            return
        forgetting.check_names(opened, names)
        foreseen = foresee(opened, names.sources, names.prompts, names.annotators)
        forgetting.explain(foreseen, console)
        if not yes:
            typer.confirm("This cannot be undone. Forget all of it?", abort=True)
        forgetting.take_away(opened, foreseen, console)


@app.command()
def vacuum(
    store: StoreArgument,
    older_than: Annotated[
        str,
        typer.Option(
            help="how long replaced versions and leftovers are kept: 7d, 12h, 30m; readers older than that fail"
        ),
    ] = "7d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be removed, and remove nothing")] = False,
) -> None:
    """Removes what crashes left and what old versions of tables held; never what a run could take up or somebody paid for."""
    from prefcurate.pipelines.vacuum import duration, render
    from prefcurate.pipelines.vacuum import vacuum as vacuum_store

    seconds = duration(older_than)
    with _explained(store):
        found = vacuum_store(_open(store), seconds, dry_run, lambda line: typer.echo(line, err=True))
    for line in render(found, dry_run):
        typer.echo(line)


def _open(root: str) -> "Store":
    from prefcurate.transforms.store.files import absolute
    from prefcurate.transforms.store.store import Store

    return Store.open(absolute(root))


def _validated(path: str, limit: int | None) -> "Config":
    from prefcurate.pipelines.config import load_config
    from prefcurate.pipelines.validate import validate_inputs

    config = load_config(path)
    validate_inputs(config)
    return config if limit is None else config.model_copy(update={"limit": limit})


def _stage_names(text: str | None) -> list[str] | None:
    from prefcurate.pipelines.curate import STAGES

    if text is None:
        return None
    known = [stage.name for stage in STAGES]
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise WrongSetting(
            f"--stages: there is no stage {', '.join(unknown) or '(none named)'}; stages: {', '.join(known)}"
        )
    return names


def main() -> None:
    """The console script: errors that a person can mend end in one message and the right exit status."""
    # Beam's chatter stays out of the way: what goes wrong is said once, here.
    logging.basicConfig(level=logging.CRITICAL)
    # A scheduler's word ends a run as ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for name, value in _ONE_THREAD_EACH.items():
        os.environ.setdefault(name, value)
    end(status_of_command())


def end(status: int) -> NoReturn:
    """Ends this process at once: a loaded model keeps DuckDB's types alive, which prints pages about leaks when the interpreter
    is taken apart."""
    sys.stdout.flush()
    sys.stderr.flush()
    # Of the fork server's socket, which Python removes only when it is taken apart.
    shutil.rmtree(get_temp_dir(), ignore_errors=True)
    os._exit(status)


def status_of_command() -> int:
    """Runs the command line that the process was started with; errors that a person can mend are told and give a status."""
    try:
        app()
    except SystemExit as end:
        if end.code != _INTERRUPTED:
            return end.code if isinstance(end.code, int) else FAILED
        typer.echo(_STOPPED, err=True)
    except SpokenError as error:
        typer.echo(f"prefcurate: {error}", err=True)
        return error.exit_status
    except OSError as error:
        typer.echo(f"prefcurate: {type(error).__name__}: {error}", err=True)
    except KeyboardInterrupt:
        typer.echo(_STOPPED, err=True)
    return FAILED
