"""What a file looks like by its first bytes, whatever its name says."""

import codecs
import io
from typing import IO, Any

from prefcurate.schemas.records import Unreadable

_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"PK\x03\x04", "a zip archive or a workbook (.zip, .xlsx)"),
    (b"\x1f\x8b", "compressed with gzip (.gz)"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd (.zst)"),
    (b"\xfd7zXZ\x00", "compressed with xz (.xz)"),
    (b"BZh9", "compressed with bzip2 (.bz2)"),
    (b"\xd0\xcf\x11\xe0", "an old Office file (.xls, .doc)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF-", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with `git lfs pull`"),
)
_PAGES = (b"<!doctype html", b"<html")
_BOMS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def wrong_format(head: bytes) -> Unreadable | None:
    """Why a file that should be text is none, where its first bytes say so."""
    found = next((what for mark, what in _MARKS if head.startswith(mark)), None)
    if found is None and head[:200].lstrip().lower().startswith(_PAGES):
        found = "a web page, perhaps an error or a login in place of the data"
    if found is None:
        return None
    return Unreadable(
        "wrong format", f"it is no file of text rows: by its first bytes it is {found}; does its name say so?"
    )


def in_utf8(stream: Any) -> Any:
    """The stream in UTF-8, where a byte order mark says that it is in UTF-16 or UTF-32; else itself."""
    head = stream.peek(4)[:4]
    encoding = next((name for mark, name in _BOMS if head.startswith(mark)), None)
    return stream if encoding is None else io.BufferedReader(_Recoded(stream, encoding), 1 << 16)


class _Recoded(io.RawIOBase):
    """What cannot be decoded comes as bytes that are not UTF-8, which the line says that holds them."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._waiting:
            data = self._stream.read(1 << 15)
            text = self._decoder.decode(data, final=not data)
            self._waiting = text.encode("utf-8", "surrogatepass").replace(b"\xef\xbf\xbd", b"\xff")
            if not data:
                break
        given, self._waiting = self._waiting[: len(buffer)], self._waiting[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)
