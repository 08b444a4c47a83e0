"""What went wrong with a store's files, told so that a person can mend it: a full disk, a place that may not be written, damage."""

import errno
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deltalake.exceptions import DeltaError

from prefcurate.schemas.errors import SpokenError
from prefcurate.transforms.store.errors import FULL_WORDS, StoreFull, WrongStore
from prefcurate.transforms.store.files import absolute
from prefcurate.transforms.store.verify import Damage, damaged, find_damage, stored_bytes

_FULL = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file grew beyond the size that this process may write (ulimit -f)",
}
_READ_ONLY_WORDS = re.compile(
    r"read-only file ?system|errno 30|os error 30|permission denied|errno 13|os error 13", re.I
)

READ_WHOLE_BYTES = 2_000_000_000
"""Of a store up to this size every file is read when the reason of an error is looked for: some seconds."""
_FILE_NAME = re.compile(r"[^\s/\\'\"=:]+\.(?:parquet|json)\b")
_BROKEN_WORDS = re.compile(
    r"magic|thrift|footer|decompress|corrupt|truncat|deseriali[sz]|unexpected end|end of (?:file|stream)|utf-?8|checksum",
    re.I,
)
"""How Arrow, DuckDB and Delta tell that a file's bytes make no sense."""


@contextmanager
def explained(
    root: str, also: tuple[type[SpokenError], ...] = (), but: tuple[type[SpokenError], ...] = ()
) -> Iterator[None]:
    """Looks for the reason in the store when something in the block fails in a way that says little by itself.

    Args:
        root: the store.
        also: errors that speak, but know the reason no better: a job that failed on a worker.
        but: of those, the ones that know it: a worker that was killed.

    Raises:
        StoreFull: there is no room, or no right to write.
        DamagedStore: files of the store are damaged; those that `_damage_behind` looked at are named.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, SpokenError) and (isinstance(error, but) or not isinstance(error, also)):
            raise
        spoken = reason(root, error)
        if spoken is None:
            raise
        raise spoken from error


def reason(root: str, error: Exception) -> SpokenError | None:
    """What a person can mend about an error; None when it has nothing to do with the store's files."""
    told = _words(error)
    if FULL_WORDS.search(told):
        return StoreFull(f"{_why_full(error, told)}; {_rooms(root)}. Make room and run the same command again: {_KEPT}")
    if _READ_ONLY_WORDS.search(told) and not writable(root):
        return StoreFull(
            f"the store {root} can be read and not be written; make it writable and run the same command again: {_KEPT}"
        )
    try:
        found = _damage_behind(root, told)
    except (SpokenError, OSError, ValueError, DeltaError):
        # The search for a reason must not hide the error itself.
        return None
    return damaged(root, found) if found else None


def _damage_behind(root: str, told: str) -> list[Damage]:
    """Damage that may be the reason of an error.

    A store of terabytes is not read whole for every unexpected failure: only the files that the error names are, and of all others
    the sizes are looked at. Not before the error sounds like a broken file is everything read.
    """
    if stored_bytes(root) <= READ_WHOLE_BYTES:
        return find_damage(root)
    found = find_damage(root, frozenset(_FILE_NAME.findall(told)))
    return found if found or not _BROKEN_WORDS.search(told) else find_damage(root)


_KEPT = "what was finished is kept, nothing is asked twice"


def check_writable(root: str) -> None:
    """Whether a run may write into a store that is there.

    Raises:
        WrongStore: it may not; said before anything is paid.
    """
    if not writable(root):
        raise WrongStore(
            f"the store {root} can be read and not be written (a read-only disk, or another user's folder); `query`, `show`, "
            "`status` and `diff` work on it. Make it writable, or set `store:` to a folder that you may write"
        )


def writable(root: str) -> bool:
    """Whether files can be made in a folder; what lies behind an address is asked only when something is written."""
    if "://" in root:
        return True
    try:
        with tempfile.TemporaryFile(dir=root):
            return True
    except OSError as error:
        return error.errno in _FULL


def _words(error: BaseException | None) -> str:
    told = []
    while error is not None:
        told.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(told)


def _why_full(error: Exception, told: str) -> str:
    number = getattr(error, "errno", None)
    if number in _FULL:
        return _FULL[number]
    lower = told.lower()
    if "quota" in lower or "error 122" in lower or "errno 122" in lower:
        return _FULL[errno.EDQUOT]
    if "too large" in lower or "error 27" in lower or "errno 27" in lower:
        return _FULL[errno.EFBIG]
    return _FULL[errno.ENOSPC]


def _rooms(root: str) -> str:
    """How much is free where a run writes: in the store, and where temporary files go."""
    folders = {} if "://" in root else {"the store": absolute(root)}
    folders["temporary files (TMPDIR)"] = tempfile.gettempdir()
    found = []
    for what, folder in folders.items():
        if Path(folder).exists():
            found.append(f"{what} {folder} has {shutil.disk_usage(folder).free / 1e6:,.1f} MB left")
    return ", ".join(found)
