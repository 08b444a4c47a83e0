"""Reads sources the way ingest does, from the quick start's data or from bytes that a test wrote."""

import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from prefcurate.schemas.formats.base import Reader, SourceFile
from prefcurate.schemas.records import GivenLabel, GivenPair, InputRow, Pairs, Unreadable
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.sources import open_source_file, plan_source

DATA = Path(__file__).parents[3] / "examples" / "data"


@contextmanager
def open_path(file: SourceFile) -> Iterator[IO[bytes]]:
    with gzip.open(file.uri) if file.uri.endswith(".gz") else open(file.uri, "rb") as stream:
        yield stream


def read_sample(reader: Reader, folder: str, keep: str = "") -> list[InputRow]:
    """Every row of a bundled source; `keep` is a part that the names of the files must have."""
    paths = sorted(
        path for path in (DATA / folder).rglob("*") if path.name.removesuffix(".gz").endswith(reader.suffixes)
    )
    files = [SourceFile(str(path), str(path.relative_to(DATA / folder))) for path in paths if keep in str(path)]
    return [row for unit in reader.plan(files) for row in reader.read(unit, open_path)]


def read_files(reader: Reader, files: dict[str, bytes]) -> dict[str, list[InputRow]]:
    """The rows of each file, by its name."""

    @contextmanager
    def open_bytes(file: SourceFile) -> Iterator[IO[bytes]]:
        yield io.BytesIO(files[file.name])

    units = reader.plan([SourceFile(f"memory://source/{name}", name) for name in files])
    return {unit.file.name: list(reader.read(unit, open_bytes)) for unit in units}


def read_bytes(reader: Reader, name: str, data: bytes) -> list[InputRow]:
    return read_files(reader, {name: data})[name]


def jsonl(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def pairs_of(rows: list[InputRow]) -> list[GivenPair]:
    return [pair for row in rows if isinstance(row.outcome, Pairs) for pair in row.outcome.pairs]


def labels_of(rows: list[InputRow]) -> list[GivenLabel]:
    return [label for pair in pairs_of(rows) for label in pair.labels]


def outcomes(rows: list[InputRow]) -> dict[str, int]:
    """How many rows had which outcome; unreadable ones by their reason."""
    names = (r.outcome.reason if isinstance(r.outcome, Unreadable) else type(r.outcome).__name__ for r in rows)
    return dict(Counter(names))


def verdicts(labels: list[GivenLabel]) -> dict[str | None, int]:
    return dict(Counter(None if label.verdict is None else label.verdict.value for label in labels))


def text_of(messages: tuple) -> list[str]:
    return [part.text for message in messages for part in message.content]


SHARED = Path("/work/shared/data")
"""The whole upstream files, where the project keeps them; too large, or not ours to bundle."""


def read_shared(reader: Reader, folder: str, keep: str = "") -> list[InputRow]:
    """Every row of a whole upstream source, as `read_sample` reads a bundled one; skips the test where it does not lie."""
    if not (SHARED / folder).is_dir():
        pytest.skip(f"{SHARED / folder} is not here")
    intakes = plan_source(SourceOptions(name="shared", path=str(SHARED / folder), reader=reader))
    return [
        row for intake in intakes if keep in intake.unit.file.name for row in reader.read(intake.unit, open_source_file)
    ]
