"""`prefcurate check`: reads the beginning of each source and says in words what it understood; computes and pays nothing."""

import difflib
import fnmatch
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from prefcurate.pipelines.config import Config
from prefcurate.schemas.formats.hf_preference import HfPreferenceReader
from prefcurate.schemas.formats.hub import DatasetsReader
from prefcurate.schemas.records import InputRow
from prefcurate.transforms.ingest.agreement import Agreement, reversed_looking
from prefcurate.transforms.ingest.benchmarks import BenchmarkError, read_benchmark
from prefcurate.transforms.ingest.options import BenchmarkOptions, GoldOptions, SourceOptions
from prefcurate.transforms.ingest.packed import RefusedMember
from prefcurate.transforms.ingest.sources import Intake, SourceError, open_source_file, plan_source
from prefcurate.transforms.ingest.staging import broken_off
from prefcurate.transforms.ingest.understand import (
    Understanding,
    builder_of,
    never_there,
    not_read,
    shortened,
)
from prefcurate.transforms.labels import is_gold

ROWS = 2000
"""Rows of a source that are read at most: enough to see whether its labels point the way those of others do."""
FILES = 40
"""Files of a source that are opened at most, spread over all of them."""
SHOWN = 8
"""Annotators, reasons and names that are listed."""


@dataclass(frozen=True)
class SourceReport:
    """One source: what was seen, what is wrong with its description, and what a person should look at."""

    name: str
    format: str
    files: int
    opened: int
    whole: bool
    """Every row of the source was read."""
    seen: Understanding
    mistakes: tuple[str, ...]
    notes: tuple[str, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True)
class BenchmarkReport:
    """One benchmark: how many texts it has, or why it cannot be read."""

    name: str
    format: str
    texts: int
    mistake: str = ""


@dataclass(frozen=True)
class CheckReport:
    """All sources, those whose labels look reversed, and what of `gold` and `consensus` names nobody and nothing among the rows read."""

    sources: tuple[SourceReport, ...]
    reversed: tuple[Agreement, ...]
    nobody: tuple[str, ...] = ()
    benchmarks: tuple[BenchmarkReport, ...] = ()

    @property
    def mistakes(self) -> tuple[str, ...]:
        """What makes the configuration wrong: no file, a field that is nowhere, no row that could be read."""
        of_sources = (f"source {source.name!r}: {mistake}" for source in self.sources for mistake in source.mistakes)
        return (*of_sources, *(benchmark.mistake for benchmark in self.benchmarks if benchmark.mistake))

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with the configuration; labels that look reversed are a warning."""
        return not self.mistakes


def check(config: Config, rows: int = ROWS) -> CheckReport:
    """Reads at most `rows` rows of each source; raises nothing for what is wrong with a source, but reports it."""
    sources = tuple(check_source(source, rows) for source in config.sources)
    votes = [vote for source in sources for vote in source.seen.votes]
    nobody = (
        *_gold_of_nobody(config.gold, sources),
        *_agreements_of_nobody(config, sources),
        *_gates_of_nothing(config, sources),
    )
    return CheckReport(sources, tuple(reversed_looking(votes)), nobody, tuple(map(_benchmark, config.benchmarks)))


def _benchmark(options: BenchmarkOptions) -> BenchmarkReport:
    named = options.source.reader.title if options.source else ""
    try:
        return BenchmarkReport(options.name, named, sum(1 for _ in read_benchmark(options)))
    except (BenchmarkError, SourceError) as error:
        return BenchmarkReport(options.name, named, 0, str(error))


def _gold_of_nobody(gold: GoldOptions, sources: tuple[SourceReport, ...]) -> Iterator[str]:
    """Patterns that no annotator seen matches, and gold sources in which no person labelled."""
    seen = {(f"{kind}:{s.name}/{name}", kind, s.name) for s in sources for name, kind in s.seen.annotators}
    for pattern in gold.annotators:
        if not any(is_gold(*who, GoldOptions(annotators=(pattern,))) for who in seen):
            yield f"gold.annotators: {pattern!r} matches nobody{_near(pattern, {who for who, _, _ in seen})}"
    for name in gold.sources:
        if not any(is_gold(*who, GoldOptions(sources=(name,))) for who in seen):
            yield f"gold.sources: no person labelled in source {name!r}"


def _agreements_of_nobody(config: Config, sources: tuple[SourceReport, ...]) -> Iterator[str]:
    """Names in agreements that are neither ours nor somebody's who was seen."""
    ours = {annotator.annotator for annotator in config.annotators}
    seen = {f"{kind}:{source.name}/{name}" for source in sources for name, kind in source.seen.annotators}
    for rule in config.consensus.agreement:
        for name in rule.annotators:
            if not any(who == name or fnmatch.fnmatchcase(who, name) for who in ours | seen):
                yield f"consensus.agreement.{rule.name}: {name!r} matches nobody{_near(name, seen)}"


def _gates_of_nothing(config: Config, sources: tuple[SourceReport, ...]) -> Iterator[str]:
    """Attributes of gates on which nothing was said that was seen."""
    seen = {attribute for source in sources for attribute in source.seen.attributes}
    for gate in config.consensus.gated:
        for key, attribute in (("attribute", gate.attribute), ("counts_when.attribute", gate.counts_when.attribute)):
            if attribute not in seen:
                there = f"; there are opinions on {listed(tuple(sorted(seen)))}" if seen else ""
                yield f"consensus.gated.{key}: nothing is said on {attribute!r}{there}"


def _near(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0)
    return f"; it is matched with names like {near[0]!r}" if near else ""


def check_source(source: SourceOptions, rows: int = ROWS) -> SourceReport:
    """One source, alone."""
    seen = Understanding(source.name)
    try:
        intakes = plan_source(source)
        picked = _spread(intakes, FILES)
        whole = _read(source, picked, rows, seen) and len(picked) == len(intakes)
    except (SourceError, OSError, ValueError) as error:
        wrong = str(error).removeprefix(f"source {source.name!r}: ")
        return SourceReport(source.name, source.reader.title, 0, 0, False, seen, (wrong,), (), ())
    builder = builder_of(source.reader)
    unread = tuple(not_read(seen, builder)) if builder else ()
    return SourceReport(
        source.name,
        source.reader.title,
        len(intakes),
        len(picked),
        whole,
        seen,
        tuple(_mistakes(source, seen)),
        tuple(_notes(source, seen)),
        unread,
    )


def _spread(intakes: list[Intake], count: int) -> list[Intake]:
    step = max(1, -(-len(intakes) // count))
    return intakes[::step]


def _read(source: SourceOptions, intakes: list[Intake], rows: int, seen: Understanding) -> bool:
    """Reads the beginning of each file; says whether that was everything."""
    builder = builder_of(source.reader)
    share = max(1, rows // len(intakes))
    whole = True
    for intake in intakes:
        with closing(_rows_of(intake)) as found:
            for row in islice(found, share):
                seen.add(row, intake.unit.file.name, builder)
            whole = whole and next(found, None) is None
    return whole


def _rows_of(intake: Intake) -> Generator[InputRow]:
    line = 0
    try:
        for row in intake.source.reader.read(intake.unit, open_source_file):
            line = row.line
            yield row
    except (EOFError, zlib.error, UnicodeError, pa.ArrowException, RefusedMember) as error:
        yield broken_off(error, line, intake.unit.file.name)


def _mistakes(source: SourceOptions, seen: Understanding) -> Iterator[str]:
    builder = builder_of(source.reader)
    if not seen.rows:
        yield "there is no row in its files"
    elif not seen.used and seen.unreadable:
        worst = max(seen.quarantined.values(), key=lambda item: item.rows)
        yield f"no row could be read: {worst.reason}: {worst.detail}"
    elif builder is not None:
        about_labels = [key for key in seen.looked_up if key[0].startswith("label")]
        if about_labels and not any(seen.looked_up[key].found for key in about_labels):
            yield from (complaint for complaint in never_there(seen) if complaint.startswith("label"))


def _notes(source: SourceOptions, seen: Understanding) -> Iterator[str]:
    builder = builder_of(source.reader)
    if builder is None:
        return
    guessed = _prompt_is_guessed(source, seen)
    absent = [path for (_, path), looked in sorted(seen.looked_up.items()) if not looked.found]
    if source.reader.is_named and seen.used and absent:
        yield f"the rows have no {', '.join(absent)}; the format reads them where they are there"
    else:
        yield from (complaint for complaint in never_there(seen) if not (guessed and complaint.startswith("prompt:")))
    yield from (
        f"annotator: {name!r} is the field of the label itself; if it is somebody's name, write `annotator: {{constant: {name}}}`"
        for name in builder.named_by_labels()
    )
    if seen.given and not builder.tells_kind():
        yield "nothing says what kind of annotator labelled (`kind`): the labels are taken as people's"
    if seen.used and guessed:
        yield "the rows have no prompt: what both responses have in common at the beginning is taken for it"


def _prompt_is_guessed(source: SourceOptions, seen: Understanding) -> bool:
    looked = seen.looked_up.get(("prompt", "prompt"))
    return isinstance(source.reader, HfPreferenceReader | DatasetsReader) and looked is not None and not looked.found


def listed(names: tuple[str, ...]) -> str:
    """The first few of some names, and how many more there are."""
    shown = ", ".join(shortened(name, 40) for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
