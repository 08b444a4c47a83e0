"""What a store says of itself: `store.json`, the one file that is read before any table."""

import json
from dataclasses import asdict, dataclass

from prefcurate.schemas.canonical import CANONICAL_VERSION
from prefcurate.schemas.tables import SCHEMA_VERSION
from prefcurate.transforms.store.errors import DamagedStore, StoreError, WrongStore
from prefcurate.transforms.store.files import exists, join, read_bytes, write_bytes


@dataclass(frozen=True)
class About:
    """The content of `store.json`.

    Attributes:
        shards: into how many each table is cut.
        schema_version: of the tables (`prefcurate.schemas.tables`); additive changes raise it.
        canonical_version: of the form that ids are hashes of; stores from before it was written down have the first.
        resharding: the number of shards that the tables are being switched to; None nearly always.
    """

    shards: int
    schema_version: int
    canonical_version: int
    resharding: int | None = None


def about_ours(shards: int) -> About:
    """What a store says that this version of prefcurate makes."""
    return About(shards, SCHEMA_VERSION, CANONICAL_VERSION)


def about_file(root: str) -> str:
    """Where `store.json` lies."""
    return join(root, "store.json")


def read_about(root: str) -> About | None:
    """What a store says of itself; None where there is none.

    Raises:
        DamagedStore: the file is there and cannot be understood.
    """
    path = about_file(root)
    if not exists(path):
        return None
    try:
        found = json.loads(read_bytes(path))
        resharding = found.get("resharding")
        return About(
            int(found["shards"]),
            int(found["schema_version"]),
            int(found.get("canonical_version", 1)),
            None if resharding is None else int(resharding),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedStore(
            f"{path} is damaged: it does not say the store's shards and versions; `prefcurate repair {root}` writes it again"
        ) from error


def write_about(root: str, about: About) -> None:
    """Writes `store.json` in one step."""
    told = {key: value for key, value in asdict(about).items() if value is not None}
    write_bytes(about_file(root), (json.dumps(told, indent=1) + "\n").encode())


def check_readable(root: str, about: About) -> None:
    """Whether this version of prefcurate can read a store.

    Raises:
        StoreError: the store was written by a newer one, or is being switched to another number of shards.
    """
    if about.schema_version > SCHEMA_VERSION or about.canonical_version > CANONICAL_VERSION:
        raise StoreError(f"the store {root} was written by a newer prefcurate; upgrade prefcurate")
    if about.resharding is not None:
        raise StoreError(
            f"the store {root} is being switched from {about.shards} to {about.resharding} shards, which takes moments; try again. "
            f"If nobody is at it (it was stopped), `prefcurate reshard {root} --shards {about.resharding}` finishes it"
        )


def check_fits(root: str, about: About, shards: int) -> None:
    """Whether a run with so many shards may go on in a store.

    Raises:
        StoreError: as `check_readable`.
        WrongStore: another number of shards, or ids that mean something else.
    """
    check_readable(root, about)
    if about.canonical_version != CANONICAL_VERSION:
        raise WrongStore(
            f"the ids of the store {root} are hashes of canonical form {about.canonical_version}, this prefcurate makes form "
            f"{CANONICAL_VERSION}: ids of the two never mix. Name a new folder under `store:` and run: all sources are read again and "
            "everything is computed again, annotators that cost money are asked again. The old store stays as it is and can still "
            "be queried; or go on in it with the prefcurate that made it"
        )
    if about.shards != shards:
        larger = shards > about.shards
        raise WrongStore(
            f"the store {root} has {about.shards} shards, the configuration says shards: {shards}; set shards: {about.shards}"
            + (f", or run `prefcurate reshard {root} --shards {shards}` first" if larger else " or use a new store")
        )
