"""Files behind any address that fsspec knows: local paths, s3://, gs://, hdfs://, memory://."""

import os
import posixpath
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from tempfile import TemporaryDirectory

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem


def filesystem(uri: str) -> tuple[AbstractFileSystem, str]:
    """The file system of an address and the path inside it."""
    fs, path = fsspec.core.url_to_fs(uri)
    return fs, path


def join(root: str, *names: str) -> str:
    """An address below another; both local paths and URLs."""
    return posixpath.join(root, *names)


def absolute(uri: str) -> str:
    """The address itself for URLs, the absolute path for local ones: workers run in other folders."""
    return uri if "://" in uri else os.path.normpath(Path(uri).expanduser().absolute())


def exists(uri: str) -> bool:
    """Whether something lies at an address."""
    fs, path = filesystem(uri)
    return bool(fs.exists(path))


def listed(uri: str, suffix: str = "") -> list[str]:
    """All files below an address, sorted, as addresses; none when it does not exist."""
    fs, path = filesystem(uri)
    if not fs.exists(path):
        return []
    found = [name for name in fs.find(path) if name.endswith(suffix)]
    return sorted(name if isinstance(fs, LocalFileSystem) else fs.unstrip_protocol(name) for name in found)


def sizes(uri: str, suffix: str = "") -> list[tuple[str, int]]:
    """All files below an address with their bytes, sorted; none when it does not exist."""
    fs, path = filesystem(uri)
    if not fs.exists(path):
        return []
    local = isinstance(fs, LocalFileSystem)
    found = fs.find(path, detail=True).items()
    return sorted(
        (name if local else fs.unstrip_protocol(name), int(about["size"]))
        for name, about in found
        if name.endswith(suffix)
    )


def read_bytes(uri: str) -> bytes:
    """The whole content of a small file."""
    fs, path = filesystem(uri)
    return bytes(fs.cat_file(path))


def write_bytes(uri: str, content: bytes) -> None:
    """Writes a small file whole or not at all."""
    with replacing(uri) as local:
        Path(local).write_bytes(content)


def remove(uri: str) -> None:
    """Removes a file or folder; fine when it is not there."""
    fs, path = filesystem(uri)
    if fs.exists(path):
        fs.rm(path, recursive=True)


@contextmanager
def opened(uri: str) -> Iterator[BufferedIOBase]:
    """A file opened for reading bytes."""
    fs, path = filesystem(uri)
    with fs.open(path, "rb") as stream:
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
        fs.put_file(local, path)
