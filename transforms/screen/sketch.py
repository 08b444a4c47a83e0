"""A shard's sketch: the ids of its prompts and comparisons, signatures of its texts, in rows that nodes point to.

It lies beside the tables until the stage commits (``STORE/_pending/screen/…``), named by its content, so that steps pass on its
address and any worker can compare rows of two shards.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefcurate.transforms.screen.minhash import Signatures
from prefcurate.transforms.screen.shingles import Hashes
from prefcurate.transforms.store.files import exists, join, read_bytes, write_bytes

Ids = NDArray[np.bytes_]
"""Hex ids, 32 bytes each."""


@dataclass(frozen=True)
class Sketch:
    """Row by row: prompts in order of prompt_id; comparisons in order of (prompt_id, comparison_id).

    Responses are the different ones of each prompt, in the order in which comparisons hold them. `prompt_rows` gives each comparison's
    prompt, `a_rows` and `b_rows` its responses; `places` where each response stands first: twice the row of the comparison, and
    one more for response_b. `long` are the rows of responses that are looked for under other prompts. Sums are `whole_hashes`.
    `leanings` is what the labels say: 1 for a, -1 for b, 0 for neither or none.
    """

    prompt_ids: Ids
    conversations: Hashes
    prompts: Signatures
    prompt_sums: Hashes
    comparison_ids: Ids
    prompt_rows: NDArray[np.int64]
    a_rows: NDArray[np.int64]
    b_rows: NDArray[np.int64]
    responses: Signatures
    response_sums: Hashes
    places: NDArray[np.int64]
    long: NDArray[np.int64]
    leanings: NDArray[np.int8]


@dataclass(frozen=True, order=True)
class SketchFile:
    """Where the sketch of a shard lies: this is what flows."""

    shard: int
    path: str


def save(sketch: Sketch, root: str, stage: str, shard: int) -> SketchFile:
    """Writes a sketch into a folder named by the hash of its content, a file for each array."""
    contents = {field.name: _content(getattr(sketch, field.name)) for field in fields(Sketch)}
    name = hashlib.sha256(b"".join(contents.values())).hexdigest()
    folder = join(root, "_pending", stage, "sketches", f"shard={shard}", name)
    for array, content in contents.items():
        if not exists(join(folder, f"{array}.npy")):
            write_bytes(join(folder, f"{array}.npy"), content)
    return SketchFile(shard, folder)


@lru_cache(maxsize=2)
def load(path: str) -> Sketch:
    """A sketch, of which a local store reads no more than the rows that are asked for; two are kept, to be compared.

    Every two shards may have rows to compare: read as a whole each time, the sketches would cost the square of the shards.
    """
    return Sketch(**{field.name: _array(path, field.name) for field in fields(Sketch)})


def load_array(path: str, which: str) -> NDArray[Any]:
    """One array of a sketch by its name, without the others."""
    return _array(path, which)


def names_of(kind: str, rows: NDArray[np.int64], array: Callable[[str], NDArray[Any]]) -> Ids:
    """What nodes of a kind are called: a prompt's or comparison's id; a response is `<comparison_id>/a` or `/b`, where it stands first.

    Args:
        kind: prompt, pair or response.
        rows: of the nodes.
        array: gives an array of the sketch by its name.
    """
    if kind == "prompt":
        return array("prompt_ids")[rows]
    if kind == "pair":
        return array("comparison_ids")[rows]
    places = array("places")[rows]
    return np.char.add(array("comparison_ids")[places >> 1], np.where(places & 1, b"/b", b"/a"))


def _content(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _array(folder: str, name: str) -> NDArray[Any]:
    uri = join(folder, f"{name}.npy")
    found: NDArray[Any]
    if "://" in uri:
        found = np.load(io.BytesIO(read_bytes(uri)), allow_pickle=False)
    else:
        found = np.load(uri, mmap_mode="r", allow_pickle=False)
    return found


def texts_of(ids: Ids) -> Iterator[str]:
    """Ids as strings."""
    return (value.decode("ascii") for value in ids.tolist())
