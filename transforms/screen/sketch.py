"""A shard's sketch: the ids of its prompts and comparisons and their signatures, in rows that nodes point to.

It lies beside the tables until the stage commits (``STORE/_pending/screen/…``), named by its content, so that steps pass on its
address and any worker can compare rows of two shards.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefcurate.transforms.screen.minhash import Signatures
from prefcurate.transforms.store.files import exists, join, read_bytes, write_bytes

Ids = NDArray[np.bytes_]
"""Hex ids, 32 bytes each."""


@dataclass(frozen=True)
class Sketch:
    """Row by row: prompts in order of prompt_id; comparisons in order of (prompt_id, comparison_id).

    `prompt_rows` gives each comparison's prompt; `leanings` what people said: 1 for a, -1 for b, 0 for neither or nobody.
    """

    prompt_ids: Ids
    prompts: Signatures
    comparison_ids: Ids
    prompt_rows: NDArray[np.int64]
    responses_a: Signatures
    responses_b: Signatures
    leanings: NDArray[np.int8]


@dataclass(frozen=True, order=True)
class SketchFile:
    """Where the sketch of a shard lies: this is what flows."""

    shard: int
    path: str


def save(sketch: Sketch, root: str, stage: str, shard: int) -> SketchFile:
    """Writes a sketch under the hash of its bytes."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {field.name: getattr(sketch, field.name) for field in fields(Sketch)}
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    name = f"{hashlib.sha256(content).hexdigest()}.npz"
    path = join(root, "_pending", stage, "sketches", f"shard={shard}", name)
    if not exists(path):
        write_bytes(path, content)
    return SketchFile(shard, path)


@lru_cache(maxsize=2)
def load(path: str) -> Sketch:
    """A sketch with all of it; two are kept, which is what comparing two shards needs."""
    with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as arrays:
        return Sketch(**{field.name: arrays[field.name] for field in fields(Sketch)})


def load_ids(path: str, which: str) -> Ids:
    """`prompt_ids` or `comparison_ids` of a sketch, without its signatures."""
    with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as arrays:
        ids: Ids = arrays[which]
        return ids


def texts_of(ids: Ids) -> Iterator[str]:
    """Ids as strings."""
    return (value.decode("ascii") for value in ids.tolist())
