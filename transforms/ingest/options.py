"""Settings of sources, benchmarks and gold: the parts of the YAML that say where data comes from."""

from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.formats.base import Reader
from prefcurate.schemas.formats.mapping import MappingReader
from prefcurate.schemas.formats.mapping_paths import parse_path
from prefcurate.schemas.formats.registry import READERS, is_benchmark, named_formats, reader_settings
from prefcurate.transforms.mistakes import NestedMistakes, unknown_name
from prefcurate.transforms.options import Options

_OWN = ("name", "path", "licence", "use")


class SourceOptions(Options):
    """One source: a name, a registered format, where its files lie, and the settings of its reader.

    Keys other than these belong to the reader of the format.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    path: str | tuple[str, ...]
    licence: str | None = None
    use: Literal["data"] | None = Field(default=None, exclude_if=lambda use: use is None)
    """`data` for the rows of a benchmark that are to be read as any others; what is a benchmark is otherwise none of the sources."""
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
        return _reader(given) if isinstance(given, dict) else given

    def fingerprint(self) -> str:
        """Of everything that can change what a row of this source is read as (not its path, not its licence)."""
        return stable_hash("source", self.name, self.reader.fingerprint())


def _reader(given: dict[str, Any]) -> Reader:
    """The reader that settings with a `format` describe."""
    name = given.get("format", MappingReader.format)
    settings = {key: value for key, value in given.items() if key != "format"}
    known = sorted({*READERS, *named_formats()})
    if "format" not in given and "fields" not in given:
        raise ValueError(f"format: this key is required; known: {', '.join(known)}")
    if not isinstance(name, str) or name not in known:
        raise ValueError(unknown_name("format", name, known))
    reader, told = reader_settings(name, settings)
    try:
        return reader.model_validate(told).called(str(given.get("like") or name))
    except ValidationError as error:
        raise NestedMistakes(error, settings, reader, ("format", *_OWN)) from error


def benchmarks_apart(values: Any) -> Any:
    """A configuration's values with the sources that are benchmarks among `benchmarks`.

    RewardBench and the like are measured with: their prompts must not reach train. `use: data` reads one as any source,
    `use: benchmark` any source as one.
    """
    if not isinstance(values, dict) or not isinstance(values.get("sources"), list):
        return values
    apart = [source for source in values["sources"] if isinstance(source, dict) and _measures(source)]
    if not apart:
        return values
    kept = [source for source in values["sources"] if source not in apart]
    return values | {"sources": kept, "benchmarks": [*(values.get("benchmarks") or ()), *apart]}


def _measures(source: dict[str, Any]) -> bool:
    use = source.get("use")
    return use == "benchmark" or (use is None and is_benchmark(source.get("format")))


class BenchmarkOptions(Options):
    """A benchmark whose prompts must not be trained on: a file and the field path (or paths) of its text, or a `format` as of a source."""

    name: str
    path: str | tuple[str, ...]
    text: str | tuple[str, ...] | None = None
    source: SourceOptions | None = Field(default=None, exclude_if=lambda source: source is None)

    @model_validator(mode="before")
    @classmethod
    def _read_as_a_source(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "source" in values or not {"format", "fields"} & set(values):
            return values
        told = {key: value for key, value in values.items() if key != "use"} | {"use": "data"}
        return {"name": values.get("name"), "path": values.get("path"), "source": told}

    @model_validator(mode="after")
    def _text_or_format(self) -> "BenchmarkOptions":
        if (self.text is None) == (self.source is None):
            raise ValueError(
                "name `text`, the field path of the benchmark's text, or a `format` that reads its prompts"
            )
        if self.source is None and not isinstance(self.path, str):
            raise ValueError("a list of paths needs a `format`; with `text` a benchmark is one file")
        return self

    @field_validator("text", mode="before")
    @classmethod
    def _field_paths(cls, given: Any) -> Any:
        if given is None:
            return None
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
