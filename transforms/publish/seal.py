"""Makes the written files a release: names, id, manifest and card. The manifest comes last: with it the release is there."""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from prefcurate.schemas.canonical import canonical_json
from prefcurate.schemas.tables import PREFERENCES, TABLES
from prefcurate.transforms.consensus.how import last_how
from prefcurate.transforms.publish.card import dataset_card
from prefcurate.transforms.publish.options import SPLITS
from prefcurate.transforms.publish.releases import name_current, release_folder
from prefcurate.transforms.publish.work import Planned, ReleaseFile
from prefcurate.transforms.steps.commit import Finished
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.files import copy, exists, join, read_bytes, write_bytes
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.store import Store

MANIFEST_VERSION = 1


def seal(
    files: Sequence[ReleaseFile], planned: Planned, context: StageContext, configuration: str
) -> Iterator[Part | Finished]:
    """Puts a release in its place and gives the facts to be committed: new splits and the row of `releases`.

    The id is a hash of the names and bytes of the data files: the same content is the same release, whatever the settings
    that led to it. A release that is there already is left untouched, but for files that a repair took out of it.

    Args:
        files: everything that was written.
        planned: the first step's result.
        context: the stage.
        configuration: the resolved configuration as JSON without keys, for the manifest.
    """
    named = name_files(files)
    release_id = release_id_of(named)
    folder = release_folder(context.store.root, release_id)
    for name, file in named:
        place(file, folder, name)
    if not all(exists(join(folder, name)) for name in ("README.md", "manifest.json")):
        about = manifest(release_id, named, configuration, context)
        write_bytes(join(folder, "README.md"), dataset_card(about).encode())
        if not exists(join(folder, "manifest.json")):
            write_bytes(join(folder, "manifest.json"), manifest_json(about))
    yield from planned.splits
    yield release_row(context.store, release_id, context.settings)
    yield Finished("release", release_id)


def release_id_of(named: Sequence[tuple[str, ReleaseFile]]) -> str:
    """The id of a release: a hash of the names and bytes of its data files."""
    identity = canonical_json([[name, file.sha256] for name, file in named])
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def point_current(context: StageContext, outputs: Iterable[Part | Finished]) -> None:
    """Names the release that the stage has just committed."""
    for output in outputs:
        if isinstance(output, Finished) and output.key == "release":
            name_current(context.store.root, output.value)


def name_files(files: Iterable[ReleaseFile]) -> list[tuple[str, ReleaseFile]]:
    """Each file with its path in the release, `train-00000-of-00002.parquet`, in a fixed order."""
    named = []
    for folder, group in itertools.groupby(sorted(files), key=lambda file: file.folder):
        of_folder = list(group)
        stem = f"{folder}/part" if folder == "withheld" else folder
        named += [(f"{stem}-{i:05d}-of-{len(of_folder):05d}.parquet", file) for i, file in enumerate(of_folder)]
    return named


def manifest(
    release_id: str, named: Sequence[tuple[str, ReleaseFile]], configuration: str, context: StageContext
) -> dict[str, Any]:
    """What is in a release, so that anybody can check it without prefcurate: rows, checksums, counts, configuration.

    It says nothing that would differ between two stores with the same facts: the versions of the tables that were read
    are in the commit of the table `releases`.
    """
    found, how = tallied(named), last_how(context.store)
    return {
        "release": release_id,
        "manifest_version": MANIFEST_VERSION,
        **{part: found[part] for part in ("rows", "withheld", "counts")},
        "columns": {field.name: str(field.type) for field in PREFERENCES},
        "files": found["files"],
        "seed": context.seed,
        "fingerprints": sorted(context.fingerprints),
        "decided_by": None if how is None else how.about,
        "configuration": json.loads(configuration),
    }


def tallied(named: Sequence[tuple[str, ReleaseFile]]) -> dict[str, Any]:
    """The part of a manifest that its files alone decide: rows, counts by value, names and checksums."""
    rows: Counter[str] = Counter(dict.fromkeys(reversed(SPLITS), 0))
    tally: dict[str, Counter[str]] = {}
    for _, file in named:
        rows[file.folder] += file.rows
        if file.folder in SPLITS or file.folder == "withheld":
            for column, value, n in file.tally:
                tally.setdefault(column, Counter())[value] += n
    return {
        "rows": dict(rows),
        "withheld": dict(sorted(tally.pop("reason", Counter()).items())),
        "counts": {column: dict(sorted(counted.items())) for column, counted in sorted(tally.items())},
        "files": [
            {"path": name, "folder": file.folder, "rows": file.rows, "bytes": file.bytes, "sha256": file.sha256}
            for name, file in named
        ],
    }


def place(file: ReleaseFile, folder: str, name: str) -> None:
    """Copies a file to its name in the release, unless it lies there; what no manifest vouches for is read again to know."""
    target = join(folder, name)
    sealed = exists(join(folder, "manifest.json"))
    if not exists(target) or not (sealed or hashlib.sha256(read_bytes(target)).hexdigest() == file.sha256):
        copy(file.path, target)


def release_row(store: Store, release_id: str, settings: str) -> Part:
    """The row of the table `releases` for a release that lies in its place, as a part."""
    content = read_bytes(join(release_folder(store.root, release_id), "manifest.json"))
    about = json.loads(content)
    row = {
        "prompt_id": "",
        "release_id": release_id,
        "settings": settings,
        "rows": sum(about["rows"][split] for split in SPLITS),
        "bytes": sum(file["bytes"] for file in about["files"] if file["folder"] in SPLITS),
        "manifest_sha256": hashlib.sha256(content).hexdigest(),
    }
    schema = TABLES["releases"].schema
    part = write_part(store.root, "releases", 0, [pa.Table.from_pylist([row], schema=schema)])
    assert part is not None
    return part


def manifest_json(about: Mapping[str, Any]) -> bytes:
    """A manifest as it lies on disk."""
    return (json.dumps(about, indent=1, ensure_ascii=False) + "\n").encode()
