"""Settings of sources, benchmarks and gold: the parts of the YAML that say where data comes from."""

from typing import Any

from pydantic import Field, ValidationError, field_validator, model_validator

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.formats.base import Reader
from prefcurate.schemas.formats.mapping import MappingReader
from prefcurate.schemas.formats.mapping_paths import parse_path
from prefcurate.schemas.formats.registry import READERS
from prefcurate.transforms.mistakes import NestedMistakes, unknown_name
from prefcurate.transforms.options import Options

_OWN = ("name", "path", "licence")


class SourceOptions(Options):
    """One source: a name, a registered format, where its files lie, and the settings of its reader.

    Keys other than these belong to the reader of the format.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    path: str | tuple[str, ...]
    licence: str | None = None
    reader: Reader

    @model_validator(mode="before")
    @classmethod
    def _settings_of_the_reader(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "reader" in values:
            return values
        own = {key: values[key] for key in _OWN if key in values}
        return own | {"reader": {key: value for key, value in values.items() if key not in own}}

    @field_validator("path", mode="before")
    @classmethod
    def _some_path(cls, given: Any) -> Any:
        paths = given if isinstance(given, list | tuple) else [given]
        if not paths or not all(isinstance(path, str) and path for path in paths):
            raise ValueError(f"should be a file, a folder, a pattern, or a list of them (found {given!r})")
        return given

    @field_validator("reader", mode="before")
    @classmethod
    def _reader_of_the_format(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        name = given.get("format", MappingReader.format)
        settings = {key: value for key, value in given.items() if key != "format"}
        if "format" not in given and "fields" not in given:
            raise ValueError(f"format: this key is required; known: {', '.join(sorted(READERS))}")
        if not isinstance(name, str) or name not in READERS:
            raise ValueError(unknown_name("format", name, sorted(READERS)))
        try:
            return READERS[name].model_validate(settings)
        except ValidationError as error:
            raise NestedMistakes(error, settings, READERS[name], ("format", *_OWN)) from error

    def fingerprint(self) -> str:
        """Of everything that can change what a row of this source is read as (not its path, not its licence)."""
        return stable_hash("source", self.name, self.reader.fingerprint())


class BenchmarkOptions(Options):
    """A benchmark whose prompts must not be trained on: a file and the field path (or paths) of its text."""

    name: str
    path: str
    text: str | tuple[str, ...]

    @field_validator("text", mode="before")
    @classmethod
    def _field_paths(cls, given: Any) -> Any:
        paths = given if isinstance(given, list | tuple) else [given]
        if not paths or not all(isinstance(path, str) for path in paths):
            raise ValueError(
                f"should be a field path, such as question or turns[0], or a list of them (found {given!r})"
            )
        for path in paths:
            parse_path(path)
        return given


class GoldOptions(Options):
    """Whose labels are trusted enough to measure others by; `audit` is the share that only the report may see."""

    annotators: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    audit: float = Field(default=0.4, ge=0, le=1)
