"""`prefcurate check --suggest FILE`: a source to start from for a file that nobody has described, read back and shown."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import yaml

from prefcurate.pipelines.check import SourceReport, check_source
from prefcurate.pipelines.check_words import source_lines
from prefcurate.schemas.errors import WrongSetting
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping import MappingReader
from prefcurate.schemas.formats.mapping_pairs import PairBuilder
from prefcurate.schemas.formats.mapping_paths import ABSENT
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.formats.registry import READERS, is_benchmark, named_formats
from prefcurate.schemas.formats.rows import RowError
from prefcurate.schemas.formats.tabular import TabularReader
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.sources import open_source_file, plan_source
from prefcurate.transforms.ingest.suggest import suggest
from prefcurate.transforms.ingest.suggest_labels import Suggestion
from prefcurate.transforms.ingest.suggest_layout import layout
from prefcurate.transforms.ingest.understand import builder_of

ROWS = 200
"""Rows that are looked at."""
FILES = 10
"""Files that are opened for them."""
ENOUGH = 0.6
"""Of the rows that must be readable, and of the fields about texts and labels that must be there, for a format to be proposed."""
_BESIDE = frozenset(
    [
        "annotator",
        "kind",
        "order",
        "family",
        "turns",
        "model_a",
        "model_b",
        "system",
        "row_id",
        "group_id",
        "strength",
        "rationale",
    ]
)
"""What a format looks for that its rows may have or not."""
_NOT_FILES = ("mapping", "datasets", "label_studio")
"""Described by settings, no files, or our own queues."""


SHEETS = 5
"""Sheets of a workbook that are looked into."""
_OWN = 2
"""Settings of any source: its name and its path."""
_PLAIN = 4
"""Fields of a guess that says no more than the format does by itself: prompt, chosen, rejected, kind."""


@dataclass(frozen=True)
class Proposal:
    """An entry of `sources`, what was read with it, and what to look at."""

    settings: Mapping[str, object]
    report: SourceReport
    guesses: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def propose(path: str) -> Proposal:
    """A source for a file: a format that reads it, or else a mapping guessed from names and values.

    Raises:
        WrongSetting: there is no such file, or nothing in it can be compared.
    """
    name = os.path.basename(path.rstrip("/")).split(".")[0] or "source"
    own: dict[str, Any] = {"name": "".join(c if c.isalnum() or c in "_-" else "_" for c in name), "path": path}
    rows, found = _first_that_compares(own)
    fitting = sorted(_formats(own, rows, found.format), key=lambda fit: fit[0])
    if fitting and not (fitting[-1][1].report.format == found.format and len(found.fields) > _PLAIN):
        best, proposal = fitting[-1]
        also = [str(other.settings["format"]) for share, other in fitting[:-1] if share == best]
        alike = [f"it is laid out as {' and '.join(also)} too: take the one that it is"] if also else []
        return replace(proposal, guesses=tuple(alike))
    if not found.found:
        told = f"; it has {', '.join(map(repr, found.unread[:12]))}" if found.unread else ""
        raise WrongSetting(
            f"{path}: no two responses to one prompt were recognised in its first rows{told}; describe it by hand (format: mapping; `join` brings in texts that stand in another file)"
        )
    described = {"fields": found.fields} if found.format == "mapping" else found.fields
    settings = {**own, "format": found.format, **described}
    return Proposal(
        settings, check_source(SourceOptions.model_validate(settings), ROWS), tuple(found.guesses), tuple(found.unread)
    )


def _formats(
    own: dict[str, str], rows: Sequence[object], guessed: str
) -> Iterator[tuple[tuple[float, float, int], Proposal]]:
    """The formats that read most of the file, by how much of what they look for is there."""
    described = {name for name, reader in READERS.items() if any(f.is_required() for f in reader.model_fields.values())}
    for name in sorted({*READERS, *named_formats()} - {*_NOT_FILES, *described}):
        settings = {**own, "format": name}
        if len(own) > _OWN and not issubclass(READERS.get(name, MappingReader), TabularReader):
            continue  # it knows no settings of tables
        source = SourceOptions.model_validate({**settings, "use": "data"})
        builder = builder_of(source.reader)
        # Asked first, since some read all of a file before they give its first row.
        if builder is not None and _found(builder, rows[:20]) < ENOUGH / 2:
            continue
        report = check_source(source, ROWS)
        seen = report.seen
        looked = [found.found > 0 for found in seen.looked_up.values()]
        wanted = [found.found > 0 for (what, _), found in seen.looked_up.items() if what not in _BESIDE]
        share = sum(wanted) / len(wanted) if wanted else 1.0
        good = seen.rows and (seen.used + seen.auxiliary) / seen.rows >= ENOUGH and seen.pairs and seen.given
        # What is taken for a benchmark is kept out of train: every place must be there, and chosen and rejected as it has them.
        if is_benchmark(name) and not (all(looked) and source.reader.format == guessed):
            continue
        if good and share >= ENOUGH:
            yield (share, seen.unreadable / -seen.rows, sum(looked)), Proposal(settings, report)


def _found(builder: PairBuilder, rows: Sequence[object]) -> float:
    """The share of the places that are looked up at which something stands."""
    found: dict[tuple[str, str], bool] = {}
    for row in rows:
        with suppress(RowError):
            for what, path, scope in builder.looked_up(row):
                if what in _BESIDE:
                    continue
                found[what, path.text] = found.get((what, path.text), False) or path.find(scope) is not ABSENT
    return sum(found.values()) / max(1, len(found))


def _first_that_compares(own: dict[str, Any]) -> tuple[list[object], Suggestion]:
    """The first rows of a file with what was recognised in them; how they are written, and where, is added to its settings.

    Raises:
        WrongSetting: none of its first rows can be read.
    """
    kinds = _kinds(own["path"])
    kind = kinds.pop() if len(kinds) == 1 else ""
    tried: list[dict[str, Any]] = [{}]
    tried += [{"sheet": number} for number in range(2, SHEETS + 1)] if kind == "xlsx" else []
    tried += [{"rows": "."}] if kind == "json" else []
    first: tuple[list[object], Suggestion] | None = None
    for where in tried:
        told = where | (layout(kind, partial(_read_with, own | where)) if kind in ("csv", "tsv", "xlsx") else {})
        read = _read(own | told)
        rows = [row.value for row in read if row.problem is None]
        if first is None and read and not rows:
            problem = read[0].problem
            assert problem is not None
            raise WrongSetting(f"{own['path']}: no row could be read: {problem.reason}: {problem.detail}")
        found = suggest(rows)
        first = first or (rows, found)
        if found.found:
            own |= told
            return rows, found
    assert first is not None
    return first


def _read_with(own: Mapping[str, Any], settings: Mapping[str, Any]) -> list[JsonRow]:
    return _read({**own, **settings})


def _kinds(path: str) -> set[str]:
    reader = _any_mapping({})
    return {
        reader.type_of(intake.unit.file) for intake in plan_source(SourceOptions(name="x", path=path, reader=reader))
    }


def _read(own: Mapping[str, Any]) -> list[JsonRow]:
    reader = _any_mapping({name: value for name, value in own.items() if name not in ("name", "path")})
    intakes = plan_source(SourceOptions(name="x", path=own["path"], reader=reader))
    rows = (row for intake in intakes[:FILES] for row in reader.rows(intake.unit.file, open_source_file))
    return list(islice(rows, ROWS))


def _any_mapping(settings: Mapping[str, Any]) -> MappingReader:
    # Any fields: only how a file is opened and parsed matters here.
    return MappingReader(fields=Fields.model_validate({"response_a": "a", "response_b": "b"}), **settings)


def render(proposal: Proposal) -> str:
    """The entry as YAML to paste, what was guessed, and what was read with it."""
    entry = yaml.safe_dump(
        [dict(proposal.settings)], sort_keys=False, allow_unicode=True, width=120, default_flow_style=None
    )
    blocks = [
        f"# Guessed from names and values. Put it under `sources`, and look at what is read with it below.\n{entry.rstrip()}"
    ]
    notes = [f"guessed: {guess}" for guess in proposal.guesses]
    notes += [f"not read: {', '.join(proposal.unread)}"] if proposal.unread else []
    notes += [f"WRONG: {mistake}" for mistake in proposal.report.mistakes]
    blocks += ["\n".join(notes)] if notes else []
    return "\n\n".join([*blocks, "\n".join(source_lines(proposal.report))])
