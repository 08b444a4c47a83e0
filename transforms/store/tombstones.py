"""What was forgotten, as hashes: kept so that the next ingest leaves it out, though its source still holds it.

Every `prefcurate forget` writes one request, ``STORE/_forgotten/<id>.json``, before it takes anything away, and
``STORE/_forgotten/<id>.applied`` when nothing of it is left. A request without the second file is unfinished: no stage reads the
store until it is finished, which any further `forget` or `run` does.
"""

import hashlib
import json
import posixpath
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from prefcurate.schemas.canonical import canonical_json, stable_hash
from prefcurate.transforms.store.files import join, listed, read_bytes, write_bytes

FORGOTTEN = "forgotten"
"""The reason in quarantine of rows that are kept out."""


@dataclass(frozen=True)
class Tombstones:
    """Hashes of what must stay out; no name and no text.

    Attributes:
        sources: of names of sources: all of their rows are quarantined.
        prompts: prompt ids: rows that give nothing else are quarantined.
        annotators: of names as in the tables: their labels, ratings and spans are left out, and they are not asked.
        rows: hashes of rows whose raw text must not be kept, should they be unreadable.
    """

    sources: frozenset[str] = frozenset()
    prompts: frozenset[str] = frozenset()
    annotators: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()

    def has_source(self, name: str) -> bool:
        """Whether all rows of a source stay out."""
        return bool(self.sources) and hashed("source", name) in self.sources

    def has_annotator(self, name: str) -> bool:
        """Whether an annotator's facts stay out."""
        return bool(self.annotators) and hashed("annotator", name) in self.annotators


@dataclass(frozen=True)
class Request:
    """The tombstones of one command, named by what they are."""

    request_id: str
    tombstones: Tombstones


def hashed(kind: str, name: str) -> str:
    """What a tombstone keeps of a name."""
    return stable_hash("forgotten", kind, name)


def write_request(root: str, tombstones: Tombstones) -> Request:
    """Writes down what is to be forgotten; from then on the store is unreadable to stages until it is `applied`."""
    content = canonical_json({kind: sorted(hashes) for kind, hashes in asdict(tombstones).items()}).encode()
    before = len(listed(_folder(root), ".json"))
    # The same wish comes again when its rows have: it is another request then.
    request_id = hashlib.sha256(f"{before}:".encode() + content).hexdigest()[:16]
    write_bytes(join(_folder(root), f"{request_id}.json"), content)
    return Request(request_id, tombstones)


def mark_applied(root: str, request: Request, told: str) -> None:
    """Writes down that nothing of a request is left, with what was taken away, in figures."""
    write_bytes(join(_folder(root), f"{request.request_id}.applied"), told.encode())


def unapplied(root: str) -> list[Request]:
    """The requests that were not finished, in a fixed order."""
    names = [posixpath.basename(path) for path in listed(_folder(root))]
    done = {name.removesuffix(".applied") for name in names}
    return [_read(root, name) for name in names if name.endswith(".json") and name.removesuffix(".json") not in done]


def tombstones(root: str) -> Tombstones:
    """Of all requests together."""
    found = [_read(root, posixpath.basename(path)).tombstones for path in listed(_folder(root), ".json")]
    return Tombstones(
        *(frozenset().union(*(getattr(one, kind) for one in found)) for kind in Tombstones.__dataclass_fields__)
    )


def digest(root: str) -> str:
    """Of all requests; empty when nothing was ever forgotten."""
    names = [posixpath.basename(path) for path in listed(_folder(root), ".json")]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16] if names else ""


def _read(root: str, name: str) -> Request:
    found: dict[str, Iterable[str]] = json.loads(read_bytes(join(_folder(root), name)))
    given = {kind: frozenset(hashes) for kind, hashes in found.items()}
    return Request(name.removesuffix(".json"), Tombstones(**given))


def _folder(root: str) -> str:
    return join(root, "_forgotten")
