"""Compressed files and members of archives, read as streams: nothing is unpacked to a disk under a name of its own.

Whatever breaks inside (a cut download, a wrong checksum) is an `EOFError` at the place where it breaks, and what unpacks to absurdly
more than it was is one too, so that memory, disk and time stay bounded.
"""

import bz2
import gzip
import io
import lzma
import posixpath
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any, cast

import pyarrow as pa

BOMB_BYTES, BOMB_RATIO = 256 * 2**20, 500
"""What has given more bytes than these, and more than so many times what was read for them, is taken for a trap."""
_TARS = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.zst", ".tar.bz2", ".tar.xz")
_SHORT = {".tgz": ".gz", ".tbz2": ".bz2", ".txz": ".xz"}
_PIECE = 1 << 15
# Of what was packed; errors of a service that is read from have a number, and pass.
_BROKEN = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, NotImplementedError)


class RefusedMember(OSError):
    """A member of an archive that is not read: its name leaves the archive, or it is no file."""

    reason = "refused archive member"


def is_archive(name: str) -> bool:
    """Whether a file's name says that it holds other files."""
    return name.lower().endswith((".zip", *_TARS))


@contextmanager
def decompressed(stream: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """A file's bytes as its name says that they are packed; the stream itself where it says nothing."""
    counted = _Counted(stream)
    ending = posixpath.splitext(name)[1]
    match _SHORT.get(ending, ending):
        case ".gz":
            unpacked: Any = gzip.GzipFile(fileobj=cast(IO[bytes], counted))
        case ".bz2":
            unpacked = bz2.BZ2File(cast(IO[bytes], counted))
        case ".xz":
            unpacked = lzma.LZMAFile(cast(IO[bytes], counted))  # noqa: SIM115 closed below
        case ".zst":
            unpacked = pa.CompressedInputStream(pa.PythonFile(counted, mode="r"), "zstd")
        case _:
            yield stream
            return
    with unpacked, _checked(unpacked, lambda: counted.given) as checked:
        yield checked


def members(stream: IO[bytes], name: str) -> list[str]:
    """The names of all members of an archive but folders, links and devices among them.

    Raises:
        ValueError: the archive is broken, or two members have one name, so that one would hide the other.
    """
    try:
        if name.lower().endswith(".zip"):
            with zipfile.ZipFile(stream) as packed:
                found = [info.filename for info in packed.infolist() if not info.is_dir()]
        else:
            with decompressed(stream, name) as unpacked, _tar(unpacked) as tar:
                found = [info.name for info in tar if not info.isdir()]
    except _BROKEN as error:
        raise ValueError(f"the archive {posixpath.basename(name)!r} is broken or cut off: {error}") from error
    twice = [member for member, count in Counter(found).items() if count > 1]
    if twice:
        raise ValueError(
            f"the archive {posixpath.basename(name)!r} holds {twice[0]!r} twice, and one would hide the other; unpack it and "
            "name the files"
        )
    return found


@contextmanager
def opened_member(stream: IO[bytes], name: str, member: str) -> Iterator[IO[bytes]]:
    """A member's bytes as they lie in the archive; a member that is compressed itself is not decompressed.

    Raises:
        RefusedMember: its name is absolute or climbs, it is encrypted, or it is a link or a device.
    """
    if member.startswith(("/", "\\")) or member[1:2] == ":":
        raise RefusedMember(f"{member!r} in {posixpath.basename(name)!r} is an absolute name")
    if ".." in member.replace("\\", "/").split("/"):
        raise RefusedMember(f"{member!r} in {posixpath.basename(name)!r} climbs out of the archive")
    opened = _zip_member if name.lower().endswith(".zip") else _tar_member
    with opened(stream, name, member) as found:
        yield found


@contextmanager
def _zip_member(stream: IO[bytes], name: str, member: str) -> Iterator[IO[bytes]]:
    with ExitStack() as stack:
        with _speaking():
            packed = stack.enter_context(zipfile.ZipFile(stream))
            info = packed.NameToInfo.get(member)
            if info is None:
                raise EOFError(f"{member!r} is no longer in the archive")
            if info.external_attr >> 16 & 0o170000 not in (0, 0o100000):
                raise RefusedMember(f"{member!r} in {posixpath.basename(name)!r} is a link or a device, not a file")
            if info.flag_bits & 1:
                raise RefusedMember(f"{member!r} in {posixpath.basename(name)!r} is encrypted; unpack it first")
            unpacked = stack.enter_context(packed.open(info))
        yield stack.enter_context(_checked(unpacked, lambda: max(1, info.compress_size)))


@contextmanager
def _tar_member(stream: IO[bytes], name: str, member: str) -> Iterator[IO[bytes]]:
    with ExitStack() as stack:
        with _speaking():
            tar = stack.enter_context(_tar(stack.enter_context(decompressed(stream, name))))
            info = next((info for info in tar if info.name == member), None)
            if info is None:
                raise EOFError(f"{member!r} is no longer in the archive")
            found = tar.extractfile(info) if info.isreg() else None
            if found is None:
                raise RefusedMember(f"{member!r} in {posixpath.basename(name)!r} is a link or a device, not a file")
            stack.enter_context(found)
        # Counted where the archive is decompressed.
        yield stack.enter_context(_checked(found, lambda: 0))


class _StrictInfo(tarfile.TarInfo):
    """A tar that breaks off between two members, or holds a damaged header, is not one that ends there."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> "_StrictInfo":
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"no whole header at byte {tar.offset:,}: {error}") from error


def _tar(stream: IO[bytes]) -> tarfile.TarFile:
    mode: Any = "r:" if stream.seekable() else "r|"
    return tarfile.open(fileobj=stream, mode=mode, tarinfo=_StrictInfo)


@contextmanager
def _speaking() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, NotImplementedError) as error:
        raise EOFError(str(error)) from error


class Beginning(io.RawIOBase):
    """The first bytes of a stream that can jump, as if it ended there."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._size = stream, size

    def readable(self) -> bool:
        """For `io.BufferedReader`."""
        return True

    def seekable(self) -> bool:
        """As the stream."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Where the end is that of the beginning."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._stream.tell(), io.SEEK_END: self._size}[whence]
        return self._stream.seek(max(0, start + offset))

    def readinto(self, buffer: Any) -> int:
        """Nothing behind it."""
        data = self._stream.read(max(0, min(len(buffer), self._size - self._stream.tell())))
        buffer[: len(data)] = data
        return len(data)


class _Counted(io.RawIOBase):
    """A stream that counts what was read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.given += len(data)
        return len(data)


class _Checked(io.RawIOBase):
    """What is unpacked: whatever breaks is an `EOFError`, and so is what cannot be meant."""

    def __init__(self, unpacked: Any, packed: Any) -> None:
        # A full read would drop what it had got when it meets a break; read1 gives what there is.
        self._read = getattr(unpacked, "read1", unpacked.read)
        self._packed = packed
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._read(min(len(buffer), _PIECE))
        except _BROKEN as error:
            raise EOFError(str(error)) from error
        except OSError as error:
            # bz2, gzip and Arrow say so that the data are broken.
            if error.errno is not None or type(error) not in (OSError, gzip.BadGzipFile):
                raise
            raise EOFError(str(error)) from error
        self._given += len(data)
        packed = self._packed()
        if packed and self._given > max(BOMB_BYTES, BOMB_RATIO * packed):
            raise EOFError(
                f"{packed:,} bytes unpack to more than {self._given:,}, which looks like a trap (zip bomb); "
                "give the file unpacked if it is meant so"
            )
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _checked(unpacked: Any, packed: Any) -> Iterator[IO[bytes]]:
    with io.BufferedReader(_Checked(unpacked, packed), _PIECE) as stream:
        yield cast(IO[bytes], stream)
