"""The texts of benchmarks: what must not be trained on, whether they come at field paths of a file or through a format."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prefcurate.schemas.canonical import canonical_messages, prompt_id, stable_hash
from prefcurate.schemas.errors import WrongSetting
from prefcurate.schemas.formats.base import SourceFile
from prefcurate.schemas.formats.lines import json_rows
from prefcurate.schemas.formats.mapping_paths import parse_path, row_scope
from prefcurate.schemas.records import Message, Pairs, Unreadable
from prefcurate.transforms.ingest.options import BenchmarkOptions, SourceOptions
from prefcurate.transforms.ingest.sources import identify, open_source_file, plan_source
from prefcurate.transforms.store.files import opened


class BenchmarkError(WrongSetting):
    """A benchmark cannot be read; without it the promise that none of its prompts is in train would be empty."""


@dataclass(frozen=True)
class BenchmarkText:
    """One text of one row of a benchmark; `line` counts from 1 (in a JSON list: the element)."""

    benchmark: str
    line: int
    text: str

    @property
    def id(self) -> str:
        """The id that a prompt of these words alone has."""
        return prompt_id(canonical_messages((Message.of_text("user", self.text),)))


def read_benchmark(options: BenchmarkOptions) -> Iterator[BenchmarkText]:
    """The texts of a benchmark: at field paths of a JSON Lines or JSON file (.gz too), or the prompts that a format reads.

    Raises:
        BenchmarkError: the file is not there, a row is unreadable, or no row has a text.
    """
    try:
        yield from _texts_at_paths(options) if options.source is None else _prompts(options, options.source)
    except OSError as error:
        raise BenchmarkError(f"benchmark {options.name!r}: cannot read {options.path}: {error}") from error


def _texts_at_paths(options: BenchmarkOptions) -> Iterator[BenchmarkText]:
    path, text = str(options.path), options.text or ()
    found = dict.fromkeys((text,) if isinstance(text, str) else text, 0)
    with open_source_file(SourceFile(path, path)) as stream:
        for row in json_rows(stream):
            if row.problem is not None:
                raise _unreadable(options.name, path, row.line, row.problem)
            for place in found:
                for words in texts_at(row.value, place):
                    found[place] += 1
                    yield BenchmarkText(options.name, row.line, words)
    for place, count in found.items():
        if not count:
            raise BenchmarkError(f"benchmark {options.name!r}: no row of {path} has a text at {place!r}")


def _prompts(options: BenchmarkOptions, source: SourceOptions) -> Iterator[BenchmarkText]:
    """What users say in the prompts of a source; rows are numbered through all of its files."""
    number = 0
    for intake in plan_source(source):
        for row in intake.source.reader.read(intake.unit, open_source_file):
            number += 1
            if isinstance(row.outcome, Unreadable):
                raise _unreadable(options.name, intake.unit.file.name, row.line, row.outcome)
            pairs = row.outcome.pairs if isinstance(row.outcome, Pairs) else ()
            for words in dict.fromkeys(words for pair in pairs for words in _said_by_users(pair.prompt)):
                yield BenchmarkText(options.name, number, words)
    if not number:
        raise BenchmarkError(f"benchmark {options.name!r}: there is no row at {options.path!r}")


def _said_by_users(prompt: Sequence[Message]) -> Iterator[str]:
    for message in prompt:
        if message.role == "user":
            yield from (
                part.text for part in message.content if part.type == "text" and part.text and part.text.strip()
            )


def _unreadable(benchmark: str, file: str, line: int, problem: Unreadable) -> BenchmarkError:
    return BenchmarkError(
        f"benchmark {benchmark!r}: {file}, line {line}: {problem.reason} ({problem.detail}); mend the file"
    )


def reading(benchmarks: Sequence[BenchmarkOptions]) -> list[list[Any]]:
    """How the benchmarks are read, for the settings of stages that read them."""
    return [[b.name, b.text if b.source is None else b.source.fingerprint()] for b in benchmarks]


def benchmarks_digest(benchmarks: Sequence[BenchmarkOptions]) -> str:
    """Of the bytes of the benchmarks' files: one that was exchanged is read again.

    Raises:
        BenchmarkError: one cannot be read.
    """
    return stable_hash("benchmarks", [[benchmark.name, _sha256(benchmark)] for benchmark in benchmarks])


def _sha256(options: BenchmarkOptions) -> Any:
    try:
        if options.source is not None:
            return sorted(identify(intake).intake_id for intake in plan_source(options.source))
        with opened(str(options.path)) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BenchmarkError(f"benchmark {options.name!r}: cannot read {options.path}: {error}") from error


def texts_at(row: Any, path: str) -> list[str]:
    """The text at a field path (``a.b[0]``), or every text of the list there; none where there is none."""
    value = parse_path(path).find(row_scope(row))
    texts = value if isinstance(value, list) else [value]
    return [text for text in texts if isinstance(text, str) and text.strip()]
