"""Releases as they lie on disk: `STORE/releases/<id>/`, immutable, and `STORE/releases/current`, which names one."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from prefcurate.transforms.publish.options import SPLITS
from prefcurate.transforms.publish.rows import schema_of
from prefcurate.transforms.store.files import arrow_dataset, exists, join, names_in, read_bytes, write_bytes
from prefcurate.transforms.store.store import StoreError
from prefcurate.transforms.store.verify import WITHDRAWN

_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Release:
    """A finished release: its store's address, its id, and what its manifest says."""

    root: str
    release_id: str
    manifest: dict[str, Any]

    @property
    def path(self) -> str:
        """Its folder."""
        return release_folder(self.root, self.release_id)

    def files(self, folder: str) -> list[str]:
        """The addresses of the Parquet files of a split, of `withheld`, or of an export (`exports/trl/train`)."""
        return [join(self.path, file["path"]) for file in self.manifest["files"] if file["folder"] == folder]

    def dataset(self, *folders: str) -> ds.Dataset:
        """The rows of some folders of one schema as an Arrow dataset; no folder means all splits."""
        folders = folders or tuple(SPLITS)
        schema = schema_of(folders[0])
        paths = [path for folder in folders for path in self.files(folder)]
        if not paths:
            return ds.dataset(schema.empty_table())
        return arrow_dataset(paths, schema)

    def preferences(self) -> pa.Table:
        """All published rows, for releases that fit in memory."""
        return self.dataset().to_table()


def release_folder(root: str, release_id: str) -> str:
    """Where a release lies."""
    return join(root, "releases", release_id)


def release_ids(root: str) -> list[str]:
    """The ids of all finished releases, sorted (ids are hashes: their order means nothing)."""
    names = names_in(join(root, "releases"))
    return sorted(
        name for name in names if _ID.fullmatch(name) and exists(join(release_folder(root, name), "manifest.json"))
    )


def current_id(root: str) -> str | None:
    """The id that `current` names, or None before the first release."""
    pointer = join(root, "releases", "current")
    return read_bytes(pointer).decode().strip() if exists(pointer) else None


def name_current(root: str, release_id: str) -> None:
    """Makes a release the current one, in one step; nothing is written when it is already."""
    if current_id(root) != release_id:
        write_bytes(join(root, "releases", "current"), f"{release_id}\n".encode())


def open_release(root: str, name: str = "current") -> Release:
    """A release by its id, the beginning of one, or `current`.

    Raises:
        StoreError: there is no such release, or several; the message lists what there is.
    """
    ids = release_ids(root)
    if not ids:
        raise StoreError(f"there is no release in {root} yet; `prefcurate run CONFIG` publishes one")
    wanted = current_id(root) if name == "current" else name.strip().lower()
    found = [release_id for release_id in ids if wanted and release_id.startswith(wanted)]
    if len(found) != 1:
        note = join(release_folder(root, name.strip().lower()), WITHDRAWN)
        if exists(note):
            raise StoreError(f"the release {name} is there no more. {read_bytes(note).decode().strip()}")
        what = "there is no release" if not found else "several releases begin with"
        raise StoreError(f"{what} {name!r} in {root}; there are: {', '.join(found or ids)}")
    manifest = json.loads(read_bytes(join(release_folder(root, found[0]), "manifest.json")))
    return Release(root, found[0], manifest)
