"""Reads files of a test through the configuration, as a person would have typed it."""

import gzip
from pathlib import Path
from typing import Any

import yaml

from prefcurate.pipelines.config import parse_config
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping import MappingReader
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.records import GivenPair, InputRow, Pairs, Unreadable
from prefcurate.transforms.ingest.sources import open_source_file, plan_source

BASE = {"prompt": "q", "response_a": "one", "response_b": "two"}
ROW = {"q": "Why?", "one": "Because.", "two": "No idea."}


def mapping(**fields: Any) -> MappingReader:
    """A reader of rows with prompt `q` and responses `one` and `two`, and what a test adds."""
    return MappingReader(fields=Fields.model_validate(BASE | fields))


def outcome(row: dict[str, Any], columns: bool = False, **fields: Any) -> Any:
    """What becomes of a row."""
    return mapping(**fields).input_row(JsonRow(1, ROW | row, ""), columns).outcome


def pair(row: dict[str, Any], **fields: Any) -> GivenPair:
    """The pair of a row that can be read."""
    found = outcome(row, **fields)
    assert isinstance(found, Pairs), found
    return found.pairs[0]


def unreadable(row: dict[str, Any], columns: bool = False, **fields: Any) -> Unreadable:
    """Why a row cannot be read."""
    found = outcome(row, columns, **fields)
    assert isinstance(found, Unreadable), found
    return found


def read_source(source: str, folder: Path) -> list[InputRow]:
    """Every row of a source written as one item of `sources` in YAML; paths are relative to `folder`."""
    config = parse_config({"store": "store", "sources": yaml.safe_load(source)}, str(folder))
    rows = []
    for intake in plan_source(config.sources[0]):
        rows += list(intake.source.reader.read(intake.unit, open_source_file))
    return rows


def write(path: Path, text: str | bytes) -> Path:
    """A file of a test, compressed when its name ends in .gz."""
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path
