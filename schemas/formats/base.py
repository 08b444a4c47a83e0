"""What a reader of an outside format is: files of a source in, input rows out, nothing else.

A reader does no deduplication, makes no ids and knows no store. It never raises for a bad row: it gives the row with
the outcome `Unreadable`. It gives every row of every file exactly once.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, SerializerFunctionWrapHandler, model_serializer

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.records import InputRow

COMPRESSIONS = (".gz", ".zst", ".bz2", ".xz")
"""Endings of compressed files; what stands before them says what the file is."""


def plain_name(name: str) -> str:
    """A file's name without the ending of a compression."""
    ending = next((ending for ending in COMPRESSIONS if name.endswith(ending)), "")
    return name.removesuffix(ending)


@dataclass(frozen=True, order=True, slots=True)
class SourceFile:
    """A file of a source: its address, and its name relative to the source's path (or its own name), for people."""

    uri: str
    name: str
    member: str = ""
    """Its name in the archive that lies at `uri`; empty for a file that lies there itself."""

    @property
    def address(self) -> str:
        """Of the file itself, as if an archive were a folder."""
        return f"{self.uri}/{self.member}" if self.member else self.uri


Opener = Callable[[SourceFile], AbstractContextManager[IO[bytes]]]
"""Opens a file for reading bytes, already decompressed (see `COMPRESSIONS`)."""


@dataclass(frozen=True, slots=True)
class ReadUnit:
    """One file to be read, and the files whose rows are joined into it. Each file of a source is `file` of one unit."""

    file: SourceFile
    joined: tuple[SourceFile, ...] = ()


class Lasting(BaseModel):
    """Settings whose fingerprints last: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    added: ClassVar[frozenset[str]] = frozenset()
    """Settings that came after stores were made: while they are as they come, fingerprints are what they were without them."""

    @model_serializer(mode="wrap")
    def _as_before(self, told: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = told(self)
        fields = type(self).model_fields
        added = {name for kind in type(self).__mro__ for name in getattr(kind, "added", ())}
        left_out = {
            name for name in added if getattr(self, name) == fields[name].get_default(call_default_factory=True)
        }
        return {name: value for name, value in values.items() if name not in left_out}


class Reader(Lasting):
    """A format with its settings; the settings are the keys that a source of this format may have in the YAML.

    Subclasses set `format`, `version` and `suffixes`, and implement `read`; those whose rows are spread over several
    files also override `plan`.
    """

    _named: str = PrivateAttr("")

    format: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised by hand when the meaning of what is read changes; part of the fingerprint."""
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".json")
    """File names (without the ending of a compression) that belong to the format when the source's path is a folder."""
    has_files: ClassVar[bool] = True
    """Whether `path` names files; a dataset of a hub has none."""

    @property
    def title(self) -> str:
        """The format as a person named it: what rows are read as does not depend on it."""
        return self._named or self.format

    @property
    def is_named(self) -> bool:
        """Whether the settings are mostly those of a named format, which names fields that not all releases of a dataset have."""
        return self._named not in ("", self.format)

    def called(self, name: str) -> Self:
        """The reader under the name of the format that gave its settings."""
        self._named = name
        return self

    def fingerprint(self) -> str:
        """Of everything that can change what a row is read as."""
        return stable_hash("reader", self.format, self.version, self.model_dump(mode="json"))

    def files(self, path: str | tuple[str, ...]) -> list[SourceFile] | None:
        """The files of a source, for formats that are not files; None means: list `path`."""
        return None

    def digest(self, file: SourceFile) -> str | None:
        """A hash or revision of a file's content, for formats that are not files; None means: hash its bytes."""
        return None

    def told_by_address(self, file: SourceFile) -> Any:
        """What `read` and `plan` take from a file's address besides its name, such as its folder's; JSON-able.

        Part of the file's identity, so it must be the same wherever the source lies.
        """
        return None

    def plan(self, files: Sequence[SourceFile]) -> list[ReadUnit]:
        """Splits a source's files into units, each file once.

        Raises:
            ValueError: the files do not make a source of this format; the message says what is missing.
        """
        return [ReadUnit(file) for file in sorted(files)]

    @abstractmethod
    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the unit's file, in file order."""
