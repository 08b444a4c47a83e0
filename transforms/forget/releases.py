"""Releases that hold something forgotten: the current one is published again without it, then all of them are withdrawn.

A release is never edited. Of the current one a smaller release is made (the rows that are left, labels as they were) and named
`current` before the old one goes, so that `current` always names a release that is there. The next run publishes one whose labels
were weighed anew. Where nothing is left to publish, there is no current release until a run makes one.
"""

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from prefcurate.schemas.tables import PREFERENCES
from prefcurate.transforms.publish.card import dataset_card
from prefcurate.transforms.publish.options import SPLITS
from prefcurate.transforms.publish.releases import (
    Release,
    current_id,
    name_current,
    open_release,
    release_folder,
    release_ids,
)
from prefcurate.transforms.publish.rows import ROWS, schema_of, trl_rows
from prefcurate.transforms.publish.seal import manifest_json, name_files, place, release_id_of, tallied
from prefcurate.transforms.publish.story import standing
from prefcurate.transforms.publish.work import ReleaseFile
from prefcurate.transforms.publish.write import write_files
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.files import exists, join, listed, names_in, remove, write_bytes
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.tombstones import Tombstones
from prefcurate.transforms.store.verify import WITHDRAWN

_GIVEN = """
    CREATE TEMP TABLE given AS SELECT comparison_id, min(group_id) AS group_id,
        list_sort(list_distinct(list(source))) AS sources,
        list_sort(list_distinct(list(licence) FILTER (licence IS NOT NULL))) AS licences
    FROM occurrences WHERE comparison_id IN (SELECT comparison_id FROM published) GROUP BY comparison_id
"""
_LEFT = """
    SELECT r.* REPLACE (g.group_id AS group_id, coalesce(g.sources, []) AS sources, coalesce(g.licences, []) AS licences)
    FROM rows r JOIN given g USING (comparison_id) ORDER BY r.prompt_id, r.comparison_id
"""


@dataclass(frozen=True)
class Touched:
    """A release that holds rows which go, or names a source that goes."""

    release_id: str
    rows: int
    of: int
    current: bool


def touched(store: Store, wanted: Tombstones, left: pa.Table | ds.Dataset) -> list[Touched]:
    """The releases that are concerned, with how many of their rows.

    Args:
        store: the store.
        wanted: what is forgotten.
        left: the comparisons that stay, with the column comparison_id.
    """
    current = current_id(store.root)
    found = []
    with connect() as connection:
        connection.register("comparisons", left)
        connection.execute("CREATE TEMP TABLE staying AS SELECT comparison_id FROM comparisons")
        for release_id in release_ids(store.root):
            going, rows = _concerned(connection, open_release(store.root, release_id), wanted)
            if going:
                found.append(Touched(release_id, going, rows, release_id == current))
    return found


def _concerned(connection: duckdb.DuckDBPyConnection, release: Release, wanted: Tombstones) -> tuple[int, int]:
    connection.register("published", release.dataset())
    connection.register("withheld", release.dataset("withheld"))
    named = connection.sql("SELECT DISTINCT unnest(sources) FROM published").fetchall()
    sources = sorted(name for (name,) in named if wanted.has_source(name))
    query = (
        "SELECT count(*) FILTER (comparison_id NOT IN (SELECT comparison_id FROM staying) OR list_has_any(sources, $sources)), "
        "count(*) FROM (SELECT comparison_id, sources FROM published "
        "UNION ALL SELECT comparison_id, []::VARCHAR[] FROM withheld)"
    )
    going, rows = connection.sql(query, params={"sources": sources}).fetchall()[0]
    return int(going), int(rows)


def withdraw(store: Store, concerned: Sequence[Touched], moment: str) -> str | None:
    """Takes the concerned releases away, after the current one has a successor; gives the successor's id, if there is one.

    The tables must be without what is forgotten by now.
    """
    successor = None
    for release in concerned:
        if release.current:
            successor = _without(store, open_release(store.root, release.release_id))
            if successor is None:
                remove(join(store.root, "releases", "current"))
            else:
                name_current(store.root, successor)
    for release in concerned:
        note = f"Withdrawn {moment}: {release.rows:,} of its {release.of:,} rows were forgotten.\n"
        write_bytes(join(release_folder(store.root, release.release_id), WITHDRAWN), note.encode())
    sweep(store.root)
    return successor


def sweep(root: str) -> None:
    """Removes what is left of withdrawn releases (all but the note), and folders that no publication finished."""
    for folder in _folders(root):
        if exists(join(folder, WITHDRAWN)):
            remove(join(folder, "manifest.json"))
            for path in listed(folder):
                if posixpath.basename(path) != WITHDRAWN:
                    remove(path)
            if "://" not in folder:
                _remove_empty_folders(Path(folder))
        elif not exists(join(folder, "manifest.json")):
            remove(folder)


def _folders(root: str) -> list[str]:
    return [release_folder(root, name) for name in names_in(join(root, "releases")) if name != "current"]


def _remove_empty_folders(folder: Path) -> None:
    for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        path.rmdir()


def _without(store: Store, release: Release) -> str | None:
    """Publishes a release's rows of which the store still holds the comparison; None when there are none."""
    work = join(store.root, "_pending", "forget", release.release_id)
    folders = list(dict.fromkeys(file["folder"] for file in release.manifest["files"]))
    with standing(store).connect(["comparisons", "occurrences"]) as connection:
        connection.register("published", release.dataset())
        connection.execute(_GIVEN)
        left = ((folder, rows) for folder in folders for rows in _left(connection, release, folder))
        files = write_files(work, 0, left)
    if not any(file.rows for file in files if file.folder in SPLITS):
        return None
    return _seal(store, release, files)


def _left(connection: duckdb.DuckDBPyConnection, release: Release, folder: str) -> Iterator[pa.Table]:
    split = folder.rpartition("/")[2]
    if folder == "withheld":
        connection.register("rows", release.dataset("withheld"))
        query = "SELECT * FROM rows SEMI JOIN comparisons USING (comparison_id) ORDER BY prompt_id, comparison_id"
    else:
        connection.register("rows", release.dataset(split))
        query = _LEFT
    for batch in connection.sql(query).to_arrow_reader(ROWS):
        table = pa.table(batch)
        if folder.startswith("exports/trl/"):
            table = trl_rows(_whole(table, PREFERENCES))
        yield _whole(table, schema_of(folder))


def _whole(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows of an earlier release lack the columns that came later."""
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(schema.names).cast(schema)


def _seal(store: Store, release: Release, files: Sequence[ReleaseFile]) -> str:
    named = name_files(files)
    release_id = release_id_of(named)
    folder = release_folder(store.root, release_id)
    about = release.manifest | {"release": release_id} | tallied(named)
    if not exists(join(folder, "manifest.json")):
        for name, file in named:
            place(file, folder, name)
        write_bytes(join(folder, "README.md"), dataset_card(about).encode())
        write_bytes(join(folder, "manifest.json"), manifest_json(about))
    return release_id
