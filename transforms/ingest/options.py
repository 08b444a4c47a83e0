"""Settings of sources, benchmarks and gold: the parts of the YAML that say where data comes from."""

import difflib
from typing import Any, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.formats.base import Reader
from prefcurate.schemas.formats.registry import READERS
from prefcurate.transforms.options import Options


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
    def _build_reader(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "reader" in values:
            return values
        own = {key: values[key] for key in ("name", "path", "licence") if key in values}
        settings = {key: value for key, value in values.items() if key not in own and key != "format"}
        name = values.get("format", "mapping")
        if name not in READERS:
            near = difflib.get_close_matches(str(name), READERS, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(f"there is no format {name!r}; {hint}known formats: {', '.join(sorted(READERS))}")
        try:
            own["reader"] = READERS[name](**settings)
        except ValidationError as error:
            raise ValueError(describe_errors(error, known=READERS[name])) from error
        return own

    def fingerprint(self) -> str:
        """Of everything that can change what a row of this source is read as (not its path, not its licence)."""
        return stable_hash("source", self.name, self.reader.fingerprint())


class BenchmarkOptions(Options):
    """A benchmark whose prompts must not be trained on: a file and the field path of its text."""

    name: str
    path: str
    text: str | tuple[str, ...]


class GoldOptions(Options):
    """Whose labels are trusted enough to measure others by; `audit` is the share that only the report may see."""

    annotators: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    audit: float = Field(default=0.4, ge=0, le=1)


def describe_errors(error: ValidationError, known: type[BaseModel] | None = None) -> str:
    """A validation error in words a person can act on: each key, what stands there, and what may stand there."""
    return "; ".join(describe_error(item, known) for item in error.errors())


def describe_error(item: Any, known: type[BaseModel] | None = None) -> str:
    """One item of a pydantic error in words: the key, its value, the remedy (the nearest known key for a wrong one)."""
    where = ".".join(str(step) for step in item["loc"])
    if item["type"] == "extra_forbidden":
        names = sorted(_fields_at(known, item["loc"][:-1]))
        near = difflib.get_close_matches(str(item["loc"][-1]), names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"keys here: {', '.join(names)}"
        return f"{where}: there is no such key; {hint}"
    if item["type"] == "missing":
        return f"{where}: this key is required"
    if item["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return f"{where}: {_wrong_kind(item['ctx'])}"
    value = (
        item["input"] if isinstance(item["input"], str | int | float | bool | None) else type(item["input"]).__name__
    )
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error":
        return f"{where}: {message}" if where else message
    return f"{where}: {message} (found {value!r})"


def _wrong_kind(context: Any) -> str:
    key = str(context["discriminator"]).strip("'")
    if "tag" not in context:
        return f"the key {key!r} is required; it says what the entry is"
    kinds = [kind.strip().strip("'") for kind in context["expected_tags"].split(",")]
    near = difflib.get_close_matches(str(context["tag"]), kinds, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no {key} {context['tag']!r}; {hint}known: {', '.join(kinds)}"


def _fields_at(model: type[BaseModel] | None, path: tuple[Any, ...]) -> list[str]:
    models = [model] if model else []
    for step in path:
        # Where a list holds entries of several kinds, the path names the kind after the entry's number.
        of_kind = [
            m for m in models if "kind" in m.model_fields and step in get_args(m.model_fields["kind"].annotation)
        ]
        fields = [m.model_fields[step] for m in models if isinstance(step, str) and step in m.model_fields]
        models = of_kind or [found for field in fields for found in _models_in(field.annotation)] or models
    return sorted({name for found in models for name in found.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models_in(argument)]
