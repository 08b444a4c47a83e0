"""What is learned from: the labels of a shard that came with the data, one target and weight a pair, and the vectors beside them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc

from prefcurate.transforms.annotate.bradley_terry import Floats
from prefcurate.transforms.annotate.vectors import Float32s, Vectors
from prefcurate.transforms.embed.matrix import matrix_of
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.labels import given_labels
from prefcurate.transforms.store.files import read_bytes, write_by_hash
from prefcurate.transforms.store.snapshot import Snapshot

LearnFrom = Literal["people", "all", "gold"]

EXAMPLES = pa.schema(
    [
        ("comparison_id", pa.string()),
        ("prompt_cluster", pa.string()),
        ("target", pa.float64()),  # 1 a preferred, 0 b, between them shares and ties
        ("weight", pa.float64()),
        ("prompt", pa.list_(pa.float32())),
        ("response_a", pa.list_(pa.float32())),
        ("response_b", pa.list_(pa.float32())),
    ]
)

_PIECE = 2048
_LABELLED = ("comparison_id", "prompt_cluster", "target", "weight")

GRADED = pa.struct([("scale", pa.string()), ("sign", pa.int8()), ("strength", pa.float64()), ("share", pa.float64())])
"""What one voice says of a pair: on which scale (source and kind), for which side, how strongly (null when not told), its share of the pair."""

# Ours never count: a head must not learn from what was derived from it. Labels of audit gold are for the report alone. Means are
# taken in one order, whatever order rows lie in: their last bits are part of what is learned from.
_PAIRS = """
WITH given AS (
    SELECT a.comparison_id, CASE a.kind WHEN 'person' THEN a.judgement_id ELSE coalesce(a.family, a.annotator) END AS voice,
           CASE a.label WHEN 'a' THEN 1.0 WHEN 'b' THEN 0.0 ELSE 0.5 END AS target,
           1.0 / count(*) OVER (PARTITION BY a.judgement_id) AS share
    FROM annotations a SEMI JOIN allowed USING (annotation_id)
    WHERE a.occurrence_id IS NOT NULL AND a.attribute = 'overall' AND a.context = 'none'
      AND a.label IN ('a', 'b', 'tie', 'both_bad', 'both_good')
), voices AS (
    SELECT comparison_id, voice, avg(target) AS target, avg(share ORDER BY share) AS share FROM given GROUP BY ALL
), grouped AS (
    SELECT DISTINCT comparison_id, source, group_id FROM occurrences WHERE group_id IS NOT NULL
), groups AS (
    SELECT comparison_id, min(1.0 / pairs) AS share
    FROM (SELECT comparison_id, count(*) OVER (PARTITION BY source, group_id) AS pairs FROM grouped) GROUP BY comparison_id
)
SELECT v.comparison_id, avg(v.target ORDER BY v.voice) AS target,
       least(avg(v.share ORDER BY v.voice), coalesce(min(g.share), 1.0)) AS weight
FROM voices v LEFT JOIN groups g USING (comparison_id) GROUP BY v.comparison_id
"""

_GRADES = """
WITH given AS (
    SELECT a.comparison_id, CASE a.kind WHEN 'person' THEN a.judgement_id ELSE coalesce(a.family, a.annotator) END AS voice,
           CASE a.label WHEN 'a' THEN 1 WHEN 'b' THEN -1 ELSE 0 END AS sign, abs(a.strength) AS strength,
           o.source || ' ' || a.kind AS scale, a.annotation_id
    FROM annotations a SEMI JOIN allowed USING (annotation_id)
    JOIN (SELECT DISTINCT occurrence_id, source FROM occurrences) o USING (occurrence_id)
    WHERE a.attribute = 'overall' AND a.context = 'none' AND a.label IN ('a', 'b', 'tie', 'both_bad', 'both_good')
), shared AS (
    SELECT *, 1.0 / count(*) OVER (PARTITION BY comparison_id, voice) AS share FROM given
)
SELECT comparison_id, list({'scale': scale, 'sign': sign, 'strength': strength, 'share': share} ORDER BY annotation_id) AS grades
FROM shared GROUP BY comparison_id ORDER BY comparison_id
"""


def allowed_labels(snapshot: Snapshot, shard: int, learn_from: LearnFrom, gold: GoldOptions) -> frozenset[str]:
    """Ids of a shard's annotations that may be learned from: they came with the data, and gold among them is of side fit."""
    given = given_labels(snapshot, gold, shard)
    if learn_from == "gold":
        given = given.filter(pc.field("gold"))
    if learn_from == "people":
        given = given.filter(pc.field("kind") == "person")
    return frozenset(given.column("annotation_id").to_pylist())


def training_pairs(pairs: pa.Table, snapshot: Snapshot, shard: int, allowed: Iterable[str], most: int) -> pa.Table:
    """Those of ``pairs`` that have labels, with ``target`` and ``weight``, at most ``most`` of them (those with the smallest ids).

    Every judgement of a person counts once on a pair (a crowd may have one name), and every family of judges once, however many
    samples and orders it has. A judgement that gave many labels (a ranking), and a group of pairs of one row, weigh as much as a single pair.

    Args:
        pairs: as `prefcurate.transforms.annotate.vectors.comparisons_with_vectors` gives them.
        snapshot: what the stage reads.
        shard: the shard of the pairs.
        allowed: ids of the annotations that may be learned from (see `allowed_labels`).
        most: a limit; ids are hashes, so the smallest are a fair sample.
    """
    with snapshot.connect(["annotations", "occurrences"], shard) as connection:
        connection.register("allowed", pa.table({"annotation_id": pa.array(sorted(allowed), pa.string())}))
        connection.register("pairs", pairs)
        query = f"SELECT pairs.*, target, weight FROM pairs JOIN ({_PAIRS}) USING (comparison_id) ORDER BY comparison_id LIMIT ?"  # noqa: S608
        return connection.sql(query, params=[most]).to_arrow_table()


def grades(snapshot: Snapshot, shard: int, allowed: Iterable[str], comparisons: Sequence[str]) -> pa.Array:
    """For each comparison what its voices say, in degrees where they told any: lists of `GRADED`.

    Args:
        snapshot: what the stage reads.
        shard: the shard of the comparisons.
        allowed: as for `training_pairs`, which names the comparisons.
        comparisons: ids; all of them have labels among the allowed.
    """
    with snapshot.connect(["annotations", "occurrences"], shard) as connection:
        connection.register("allowed", pa.table({"annotation_id": pa.array(sorted(allowed), pa.string())}))
        found = connection.sql(_GRADES).to_arrow_table()
    place = pc.index_in(pa.array(comparisons, pa.string()), value_set=found["comparison_id"].combine_chunks())
    return found["grades"].combine_chunks().take(place).cast(pa.list_(GRADED))


@dataclass(frozen=True, order=True)
class ExampleFile:
    """What one shard gives to learn from: a file of the store."""

    shard: int
    path: str


def write_examples(examples: pa.Table, shard: int, folder: str) -> ExampleFile:
    """Writes a shard's examples, named by their bytes."""
    sink = pa.BufferOutputStream()
    with ipc.new_file(sink, examples.schema, options=ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(examples)
    return ExampleFile(shard, write_by_hash(folder, sink.getvalue().to_pybytes(), ".arrow"))


def read_examples(files: Iterable[ExampleFile]) -> pa.Table:
    """The examples of all shards (one at least), in the order of the shards."""
    found = (ipc.open_file(pa.BufferReader(read_bytes(file.path))).read_all() for file in sorted(set(files)))
    return pa.concat_tables(found)


def example_rows(labelled: pa.Table, found: Vectors) -> pa.Table:
    """Labelled pairs as rows of `EXAMPLES`; those without vectors are left out.

    Args:
        labelled: comparison_id, prompt_cluster, target and weight of each.
        found: their vectors.
    """
    table = labelled.select(_LABELLED).take(pa.array(found.rows, pa.int64()))
    for name in ("prompt", "response_a", "response_b"):
        table = table.append_column(name, _listed(getattr(found, name)))
    return table.cast(EXAMPLES)


def features_of(examples: pa.Table) -> Floats:
    """The feature differences of examples, shape (examples, features)."""
    # By pieces: in float64 the three vectors of all pairs would take more than the features themselves.
    pieces = (examples.slice(start, _PIECE) for start in range(0, max(1, examples.num_rows), _PIECE))
    found = np.zeros((0, 0))
    for number, piece in enumerate(pieces):
        vectors = (matrix_of(piece.column(name)) for name in ("prompt", "response_a", "response_b"))
        features = Vectors(np.arange(piece.num_rows), *vectors).features()
        if not number:
            found = np.empty((examples.num_rows, features.shape[1]))
        found[number * _PIECE : number * _PIECE + len(features)] = features
    return found


def _listed(values: Float32s) -> pa.Array:
    flat = pa.array(values.ravel(), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, max(values.shape[1], 1)).cast(pa.list_(pa.float32()))
