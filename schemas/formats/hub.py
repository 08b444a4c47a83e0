"""The `datasets` reader: any split of a dataset of the Hugging Face hub, or of a local folder or file, streamed.

    - {name: prefs, format: datasets, path: org/name, split: train}                     prompt, chosen, rejected
    - {name: votes, format: datasets, path: ./saved, split: train, fields: {…}}         described as in `mapping`
    - {name: rated, format: datasets, path: openbmb/UltraFeedback, like: ultrafeedback}  the fields of a named format

A path that begins with `.`, `~` or `/` is local: a folder of `save_to_disk`, a folder of data files, or one data file.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit, SourceFile
from prefcurate.schemas.formats.gather import gathered
from prefcurate.schemas.formats.hf_preference import PreferenceBuilder, PreferenceFields
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping_pairs import PairBuilder
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.formats.tabular import plain
from prefcurate.schemas.records import InputRow

_BUILDERS = {".jsonl": "json", ".json": "json", ".parquet": "parquet", ".csv": "csv", ".tsv": "csv", ".arrow": "arrow"}
_SAVED = ("state.json", "dataset_dict.json")


class DatasetsReader(Reader):
    """Rows of a dataset as the library `datasets` gives them (extra `hub`)."""

    format: ClassVar[str] = "datasets"
    has_files: ClassVar[bool] = False

    split: str = "train"
    config: str | None = None
    """The dataset's configuration (subset), where it has several."""
    revision: str | None = None
    """A commit, tag or branch of the hub; the newest by default. What it was when read is part of a row's intake."""
    fields: Fields | None = None
    """As in `mapping`; left out, rows have prompt, chosen and rejected."""

    def files(self, path: str | tuple[str, ...]) -> list[SourceFile]:
        """Each dataset of the source as if it were one file."""
        paths = (path,) if isinstance(path, str) else path
        return [SourceFile(one, f"{_name(one)}:{self.split}") for one in paths]

    def digest(self, file: SourceFile) -> str:
        """The hash of a local dataset's files, or the commit that a dataset of the hub stands at.

        Raises:
            OSError: the hub does not answer, or nothing lies at the path.
        """
        if is_local(file.uri):
            return _hash_of(_local(file.uri), self._about())
        return f"{_commit(file.uri, self.revision)}:{self._about()}"

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the split; a row's line is its number."""
        if self.fields is not None and self.fields.is_spread:
            yield from gathered(self.builder, lambda: self._rows(unit.file.uri), columns=not self.is_named)
            return
        for row in self._rows(unit.file.uri):
            yield self.builder.input_row(row, columns=not self.is_named)

    def _rows(self, path: str) -> Iterator[JsonRow]:
        for number, value in enumerate(self._load(path), start=1):
            yield JsonRow(number, plain(value), "")

    def _about(self) -> str:
        return f"{self.config or ''}:{self.split}"

    def _load(self, path: str) -> Any:
        datasets = _datasets()
        if not is_local(path):
            revision = _commit(path, self.revision)
            return datasets.load_dataset(path, self.config, split=self.split, revision=revision, streaming=True)
        folder = _local(path)
        if folder.is_dir() and any((folder / name).exists() for name in _SAVED):
            saved = datasets.load_from_disk(str(folder))
            return _split_of(saved, self.split, path)
        if folder.is_dir():
            return datasets.load_dataset(str(folder), self.config, split=self.split, streaming=True)
        kind = next(
            (builder for suffix, builder in _BUILDERS.items() if path.removesuffix(".gz").endswith(suffix)), None
        )
        if kind is None:
            raise FileNotFoundError(f"{path} is no data file that `datasets` reads ({', '.join(_BUILDERS)})")
        more = {"sep": "\t"} if path.removesuffix(".gz").endswith(".tsv") else {}
        files = {self.split: str(folder)}
        return datasets.load_dataset(kind, data_files=files, split=self.split, streaming=True, **more)

    @cached_property
    def builder(self) -> PairBuilder:
        """What makes pairs out of rows."""
        return PreferenceBuilder(PreferenceFields()) if self.fields is None else PairBuilder(self.fields)


def is_local(path: str) -> bool:
    """Whether a path names something on this machine rather than a dataset of the hub."""
    return path.startswith((".", "~", "/")) or Path(path).exists()


def _local(path: str) -> Path:
    found = Path(os.path.expanduser(path))
    if not found.exists():
        raise FileNotFoundError(f"there is nothing at {path}")
    return found


def _name(path: str) -> str:
    return Path(path).name if is_local(path) else path


def _split_of(saved: Any, split: str, path: str) -> Any:
    if not isinstance(saved, Mapping):
        return saved
    if split not in saved:
        raise FileNotFoundError(f"{path} has no split {split!r}; it has {', '.join(map(repr, saved))}")
    return saved[split]


def _hash_of(path: Path, about: str) -> str:
    digest = hashlib.sha256(about.encode())
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        with file.open("rb") as stream:
            digest.update(f"{file.relative_to(path) if path.is_dir() else ''}\n".encode())
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _commit(path: str, revision: str | None) -> str:
    _datasets()
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        found = HfApi().dataset_info(path, revision=revision).sha
    except (HfHubHTTPError, OSError) as error:
        raise OSError(f"the hub gives no dataset {path!r} (revision {revision or 'newest'}): {error}") from error
    return str(found)


def _datasets() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise OSError("format `datasets` needs an extra: pip install 'prefcurate[hub]'") from error
    return datasets
