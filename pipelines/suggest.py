"""`prefcurate check --suggest FILE`: a source to start from for a file that nobody has described, read back and shown."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import yaml

from prefcurate.pipelines.check import SourceReport, check_source, source_lines
from prefcurate.schemas.errors import WrongSetting
from prefcurate.schemas.formats.mapping import MappingReader
from prefcurate.schemas.formats.mapping_pairs import PairBuilder
from prefcurate.schemas.formats.mapping_paths import ABSENT
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.formats.registry import READERS, named_formats
from prefcurate.schemas.formats.rows import RowError
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.sources import open_source_file, plan_source
from prefcurate.transforms.ingest.suggest import suggest
from prefcurate.transforms.ingest.understand import builder_of

ROWS = 200
"""Rows that are looked at."""
ENOUGH = 0.8
"""Of the rows, and of the fields that a format looks for, that must be there for it to be proposed."""
_NOT_FILES = ("mapping", "datasets", "label_studio")
"""Described by settings, no files, or our own queues."""


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
    own = {"name": "".join(c if c.isalnum() or c in "_-" else "_" for c in name), "path": path}
    rows = _rows(own)
    fitting = max(_formats(own, rows), key=lambda found: found[0], default=None)
    if fitting is not None:
        return fitting[1]
    found = suggest(rows)
    if not found.found:
        told = f"; it has {', '.join(map(repr, found.unread[:12]))}" if found.unread else ""
        raise WrongSetting(
            f"{path}: no two responses to one prompt were recognised in its first rows{told}; describe it by hand (format: mapping)"
        )
    described = {"fields": found.fields} if found.format == "mapping" else found.fields
    settings = {**own, "format": found.format, **described}
    return Proposal(
        settings, check_source(SourceOptions.model_validate(settings), ROWS), tuple(found.guesses), tuple(found.unread)
    )


def _formats(own: dict[str, str], rows: Sequence[object]) -> Iterator[tuple[tuple[float, int], Proposal]]:
    """The formats that read most of the file, by how much of what they look for is there."""
    described = {name for name, reader in READERS.items() if any(f.is_required() for f in reader.model_fields.values())}
    for name in sorted({*READERS, *named_formats()} - {*_NOT_FILES, *described}):
        settings = {**own, "format": name}
        source = SourceOptions.model_validate({**settings, "use": "data"})
        builder = builder_of(source.reader)
        # Asked first, since some read all of a file before they give its first row.
        if builder is not None and _found(builder, rows[:20]) < ENOUGH / 2:
            continue
        report = check_source(source, ROWS)
        seen = report.seen
        looked = [found.found > 0 for found in seen.looked_up.values()]
        share = sum(looked) / len(looked) if looked else 1.0
        good = seen.rows and (seen.used + seen.auxiliary) / seen.rows >= ENOUGH and seen.pairs and seen.given
        if good and share >= ENOUGH:
            yield (share, sum(looked)), Proposal(settings, report)


def _found(builder: PairBuilder, rows: Sequence[object]) -> float:
    """The share of the places that are looked up at which something stands."""
    found: dict[tuple[str, str], bool] = {}
    for row in rows:
        with suppress(RowError):
            for what, path, scope in builder.looked_up(row):
                found[what, path.text] = found.get((what, path.text), False) or path.find(scope) is not ABSENT
    return sum(found.values()) / max(1, len(found))


def _rows(own: dict[str, str]) -> list[object]:
    # Any fields: only how a file is opened and parsed matters here.
    reader = MappingReader(fields=Fields.model_validate({"response_a": "a", "response_b": "b"}))
    (intake, *_) = plan_source(SourceOptions(name="x", path=own["path"], reader=reader))
    return [row.value for row in islice(reader.rows(intake.unit.file, open_source_file), ROWS) if row.problem is None]


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
