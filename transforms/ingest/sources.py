"""The files of a source: found, opened, hashed, and split into units of reading."""

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, cast

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.errors import WrongSetting
from prefcurate.schemas.formats.base import ReadUnit, SourceFile
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.store.files import filesystem, opened
from prefcurate.transforms.store.remote import reaching


class SourceError(WrongSetting):
    """A source cannot be read at all: the message names it, its path and the remedy."""


@dataclass(frozen=True)
class Intake:
    """One file of a source as the configuration wants it read."""

    source: SourceOptions
    unit: ReadUnit
    limit: int | None
    intake_id: str = ""
    sha256: str = ""


def plan_source(source: SourceOptions, limit: int | None = None) -> list[Intake]:
    """The intakes of a source, one for each of its files, in a fixed order.

    Raises:
        SourceError: nothing lies at a path, or the files do not make a source of this format.
    """
    files = list_files(source)
    try:
        units = source.reader.plan(files)
    except ValueError as error:
        raise SourceError(f"source {source.name!r} at {source.path!r}: {error}") from error
    return [Intake(source, unit, limit) for unit in units]


def list_files(source: SourceOptions) -> list[SourceFile]:
    """All files of a source, each once: of its folder (with the format's suffixes), its pattern, its list, or the file itself.

    A name is relative to the path that lists the file; where that gives two files of the source one name, it begins with as
    many of the folders above as tell them apart.

    Raises:
        SourceError: nothing lies at one of its paths; left out in silence, nobody would miss the rows.
    """
    own = source.reader.files(source.path)
    if own is not None:
        return own
    paths = (source.path,) if isinstance(source.path, str) else source.path
    found: dict[str, str] = {}
    for path in paths:
        files = _list_path(path, source.reader.suffixes)
        if not files:
            raise SourceError(_no_file(source, path))
        for file in files:
            # Listed by a folder and by itself, it has the longer name, whichever path comes first.
            found[file.uri] = max(found.get(file.uri, ""), file.name, key=len)
    return sorted(SourceFile(uri, name) for uri, name in _distinct_names(found).items())


def _no_file(source: SourceOptions, path: str) -> str:
    fs, plain = filesystem(path)
    endings = ", ".join(source.reader.suffixes)
    if fs.isdir(plain):
        return f"source {source.name!r}: no file in the folder {path!r} ends in {endings} (or that and .gz)"
    return f"source {source.name!r}: no file at {path!r}; a path is a file, a folder or a pattern"


def _distinct_names(names: dict[str, str]) -> dict[str, str]:
    counted = Counter(names.values())
    steps = {uri: uri.rstrip("/").split("/") for uri, name in names.items() if counted[name] > 1}
    longer = {
        uri: "/".join(parts[-(names[uri].count("/") + 2) :])
        for uri, parts in steps.items()
        if len(parts) > names[uri].count("/") + 1
    }
    return _distinct_names(names | longer) if longer else names


def _list_path(path: str, suffixes: tuple[str, ...]) -> list[SourceFile]:
    with reaching(path):
        return _list(path, suffixes)


def _list(path: str, suffixes: tuple[str, ...]) -> list[SourceFile]:
    fs, plain = filesystem(path)
    if fs.isdir(plain):
        base = plain
        names = [name for name in fs.find(plain) if name.removesuffix(".gz").endswith(suffixes)]
    elif fs.exists(plain):
        # Asked first: the name of a file that is there may hold a bracket.
        return [SourceFile(_uri(path, plain), plain.rpartition("/")[2])]
    else:
        base = re.split(r"[*?\[]", plain, maxsplit=1)[0].rpartition("/")[0]
        names = [name for name in fs.glob(plain) if fs.isfile(name)]
    found = [(name, name.removeprefix(base).lstrip("/")) for name in names]
    # Editors and notebooks keep copies in hidden files and folders.
    return [
        SourceFile(_uri(path, name), within)
        for name, within in found
        if not any(step.startswith(".") for step in within.split("/"))
    ]


def _uri(path: str, name: str) -> str:
    return str(filesystem(path)[0].unstrip_protocol(name)) if "://" in path else name


def listing(sources: Iterable[SourceOptions]) -> list[list[object]]:
    """What lies at the sources' paths, without reading it: the same listing means that no file has to be looked at again.

    Raises:
        SourceError: nothing lies at a path.
        OSError: a path cannot be listed.
    """
    return sorted([source.name, sorted(_seen(source, file) for file in list_files(source))] for source in sources)


def listing_digest(sources: Iterable[SourceOptions]) -> str:
    """Of the `listing`."""
    return hashlib.sha256(json.dumps(listing(sources)).encode()).hexdigest()[:16]


def _seen(source: SourceOptions, file: SourceFile) -> list[str]:
    known = source.reader.digest(file)
    if known is not None:
        return [file.uri, known]
    with reaching(file.uri):
        fs, path = filesystem(file.uri)
        about = fs.info(path)
    changed = next((about[key] for key in ("mtime", "ETag", "LastModified", "updated") if key in about), "")
    return [file.uri, str(about.get("size")), str(changed)]


def identify(intake: Intake) -> Intake:
    """The intake with its id: a hash of how it is read, and of the bytes and names of its file and of those joined into it.

    Where the source lies is no part of it: the same files in another place, or on another machine, are the same intakes.
    """
    files = (intake.unit.file, *intake.unit.joined)
    digests = [_digest(intake, file) for file in files]
    told = [[file.name, intake.source.reader.told_by_address(file)] for file in files]
    identity = stable_hash("intake", intake.source.fingerprint(), intake.limit, told, digests)
    return replace(intake, intake_id=identity, sha256=digests[0])


def _digest(intake: Intake, file: SourceFile) -> str:
    known = intake.source.reader.digest(file)
    if known is not None:
        return known
    with opened(file.uri) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def open_source_file(file: SourceFile) -> Iterator[IO[bytes]]:
    """A source file for reading bytes, decompressed when its name ends in .gz."""
    with opened(file.uri) as raw:
        if not file.uri.endswith(".gz"):
            yield cast(IO[bytes], raw)
            return
        with gzip.open(raw, "rb") as stream:
            yield cast(IO[bytes], stream)
