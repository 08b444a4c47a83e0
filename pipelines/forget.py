"""`prefcurate forget STORE`: takes a source, a prompt or an annotator out of a store, after saying what that means.

prefcurate forget STORE --source team_votes
prefcurate forget STORE --prompt 3f2a… --annotator person:team_votes/worker-17 --yes
"""

import difflib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from prefcurate.pipelines.config import Config
from prefcurate.schemas.errors import WrongSetting
from prefcurate.transforms.forget.forget import Done, Foreseen, finish, forget
from prefcurate.transforms.forget.going import annotators_of, has_prompt, prompts_like, sources_of
from prefcurate.transforms.store.files import exists, join
from prefcurate.transforms.store.lease import Lease
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.tombstones import Tombstones, tombstones, unapplied


@dataclass(frozen=True)
class Names:
    """What a person wants forgotten: names of sources, prompt ids, names of annotators as the tables have them."""

    sources: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    annotators: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sources or self.prompts or self.annotators)


def all_forgotten(store: Store, names: Names) -> bool:
    """Whether tombstones of all of these lie in the store."""
    known = tombstones(store.root)
    return (
        all(map(known.has_source, names.sources))
        and all(map(known.has_annotator, names.annotators))
        and known.prompts >= set(names.prompts)
    )


def check_names(store: Store, names: Names) -> None:
    """Every name must be known to the store.

    Raises:
        WrongSetting: one is not; the message names the nearest that are.
    """
    wrong = [
        *_unknown("source", names.sources, sources_of(store)),
        *_unknown("annotator", names.annotators, annotators_of(store)),
    ]
    for prompt in names.prompts:
        if not has_prompt(store, prompt):
            near = prompts_like(store, prompt)
            hint = (
                f"did you mean {', '.join(near)}?" if near else "`prefcurate show` and the table comparisons have them"
            )
            wrong.append(f"--prompt: there is no prompt {prompt!r} in the store; {hint}")
    if wrong:
        raise WrongSetting("\n".join(wrong))


def _unknown(what: str, names: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)[:5]
            yield f"--{what}: there is no {what} {name!r} in the store; nearest: {', '.join(near) or 'there are none'}"


def explain(found: Foreseen, console: Console) -> None:
    """Prints what would go."""
    table = Table("table", "rows", "go", "change", show_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, counts in found.tables.items():
        table.add_row(
            name, f"{found.rows[name]:,}", f"{counts.going:,}", f"{counts.changing:,}" if counts.changing else ""
        )
    console.print(table)
    for line in _meaning(found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _meaning(found: Foreseen) -> Iterator[str]:
    yield ""
    for release in found.releases:
        place = "the current one, so a release without them takes its place" if release.current else "an earlier one"
        yield f"release {release.release_id} holds {release.rows:,} of these rows ({place}); it is withdrawn"
    yield "older versions of every table can be read no more; queues, the report and fitted models are removed"
    yield "the next `prefcurate run` makes anew: clusters, rubrics, reward heads, consensus, routes, release, report"
    yield "nobody is asked again about the pairs that stay, and what was spent stays on the account"
    yield "hashes stay behind: rows of these that a source still holds are quarantined as `forgotten`, without their text"


def finish_stopped(store: Store, console: Console) -> bool:
    """Finishes what a forgetting that was stopped left, and says so; whether there was any."""
    if not unapplied(store.root):
        return False
    with _lease(store, console):
        finished = finish(store) > 0
    console.print("a forgetting that was stopped is finished now", highlight=False)
    return finished


def take_away(store: Store, foreseen: Foreseen, console: Console) -> None:
    """Forgets what was foreseen, and prints what went.

    Raises:
        StoreBusy: a run is at work on the store; nothing was taken away.
    """
    with _lease(store, console):
        done = forget(store, foreseen.tombstones)
    _tell(store, done, console)


@contextmanager
def _lease(store: Store, console: Console) -> Iterator[None]:
    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    with Lease(store.root, f"forget-{secrets.token_hex(4)}", "forget", say) as lease:
        lease.take()
        yield


def _tell(store: Store, done: Done, console: Console) -> None:
    rows = ", ".join(f"{table} {count:,}" for table, count in done.rows.items() if count > 0)
    lines = [f"forgotten: {rows or 'no row of any table'}; {done.files:,} files of older versions removed"]
    lines += [f"release {release} is withdrawn" for release in done.withdrawn]
    if done.current is not None:
        lines.append(
            f"current release: {done.current}, the same without what was forgotten; the next run weighs it anew"
        )
    elif done.withdrawn and not exists(join(store.root, "releases", "current")):
        lines.append("there is no current release: nothing of it was left; the next run publishes one if it can")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def remembering(config: Config) -> tuple[Config, list[str]]:
    """The configuration without annotators of ours that were forgotten, and what to tell a person about it.

    A forgotten source stays in it: its rows are read, to be accounted for, and kept out.
    """
    known = tombstones(config.store)
    if known == Tombstones():
        return config, []
    told = [
        f"source {source.name!r} was forgotten in this store: its rows are quarantined as `forgotten`. Remove it from "
        "`sources`, or give other data another name"
        for source in config.sources
        if known.has_source(source.name)
    ]
    kept = tuple(a for a in config.annotators if not known.has_annotator(a.annotator))
    told += [_not_asked(a.annotator, "annotators") for a in config.annotators if a not in kept]
    config = config.model_copy(update={"annotators": kept})
    for stage, kind in (("describe", "describer"), ("rubrics", "rubrics")):
        options = getattr(config, stage)
        if options.llm is not None and known.has_annotator(f"{kind}:{options.llm.model}"):
            told.append(_not_asked(f"{kind}:{options.llm.model}", f"{stage}.llm"))
            config = config.model_copy(update={stage: options.model_copy(update={"llm": None})})
    return config, told


def _not_asked(name: str, key: str) -> str:
    return f"annotator {name!r} was forgotten in this store and is not asked. Remove it from `{key}`, or give it another name"
