"""Vectors that a dead run finished but did not commit."""

import pyarrow as pa
import pyarrow.parquet as pq

from prefcurate.transforms.store.files import join, listed, opened
from prefcurate.transforms.store.parts import Part
from prefcurate.transforms.store.store import Store


def finished_groups(store: Store, stage: str, shard: int, fingerprint: str) -> dict[str, Part]:
    """By group name, the pending parts of a shard whose footer names this fingerprint; unreadable files are passed over."""
    folder = join(store.root, "_pending", stage, "embeddings", f"shard={shard}")
    found = {}
    for path in listed(folder, ".parquet"):
        try:
            with opened(path) as stream:
                metadata = pq.read_metadata(stream)
                size = stream.seek(0, 2)
        except (OSError, pa.ArrowInvalid):
            continue
        footer = metadata.metadata or {}
        if footer.get(b"prefcurate.fingerprint") == fingerprint.encode():
            group = footer.get(b"prefcurate.group", b"").decode()
            found[group] = Part("embeddings", shard, path, metadata.num_rows, size, pending=True)
    return found
