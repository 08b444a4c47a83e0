"""The store's vectors of pairs as matrices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.transforms.annotate.annotator import Question
from prefcurate.transforms.annotate.bradley_terry import Floats, pair_features
from prefcurate.transforms.annotate.texts import ALL, span
from prefcurate.transforms.embed.matrix import matrix_of
from prefcurate.transforms.store.snapshot import Snapshot

Float32s = npt.NDArray[np.float32]

# The range of prompts skips row groups of sorted parts. A cluster is of prompts: a pair that came after the last screening has its prompt's.
_PAIRS = """
WITH known AS (
    SELECT prompt_id, text_id, role FROM embeddings WHERE fingerprint = $fingerprint AND prompt_id BETWEEN $first AND $last
)
SELECT c.prompt_id, c.comparison_id, c.response_a_id, c.response_b_id, coalesce(k.prompt_cluster, c.prompt_id) AS prompt_cluster
FROM comparisons c
LEFT JOIN (SELECT prompt_id, min(prompt_cluster) AS prompt_cluster FROM clusters
           WHERE prompt_id BETWEEN $first AND $last GROUP BY prompt_id) k ON k.prompt_id = c.prompt_id
WHERE c.origin <> 'probe' AND c.prompt_id BETWEEN $first AND $last
    AND (c.prompt_id, c.prompt_id, 'prompt') IN (SELECT (prompt_id, text_id, role) FROM known)
    AND (c.prompt_id, c.response_a_id, 'response') IN (SELECT (prompt_id, text_id, role) FROM known)
    AND (c.prompt_id, c.response_b_id, 'response') IN (SELECT (prompt_id, text_id, role) FROM known)
ORDER BY c.prompt_id, c.comparison_id
"""
_VECTORS = """
SELECT prompt_id, text_id, role, vector FROM embeddings
WHERE fingerprint = $fingerprint AND prompt_id BETWEEN $first AND $last
    AND (prompt_id, text_id, role) IN (SELECT (prompt_id, text_id, role) FROM wanted)
ORDER BY prompt_id, text_id, role
"""
_ROLES = {"prompt_id": "prompt", "response_a_id": "response", "response_b_id": "response"}


@dataclass(frozen=True)
class Vectors:
    """Vectors of some rows of a table of pairs.

    Attributes:
        rows: indices of the rows that have all three, of finite numbers (a model in half precision may overflow).
        prompt, response_a, response_b: (rows, dimensions).
    """

    rows: npt.NDArray[np.int64]
    prompt: Float32s
    response_a: Float32s
    response_b: Float32s

    def features(self) -> Floats:
        """Feature differences of the pairs, a less b (`pair_features`)."""
        return pair_features(*(each.astype(np.float64) for each in (self.prompt, self.response_a, self.response_b)))


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
    bounds = pc.min_max(pairs.column("prompt_id")).as_py()
    with snapshot.connect(["embeddings"], shard) as connection:
        connection.register("wanted", pa.concat_tables(_texts(pairs, text) for text in _ROLES))
        params = {"fingerprint": fingerprint, "first": bounds["min"], "last": bounds["max"]}
        found = connection.sql(_VECTORS, params=params).to_arrow_table()
    # Not joined where the vectors are: a prompt with a thousand pairs would meet all its vectors with all of them.
    known = _keys(found)
    matrix = matrix_of(found.column("vector"))
    told = np.append(np.isfinite(matrix).all(axis=1), False)
    nowhere = len(matrix)
    places = [pc.index_in(_keys(_texts(pairs, text)), value_set=known).fill_null(nowhere).to_numpy() for text in _ROLES]
    rows = np.flatnonzero(np.logical_and.reduce([told[place] for place in places]))
    return Vectors(rows, *(matrix[place[rows]] for place in places))


def _texts(pairs: pa.Table, text: str) -> pa.Table:
    """The texts of one column of pairs as what names their vectors."""
    role = pa.array([_ROLES[text]], pa.string()).take(pa.array(np.zeros(pairs.num_rows, np.int64)))
    return pa.table([pairs.column("prompt_id"), pairs.column(text), role], names=["prompt_id", "text_id", "role"])


def _keys(texts: pa.Table) -> pa.Array:
    columns = (texts.column(name).combine_chunks() for name in ("prompt_id", "text_id", "role"))
    return pc.binary_join_element_wise(*columns, " ")
