"""Files behind any address that fsspec knows: local paths, s3://, gs://, hdfs://, memory://."""

import hashlib
import os
import posixpath
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from io import BufferedIOBase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pa_fs
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from prefcurate.transforms.store.remote import file_options, prepared, reaching

_CONFLICT_TRIES = 5


def filesystem(uri: str) -> tuple[AbstractFileSystem, str]:
    """The file system of an address and the path inside it."""
    fs, path = fsspec.core.url_to_fs(uri, **file_options(uri))
    return prepared(fs), path


def arrow_files(uri: str) -> tuple[pa_fs.FileSystem, str]:
    """The same for Arrow's readers."""
    fs, path = filesystem(uri)
    local = isinstance(fs, LocalFileSystem)
    return pa_fs.LocalFileSystem() if local else pa_fs.PyFileSystem(pa_fs.FSSpecHandler(fs)), path


def arrow_dataset(uris: Sequence[str], schema: pa.Schema) -> ds.Dataset:
    """Parquet files of one file system, one or more, as one dataset of a schema."""
    fs, _ = arrow_files(uris[0])
    return ds.dataset([filesystem(uri)[1] for uri in uris], schema=schema, filesystem=fs, format="parquet")


def join(root: str, *names: str) -> str:
    """An address below another; both local paths and URLs."""
    return posixpath.join(root, *names)


def absolute(uri: str) -> str:
    """The address itself for URLs, the absolute path for local ones: workers run in other folders."""
    return uri if "://" in uri else os.path.normpath(Path(uri).expanduser().absolute())


def copy(source: str, target: str) -> None:
    """Copies a file within one store, whole or not at all; an object store does it on its side."""
    if "://" not in target:
        with replacing(target) as local:
            shutil.copyfile(source, local)
        return
    with reaching(target):
        fs, path = filesystem(source)
        fs.copy(path, filesystem(target)[1])


def exists(uri: str) -> bool:
    """Whether something lies at an address."""
    with reaching(uri):
        fs, path = filesystem(uri)
        return bool(fs.exists(path))


@dataclass(frozen=True, order=True)
class Listed:
    """A file as a listing tells of it: address, bytes, and when it was written, in seconds since 1970."""

    path: str
    bytes: int
    written: float


def described(uri: str, suffix: str = "") -> list[Listed]:
    """All files below an address whose names end so, sorted; none when it does not exist."""
    with reaching(uri):
        fs, path = filesystem(uri)
        found = fs.find(path, detail=True)
    local = isinstance(fs, LocalFileSystem)
    return sorted(
        Listed(name if local else fs.unstrip_protocol(name), int(about["size"]), _written(about))
        for name, about in found.items()
        if name.endswith(suffix)
    )


def described_file(uri: str) -> Listed | None:
    """A file at an address, None where there is none."""
    with reaching(uri):
        fs, path = filesystem(uri)
        try:
            about = fs.info(path)
        except FileNotFoundError:
            return None
    return Listed(uri, int(about["size"] or 0), _written(about))


def listed(uri: str, suffix: str = "") -> list[str]:
    """The addresses of `described` alone."""
    return [file.path for file in described(uri, suffix)]


def _written(about: Mapping[str, Any]) -> float:
    # Every file system has its own name for it; one that tells nothing has no old files.
    moment = next((about[key] for key in ("LastModified", "mtime", "updated", "created") if about.get(key)), None)
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.timestamp() if isinstance(moment, datetime) else float(moment or time.time())


def size_of(uri: str) -> int:
    """The bytes of a file."""
    with reaching(uri):
        fs, path = filesystem(uri)
        return int(fs.size(path))


def names_in(uri: str) -> list[str]:
    """The names of the files and folders that lie right in a folder, sorted; none when it does not exist."""
    with reaching(uri):
        fs, path = filesystem(uri)
        if not fs.exists(path):
            return []
        return sorted(posixpath.basename(name.rstrip("/")) for name in fs.ls(path, detail=False))


def read_bytes(uri: str) -> bytes:
    """The whole content of a small file."""
    with reaching(uri):
        fs, path = filesystem(uri)
        return bytes(fs.cat_file(path))


def write_bytes(uri: str, content: bytes) -> None:
    """Writes a small file whole or not at all."""
    with replacing(uri) as local:
        Path(local).write_bytes(content)


def write_by_hash(folder: str, content: bytes, suffix: str, prefix: str = "") -> str:
    """Writes a small file under the hash of its content, so that whoever writes it again changes nothing; returns its address."""
    path = join(folder, f"{prefix}{hashlib.sha256(content).hexdigest()}{suffix}")
    write_bytes(path, content)
    return path


def create_bytes(uri: str, content: bytes) -> bool:
    """Writes a small file if nothing lies there: of several writers at once exactly one is told True.

    Args:
        uri: the address.
        content: must be this writer's alone (name a run): by it a write is known again whose answer was lost on the way.
    """
    fs, path = filesystem(uri)
    if isinstance(fs, LocalFileSystem):
        return _create_local(Path(path), content)
    with reaching(uri):
        for attempt in range(_CONFLICT_TRIES):
            try:
                fs.pipe_file(path, content, mode="create")
                return True
            except Exception:  # noqa: BLE001 each file system has its own name for "there is one"
                if fs.exists(path):
                    return bytes(fs.cat_file(path)) == content
                if attempt == _CONFLICT_TRIES - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")


def _create_local(target: Path, content: bytes) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{target.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp"
    try:
        temporary.write_bytes(content)
        # Unlike a rename, a link is refused where something lies; unlike open("x"), nobody sees half of the content.
        os.link(temporary, target)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def move(source: str, target: str) -> None:
    """Moves a file or folder to another address of the same file system; on a local disk in one step."""
    fs, path = filesystem(source)
    _, to = filesystem(target)
    if isinstance(fs, LocalFileSystem):
        Path(to).parent.mkdir(parents=True, exist_ok=True)
        Path(path).rename(to)
        return
    with reaching(target):
        # One by one: fsspec takes a folder of an object store for a file too. From the last to the first: a table's log that is
        # there in part then lacks its beginning, and is found damaged.
        files = sorted(fs.find(path), reverse=True)
        for file in files:
            fs.cp_file(file, to + file.removeprefix(path))
        _remove_each(fs, files)


def remove(uri: str) -> None:
    """Removes a file or folder; fine when it is not there, also when somebody else removes it at the same time."""
    with reaching(uri):
        fs, path = filesystem(uri)
        if isinstance(fs, LocalFileSystem):
            if os.path.isdir(path):
                shutil.rmtree(path, onerror=_unless_gone)
            else:
                _remove_each(fs, [path])
        else:
            _remove_each(fs, fs.find(path))
            if fs.isdir(path):  # there are no empty folders in an object store, and elsewhere there are
                with suppress(FileNotFoundError):
                    fs.rm(path, recursive=True)


def _unless_gone(function: object, path: object, raised: tuple[type[BaseException], BaseException, object]) -> None:
    # Of two attempts at once each finds some of it gone.
    if not isinstance(raised[1], FileNotFoundError):
        raise raised[1]


def remove_files(uris: Sequence[str]) -> None:
    """Removes files of one file system."""
    if uris:
        with reaching(uris[0]):
            _remove_each(filesystem(uris[0])[0], [filesystem(uri)[1] for uri in uris])


def _remove_each(fs: AbstractFileSystem, paths: Sequence[str]) -> None:
    # Of many at once fsspec takes each name for a pattern, and names may hold brackets.
    for path in paths:
        # Gone meanwhile, or the answer to an earlier try was lost.
        with suppress(FileNotFoundError):
            fs.rm_file(path)


@contextmanager
def opened(uri: str) -> Iterator[BufferedIOBase]:
    """A file opened for reading bytes."""
    fs, path = filesystem(uri)
    with reaching(uri), fs.open(path, "rb") as stream:
        yield stream


@contextmanager
def replacing(uri: str) -> Iterator[str]:
    """A local path to write to; when the block ends well, its content appears at ``uri`` in one step.

    Attempts of several processes may overlap, so temporary names are unique; a block that raises leaves nothing.
    """
    fs, path = filesystem(uri)
    if isinstance(fs, LocalFileSystem):
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{target.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp"
        try:
            yield str(temporary)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        return
    with TemporaryDirectory() as folder:
        local = str(Path(folder) / "part")
        yield local
        with reaching(uri):
            fs.put_file(local, path)
