"""The commands of `prefcurate` that keep a store: repair, reshard, forget, vacuum."""

from typing import Annotated

import typer
from rich.console import Console

from prefcurate.pipelines.commands import FAILED, StoreArgument, explaining, open_store, run_line, validated
from prefcurate.schemas.errors import WrongSetting


def add_to(app: typer.Typer) -> None:
    """Adds them to the command."""
    for command in (repair, reshard, forget, vacuum):
        app.command()(command)


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
    planned = plan_run(validated(target, None))
    if any(calls.questions for calls in planned.calls) or planned.others:
        typer.echo(f"now `prefcurate run {target}` computes again what is missing; somebody may have to be paid:")
        typer.echo(render_plan(planned))
        return
    run_line(target, settings, None, [])


def reshard(
    target: Annotated[str, typer.Argument(metavar="STORE_OR_CONFIG", help="a store, or the YAML file that names one")],
    shards: Annotated[int, typer.Option(min=1, help="the new number: twice the old one, or four times, …")],
) -> None:
    """Cuts a store that has grown into more shards. Stop it at any moment; the same command goes on."""
    from prefcurate.pipelines.config import load_config
    from prefcurate.pipelines.repair import is_store
    from prefcurate.pipelines.reshard import reshard as cut

    root = target if is_store(target) else load_config(target).store
    with explaining(root):
        moved = cut(root, shards, typer.echo)
    typer.echo(
        f"{root} has {shards} shards" + (f" now; set shards: {shards} in the configuration" if moved else " already")
    )


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
    with explaining(store):
        opened = open_store(store)
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


def vacuum(
    store: StoreArgument,
    older_than: Annotated[
        str,
        typer.Option(
            help="how long replaced versions (in whole hours, rounded up) and leftovers are kept: 7d, 12h, 30m; readers older than that fail"
        ),
    ] = "7d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be removed, and remove nothing")] = False,
) -> None:
    """Removes what crashes left and what old versions of tables held; never what a run could take up or somebody paid for."""
    from prefcurate.pipelines.vacuum import duration, render
    from prefcurate.pipelines.vacuum import vacuum as vacuum_store

    seconds = duration(older_than)
    with explaining(store):
        found = vacuum_store(open_store(store), seconds, dry_run, lambda line: typer.echo(line, err=True))
    for line in render(found, dry_run):
        typer.echo(line)
