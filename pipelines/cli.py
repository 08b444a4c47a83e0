"""The command `prefcurate`."""

import logging
import os
import shutil
import signal
import sys
from enum import StrEnum
from multiprocessing.util import get_temp_dir
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from prefcurate.pipelines import keeping
from prefcurate.pipelines.commands import (
    FAILED,
    WRONG,
    ConfigArgument,
    LimitOption,
    LogFormat,
    StoreArgument,
    explaining,
    open_store,
    run_line,
    validated,
)
from prefcurate.schemas.errors import SpokenError, WrongSetting

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


class Format(StrEnum):
    """How `query` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@app.command()
def check(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="the YAML file", show_default=False)] = "",
    rows: Annotated[int, typer.Option(min=1, help="rows read of each source")] = 2000,
    suggest: Annotated[
        str,
        typer.Option(metavar="FILE", help="looks at a file that no source describes, and proposes one to start from"),
    ] = "",
) -> None:
    """Says in words what it understood of each source: prompt, both answers, who preferred which; warns of reversed labels."""
    from prefcurate.pipelines.check import check as check_sources
    from prefcurate.pipelines.check_words import render
    from prefcurate.pipelines.config import load_config

    if suggest:
        from prefcurate.pipelines.suggest import propose
        from prefcurate.pipelines.suggest import render as render_proposal

        typer.echo(render_proposal(propose(suggest)))
        return
    if not config:
        raise WrongSetting("name a configuration, or a file with --suggest FILE; see examples/quickstart.yaml")
    report = check_sources(load_config(config), rows)
    typer.echo(render(report))
    raise typer.Exit(0 if report.ok else WRONG)


@app.command()
def plan(config: ConfigArgument, limit: LimitOption = None) -> None:
    """Says what a run would compute and ask: stages, questions, tokens, price. Pays nothing, writes nothing."""
    from prefcurate.pipelines.forget import remembering
    from prefcurate.pipelines.plan import plan as plan_run
    from prefcurate.pipelines.plan import render

    settings = validated(config, limit)
    with explaining(settings.store):
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
    settings = validated(config, limit)
    run_line(config, settings, _stage_names(stages), context.args, log_format)


@app.command()
def status(store: StoreArgument) -> None:
    """Rows, shards, bytes of every table; when each stage last changed something; what has been spent."""
    from prefcurate.pipelines.status import render
    from prefcurate.pipelines.status import status as status_of

    with explaining(store):
        render(status_of(open_store(store)), Console(emoji=False))


@app.command()
def query(
    store: StoreArgument,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="what DuckDB is asked; every table is a view")],
    format: Annotated[Format, typer.Option(help="how to print the rows")] = Format.TABLE,
) -> None:
    """DuckDB with every table as a view of the rows that count, and `preferences`, the current release."""
    from prefcurate.pipelines.query import printed, query_store

    with explaining(store):
        for line in printed(query_store(open_store(store), sql), format.value):
            # What a value holds is printed as it is, also where the output is no terminal.
            typer.echo(line, color=True)


@app.command()
def show(
    store: StoreArgument,
    id: Annotated[str, typer.Argument(metavar="ID", help="a comparison_id or prompt_id, or its beginning")],
) -> None:
    """Everything known about one pair: texts, who said what, what was decided and why."""
    from prefcurate.pipelines.show import show as show_pair

    with explaining(store):
        typer.echo(show_pair(open_store(store), id))


@app.command()
def diff(
    store: StoreArgument,
    a: Annotated[str, typer.Argument(metavar="A", help="the earlier release: its id or its beginning")],
    b: Annotated[str, typer.Argument(metavar="B", help="the later one")] = "current",
) -> None:
    """What changed between two releases, and why."""
    from prefcurate.pipelines.diff import diff as diff_releases
    from prefcurate.pipelines.diff import render

    with explaining(store):
        typer.echo(render(diff_releases(open_store(store), a, b)))


@app.command()
def policies(
    place: Annotated[
        str, typer.Argument(metavar="CONFIG_OR_STORE", help="the YAML file, or the store's folder or address")
    ],
    policies: Annotated[str, typer.Option(help="some of the policies, e.g. votes,learned@1; all by default")] = "",
) -> None:
    """What several policies would decide from the same opinions, side by side. Asks nobody, writes nothing."""
    from prefcurate.pipelines.policies import compare_policies
    from prefcurate.pipelines.policies import render as render_policies

    with explaining(place):
        typer.echo(render_policies(compare_policies(place, policies)))


keeping.add_to(app)


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
    prepare()
    end(status_of_command())


def prepare() -> None:
    """Sets what a process that runs the command needs."""
    # Beam's chatter stays out of the way: what goes wrong is said once, here.
    logging.basicConfig(level=logging.CRITICAL)
    # A scheduler's word ends a run as ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for name, value in _ONE_THREAD_EACH.items():
        os.environ.setdefault(name, value)


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
