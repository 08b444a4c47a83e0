"""Planted vectors and clusters in a test's store."""

import numpy as np
import pyarrow as pa

from prefcurate.transforms.store.parts import write_part
from tests.helpers import context


def with_vectors(store, vectors, fingerprint):
    """Commits a vector for every text of the store that `vectors` (by canonical text) names."""
    snapshot = context(store, "embed", ("comparisons",), ("embeddings",)).pin()
    parts = []
    for shard in range(store.shards):
        rows = {}
        for row in snapshot.table("comparisons", shard).to_pylist():
            for text, text_id, role in (
                (row["prompt_text"], row["prompt_id"], "prompt"),
                (row["response_a_text"], row["response_a_id"], "response"),
                (row["response_b_text"], row["response_b_id"], "response"),
            ):
                if text in vectors:
                    rows[row["prompt_id"], text_id, role] = np.asarray(vectors[text], np.float32)
        commit_rows(
            store,
            "embeddings",
            shard,
            [
                {"prompt_id": p, "text_id": t, "role": r, "fingerprint": fingerprint, "vector": v.tolist()}
                for (p, t, r), v in sorted(rows.items(), key=lambda item: item[0])
            ],
            parts,
        )
    commit(store, "embeddings", parts)


def with_clusters(store, cluster_of):
    """Commits the view `clusters`: the cluster of a comparison by its prompt's text."""
    snapshot = context(store, "screen", ("comparisons",), ("clusters",)).pin()
    parts = []
    for shard in range(store.shards):
        rows = [
            {
                "prompt_id": row["prompt_id"],
                "comparison_id": row["comparison_id"],
                "prompt_cluster": cluster_of(row["prompt_text"]),
                "pair_cluster": row["comparison_id"],
            }
            for row in snapshot.table("comparisons", shard).to_pylist()
        ]
        commit_rows(store, "clusters", shard, rows, parts)
    commit(store, "clusters", parts)


def commit_rows(store, table, shard, rows, parts):
    from prefcurate.schemas.tables import TABLES

    part = write_part(store.root, table, shard, [pa.Table.from_pylist(rows, schema=TABLES[table].schema)])
    parts += [part] if part else []


def commit(store, table, parts):
    base = store.delta(table).version()
    store.commit(table, parts, base=base, replace=False, transaction=f"test/{table}/{base}", metadata={})
