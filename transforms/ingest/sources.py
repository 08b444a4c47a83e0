"""The files of a source: found, opened, hashed, and split into units of reading."""

import fnmatch
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, cast

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.errors import SpokenError, WrongSetting
from prefcurate.schemas.formats.base import COMPRESSIONS, Opener, ReadUnit, SourceFile, plain_name
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.packed import (
    Beginning,
    RefusedMember,
    decompressed,
    is_archive,
    members,
    opened_member,
)
from prefcurate.transforms.store.files import filesystem, opened
from prefcurate.transforms.store.remote import reaching

_PIECE = 1 << 18


class SourceError(WrongSetting):
    """A source cannot be read at all: the message names it, its path and the remedy."""


class SourceChanged(SpokenError):
    """A file was rewritten while it was read, so that nobody knows what was read."""


@dataclass(frozen=True)
class Seen:
    """What was hashed of a file: its first bytes, up to a size; and what a listing said of it then."""

    file: SourceFile
    digest: str
    size: int
    stamp: tuple[str, ...]


@dataclass(frozen=True)
class Intake:
    """One file of a source as the configuration wants it read."""

    source: SourceOptions
    unit: ReadUnit
    limit: int | None
    intake_id: str = ""
    sha256: str = ""
    seen: tuple["Seen", ...] = ()
    """Its file and those joined into it, as they were hashed."""

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(seen.size for seen in self.seen)


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


@dataclass(frozen=True, order=True)
class _Found:
    """A file at a path of a source, or an archive with the members that are wanted of it."""

    uri: str
    name: str
    members: str | None = None
    """Of an archive: the pattern of its members; empty for those with the suffixes of the format, None for what is no archive."""
    may_be_empty: bool = False
    """An archive that a folder holds beside other files, rather than one that was named."""


def list_files(source: SourceOptions) -> list[SourceFile]:
    """All files of a source, each once: of its folder (with the format's suffixes), its pattern, its list, or the file itself.

    A name is relative to the path that lists the file; where that gives two files of the source one name, it begins with as
    many of the folders above as tell them apart. An archive is as a folder: its members are files of the source.

    Raises:
        SourceError: nothing lies at one of its paths; left out in silence, nobody would miss the rows.
    """
    own = source.reader.files(source.path)
    if own is not None:
        return own
    found: dict[str, SourceFile] = {}
    for path in _paths(source):
        files = [file for one in _found(source, path) for file in _files_of(source, one)]
        if not files:
            raise SourceError(_no_file(source, path))
        for file in files:
            # Listed by a folder and by itself, it has the longer name, whichever path comes first.
            known = found.get(file.address, file)
            found[file.address] = max(known, file, key=lambda file: len(file.name))
    names = _distinct_names({address: file.name for address, file in found.items()})
    return sorted(replace(file, name=names[address]) for address, file in found.items())


def _paths(source: SourceOptions) -> tuple[str, ...]:
    return (source.path,) if isinstance(source.path, str) else source.path


def _files_of(source: SourceOptions, found: _Found) -> list[SourceFile]:
    """The file itself, or the members of an archive.

    Raises:
        SourceError: an archive cannot be read, or holds nothing that is wanted.
    """
    if found.members is None:
        return [SourceFile(found.uri, found.name)]
    try:
        with opened(found.uri) as stream:
            names = members(cast(IO[bytes], stream), found.uri)
    except ValueError as error:
        raise SourceError(f"source {source.name!r}: {error}") from error
    wanted = found.members or "*"
    suffixes = ("",) if found.members else source.reader.suffixes
    kept = [n for n in names if fnmatch.fnmatchcase(_inner(n), wanted) and plain_name(_inner(n)).endswith(suffixes)]
    kept = [name for name in kept if found.members == _inner(name) or not _is_hidden(_inner(name))]
    inner = [name for name in names if is_archive(name)]
    if not kept and not found.may_be_empty:
        raise SourceError(
            f"source {source.name!r}: no file in the archive {found.uri!r} "
            + (f"is called {wanted!r}" if found.members else f"ends in {', '.join(suffixes)}")
            + f"; it holds {', '.join(names[:6]) or 'nothing'}"
        )
    if inner and not found.members and not (found.may_be_empty and not kept):
        raise SourceError(
            f"source {source.name!r}: the archive {found.uri!r} holds another one, {inner[0]!r}, which is not looked into: unpack "
            f"it, or name what you want of it, such as {found.uri}/*.jsonl"
        )
    return [SourceFile(found.uri, f"{found.name}/{_inner(name)}", name) for name in kept]


def _inner(member: str) -> str:
    return member.removeprefix("./")


def _no_file(source: SourceOptions, path: str) -> str:
    fs, plain = filesystem(path)
    endings = ", ".join(source.reader.suffixes)
    if fs.isdir(plain):
        compressed = ", ".join(COMPRESSIONS)
        return f"source {source.name!r}: no file in the folder {path!r} ends in {endings} (or that and {compressed})"
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


def _found(source: SourceOptions, path: str) -> list[_Found]:
    with reaching(path):
        return _list(path, source.reader.suffixes)


def _list(path: str, suffixes: tuple[str, ...]) -> list[_Found]:
    fs, plain = filesystem(path)
    is_folder = fs.isdir(plain)
    if is_folder:
        base = plain
        names = [name for name in fs.find(plain) if plain_name(name).endswith(suffixes) or is_archive(name)]
    elif fs.exists(plain):
        # Asked first: the name of a file that is there may hold a bracket.
        return [_one(_uri(path, plain), plain.rpartition("/")[2])]
    else:
        archive = _archive_in(path)
        if archive is not None:
            return [archive]
        base = re.split(r"[*?\[]", plain, maxsplit=1)[0].rpartition("/")[0]
        names = [name for name in fs.glob(plain) if fs.isfile(name)]
    found = [(name, name.removeprefix(base).lstrip("/")) for name in names]
    return [_one(_uri(path, name), within, is_folder) for name, within in found if not _is_hidden(within)]


def _one(uri: str, name: str, may_be_empty: bool = False) -> _Found:
    return _Found(uri, name, "", may_be_empty) if is_archive(uri) else _Found(uri, name)


def _archive_in(path: str) -> _Found | None:
    """The archive of a path that goes on inside it: votes.zip/2024/*.csv."""
    fs, plain = filesystem(path)
    steps = plain.split("/")
    for count in range(len(steps) - 1, 0, -1):
        above = "/".join(steps[:count])
        if is_archive(above) and fs.isfile(above):
            return _Found(_uri(path, above), steps[count - 1], "/".join(steps[count:]).rstrip("/") or "")
    return None


def _is_hidden(name: str) -> bool:
    # Editors and notebooks keep copies in hidden files and folders, as macOS does in its archives; a name that climbs hides nothing.
    return any(step == "__MACOSX" or (step.startswith(".") and step not in (".", "..")) for step in name.split("/"))


def _uri(path: str, name: str) -> str:
    return str(filesystem(path)[0].unstrip_protocol(name)) if "://" in path else name


def listing(sources: Iterable[SourceOptions]) -> list[list[object]]:
    """What lies at the sources' paths, without reading it: the same listing means that no file has to be looked at again.

    Raises:
        SourceError: nothing lies at a path.
        OSError: a path cannot be listed.
    """
    # A file that two paths list is there once.
    return sorted([source.name, [list(seen) for seen in sorted(set(_seen_of(source)))]] for source in sources)


def listing_digest(sources: Iterable[SourceOptions]) -> str:
    """Of the `listing`."""
    return hashlib.sha256(json.dumps(listing(sources)).encode()).hexdigest()[:16]


def _seen_of(source: SourceOptions) -> Iterator[tuple[str, ...]]:
    own = source.reader.files(source.path)
    if own is not None:
        yield from ((file.uri, str(source.reader.digest(file))) for file in own)
        return
    for path in _paths(source):
        found = _found(source, path)
        if not found:
            raise SourceError(_no_file(source, path))
        yield from map(_seen, found)


def _seen(found: _Found) -> tuple[str, ...]:
    inside = f"/{found.members}" if found.members else ""
    return (found.uri + inside, *_stamp(found.uri))


def _stamp(uri: str) -> tuple[str, ...]:
    """Size and time or version of what lies at an address, as a listing tells them."""
    with reaching(uri):
        fs, path = filesystem(uri)
        about = fs.info(path)
    changed = next((about[key] for key in ("mtime", "ETag", "LastModified", "updated") if key in about), "")
    return str(about.get("size")), str(changed)


def identify(intake: Intake) -> Intake:
    """The intake with its id: a hash of how it is read, and of the bytes and names of its file and of those joined into it.

    Where the source lies is no part of it: the same files in another place, or on another machine, are the same intakes.
    """
    seen = tuple(_see(intake, file) for file in (intake.unit.file, *intake.unit.joined))
    digests = [one.digest for one in seen]
    told = [[one.file.name, intake.source.reader.told_by_address(one.file)] for one in seen]
    identity = stable_hash("intake", intake.source.fingerprint(), intake.limit, told, digests)
    return replace(intake, intake_id=identity, sha256=digests[0], seen=seen)


def _see(intake: Intake, file: SourceFile) -> Seen:
    """The hash of a file's bytes as they lie there. What is not read is known by its name."""
    known = intake.source.reader.digest(file)
    if known is not None:
        return Seen(file, known, 0, ())
    stamp = _stamp(file.uri)
    try:
        with _raw(file) as stream:
            return Seen(file, *_hashed(stream), stamp)
    except (EOFError, RefusedMember) as error:
        # Of a member that cannot be read, which its row in quarantine says.
        return Seen(file, hashlib.sha256(repr(error).encode()).hexdigest(), 0, stamp)


def _hashed(stream: IO[bytes], most: int | None = None) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while data := stream.read(_PIECE if most is None else min(_PIECE, most - size)):
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


def verify_unchanged(intake: Intake) -> None:
    """What was read of an intake is what was hashed; a file that has only grown has its first bytes still.

    Raises:
        SourceChanged: it is not.
    """
    for seen in intake.seen:
        if not seen.stamp or _stamp(seen.file.uri) == seen.stamp:
            continue
        with suppress(EOFError, RefusedMember), _raw(seen.file) as stream:
            if _hashed(stream, seen.size) == (seen.digest, seen.size):
                continue
        raise SourceChanged(
            f"source {intake.source.name!r}: {seen.file.name} was changed while it was read, and nothing of it was kept; run again "
            "when nobody writes it any more"
        )


def opener(intake: Intake) -> Opener:
    """Opens the intake's files as they were hashed: of one that grows meanwhile, what is new waits for the next run."""
    sizes = {seen.file: seen.size for seen in intake.seen if seen.stamp and not seen.file.member}
    return partial(open_source_file, sizes=sizes)


@contextmanager
def _raw(file: SourceFile) -> Iterator[IO[bytes]]:
    with opened(file.uri) as stream:
        if not file.member:
            yield cast(IO[bytes], stream)
            return
        with opened_member(cast(IO[bytes], stream), file.uri, file.member) as member:
            yield member


@contextmanager
def open_source_file(file: SourceFile, sizes: Mapping[SourceFile, int] | None = None) -> Iterator[IO[bytes]]:
    """A source file for reading bytes, decompressed when its name ends so; only its first bytes where `sizes` has the file.

    Raises:
        RefusedMember: a member of an archive that is not read.
    """
    with _raw(file) as raw:
        first = (sizes or {}).get(file)
        is_longer = first is not None and raw.seek(0, io.SEEK_END) > first
        if first is not None:
            raw.seek(0)
        begun = cast(IO[bytes], io.BufferedReader(Beginning(raw, first))) if first is not None and is_longer else raw
        with decompressed(begun, file.address) as stream:
            yield stream
