"""The store's vectors of pairs as matrices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.transforms.annotate.annotator import Question
from prefcurate.transforms.annotate.texts import ALL, span
from prefcurate.transforms.store.snapshot import Snapshot

Float32s = npt.NDArray[np.float32]

# The range of prompts skips row groups of sorted parts.
_PAIRS = """
WITH known AS (
    SELECT prompt_id, text_id, role FROM embeddings WHERE fingerprint = $fingerprint AND prompt_id BETWEEN $first AND $last
)
SELECT c.prompt_id, c.comparison_id, c.response_a_id, c.response_b_id, coalesce(k.prompt_cluster, c.prompt_id) AS prompt_cluster
FROM comparisons c LEFT JOIN clusters k ON k.comparison_id = c.comparison_id AND k.prompt_id BETWEEN $first AND $last
WHERE c.origin <> 'probe' AND c.prompt_id BETWEEN $first AND $last
    AND (c.prompt_id, c.prompt_id, 'prompt') IN (SELECT (prompt_id, text_id, role) FROM known)
    AND (c.prompt_id, c.response_a_id, 'response') IN (SELECT (prompt_id, text_id, role) FROM known)
    AND (c.prompt_id, c.response_b_id, 'response') IN (SELECT (prompt_id, text_id, role) FROM known)
ORDER BY c.prompt_id, c.comparison_id
"""
_VECTORS = """
WITH known AS (
    SELECT prompt_id, text_id, role, vector FROM embeddings
    WHERE fingerprint = $fingerprint AND prompt_id BETWEEN $first AND $last
)
SELECT p.row, x.vector AS prompt, a.vector AS response_a, b.vector AS response_b FROM pairs p
JOIN known x ON x.prompt_id = p.prompt_id AND x.text_id = p.prompt_id AND x.role = 'prompt'
JOIN known a ON a.prompt_id = p.prompt_id AND a.text_id = p.response_a_id AND a.role = 'response'
JOIN known b ON b.prompt_id = p.prompt_id AND b.text_id = p.response_b_id AND b.role = 'response'
ORDER BY p.row
"""


@dataclass(frozen=True)
class Vectors:
    """Vectors of some rows of a table of pairs.

    Attributes:
        rows: indices of the rows that have all three.
        prompt, response_a, response_b: (rows, dimensions).
    """

    rows: npt.NDArray[np.int64]
    prompt: Float32s
    response_a: Float32s
    response_b: Float32s


def comparisons_with_vectors(
    snapshot: Snapshot, shard: int, fingerprint: str, questions: Sequence[Question] | None = None
) -> pa.Table:
    """The comparisons whose three texts have vectors of a model, in key order, without the vectors.

    Columns: prompt_id, comparison_id, response_a_id, response_b_id, prompt_cluster (the prompt itself where nothing is near).

    Args:
        snapshot: what the stage reads.
        shard: the shard.
        fingerprint: of the embedding model.
        questions: only the comparisons of these (sorted by prompt); without them those of the whole shard.
    """
    first, last = ALL if questions is None else span(questions)
    with snapshot.connect(["comparisons", "clusters", "embeddings"], shard) as connection:
        params = {"fingerprint": fingerprint, "first": first, "last": last}
        pairs = connection.sql(_PAIRS, params=params).to_arrow_table()
    if questions is None:
        return pairs
    wanted = pa.array([question.comparison_id for question in questions], pa.string())
    return pairs.filter(pc.is_in(pairs.column("comparison_id"), value_set=wanted))


def vectors(snapshot: Snapshot, shard: int, fingerprint: str, pairs: pa.Table) -> Vectors:
    """Loads a model's vectors for a table with the columns prompt_id, response_a_id and response_b_id."""
    if not pairs.num_rows:
        return Vectors(np.zeros(0, np.int64), *(np.zeros((0, 1), np.float32) for _ in range(3)))
    rows = pa.array(np.arange(pairs.num_rows), pa.int64())
    keyed = pairs.select(["prompt_id", "response_a_id", "response_b_id"]).append_column("row", rows)
    bounds = pc.min_max(pairs.column("prompt_id")).as_py()
    with snapshot.connect(["embeddings"], shard) as connection:
        connection.register("pairs", keyed)
        params = {"fingerprint": fingerprint, "first": bounds["min"], "last": bounds["max"]}
        found = connection.sql(_VECTORS, params=params).to_arrow_table()
    matrices = (_matrix(found.column(name), found.num_rows) for name in ("prompt", "response_a", "response_b"))
    return Vectors(found.column("row").to_numpy(), *matrices)


def _matrix(column: pa.ChunkedArray, rows: int) -> Float32s:
    if not rows:
        return np.zeros((0, 1), np.float32)
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    matrix: Float32s = flat.reshape(rows, -1).astype(np.float32)
    return matrix
