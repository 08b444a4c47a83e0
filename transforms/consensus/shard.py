"""One shard's comparisons and the votes on them, read from a pinned store."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.consensus.votes import FOLDS, VOTES
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.labels import given_labels, labels_in
from prefcurate.transforms.steps.units import Unit
from prefcurate.transforms.store.files import join, opened, replacing
from prefcurate.transforms.store.snapshot import Snapshot

_COMPARISONS = """
SELECT c.prompt_id, c.comparison_id, coalesce(g.prompt_cluster, c.prompt_id) AS cluster,
       length(c.response_a_text) AS length_a, length(c.response_b_text) AS length_b
FROM comparisons c LEFT JOIN gold g ON g.prompt_id = c.prompt_id
WHERE c.origin <> 'probe' ORDER BY c.prompt_id, c.comparison_id
"""
_ANNOTATIONS = """
SELECT a.annotation_id, a.comparison_id, a.annotator, a.kind, a.family, a.label, a.order_shown,
       coalesce(a.judgement_id, a.annotation_id) AS judgement, a.occurrence_id IS NOT NULL AS given,
       coalesce(u.gold, false) AS gold
FROM annotations a LEFT JOIN usable u USING (annotation_id)
WHERE a.attribute = 'overall' AND a.context = 'none' AND a.label IS NOT NULL AND a.label <> 'unratable'
  AND (a.occurrence_id IS NULL OR u.annotation_id IS NOT NULL)
ORDER BY a.comparison_id, a.annotation_id
"""
_COST = "SELECT annotator, price_usd FROM calls WHERE price_usd IS NOT NULL ORDER BY annotator, call_id"
_LABELS = {"a": 1, "b": -1, "tie": 0, "both_bad": 0, "both_good": 0}
_ORDERS = {"ab": 1, "ba": -1}


@dataclass(frozen=True, eq=False)
class ShardVotes:
    """What a shard knows: one entry a comparison, in key order, and the votes.

    Attributes:
        comparison_ids, prompt_ids, label_in: one entry a comparison; `label_in` None where no label came.
        votes: the table `prefcurate.transforms.consensus.votes.VOTES`; `pair` is the place in `comparison_ids`.
        annotation_ids: one entry a vote.
    """

    comparison_ids: list[str]
    prompt_ids: list[str]
    label_in: list[str | None]
    votes: pa.Table
    annotation_ids: list[str]


def read_shard(snapshot: Snapshot, shard: int, gold: GoldOptions, seed: int) -> ShardVotes:
    """The votes that count: ours, and the labels that came with the data but for gold that is not of side fit."""
    given = given_labels(snapshot, gold, shard)
    with snapshot.connect(["comparisons", "annotations", "gold"], shard) as connection:
        connection.register("usable", given)
        pairs = connection.sql(_COMPARISONS).to_arrow_table().to_pylist()
        annotations = connection.sql(_ANNOTATIONS).to_arrow_table().to_pylist()
    place = {pair["comparison_id"]: i for i, pair in enumerate(pairs)}
    counted = [a for a in annotations if a["comparison_id"] in place]
    counted.sort(key=lambda a: (place[a["comparison_id"]], a["annotation_id"]))
    places = [place[a["comparison_id"]] for a in counted]
    votes = pa.Table.from_pylist(
        [vote_row(a, i, pairs[i], seed) for a, i in zip(counted, places, strict=True)],
        schema=VOTES,
    )
    came = labels_in(given)
    ids = list(place)
    return ShardVotes(
        ids, [p["prompt_id"] for p in pairs], [came.get(c) for c in ids], votes, [a["annotation_id"] for a in counted]
    )


def vote_row(annotation: Mapping[str, Any], place: int, pair: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """An annotation as a row of `VOTES`.

    Args:
        annotation: annotator, kind, family, label, order_shown, judgement, given, gold (of side fit).
        place: of its comparison in the shard.
        pair: comparison_id, cluster, length_a, length_b of its comparison.
        seed: for folds and samples.
    """
    a, b = pair["length_a"], pair["length_b"]
    fold, chance = _drawn(pair["cluster"], pair["comparison_id"], seed)
    return {
        "pair": place,
        "annotator": annotation["annotator"],
        "family": annotation["family"] or annotation["annotator"],
        "kind": annotation["kind"],
        "label": _LABELS[annotation["label"]],
        "order": _ORDERS.get(annotation["order_shown"], 0),
        "judgement": int(hashlib.sha256(annotation["judgement"].encode()).hexdigest()[:15], 16),
        "gold": annotation["gold"],
        "given": annotation["given"],
        "fold": fold,
        "longer": (a > 1.1 * b) - (b > 1.1 * a),
        "chance": chance,
    }


@lru_cache(maxsize=1)
def _drawn(cluster: str, comparison_id: str, seed: int) -> tuple[int, float]:
    # The votes of one pair come one after another.
    fold = int(unit_interval(seed, cluster, "consensus/fold") * FOLDS)
    return fold, unit_interval(seed, comparison_id, "consensus/sample")


@dataclass(frozen=True, order=True)
class VotePart:
    """A shard's vote matrix, waiting for the fit: where it lies, how many pairs it has, what its calls cost."""

    shard: int
    path: str
    pairs: int
    cost: tuple[tuple[str, float], ...]


def write_votes(unit: Unit, stage: str, gold: GoldOptions, seed: int) -> VotePart:
    """Writes the shard's matrix beside the tables; the stage's commit clears it away."""
    snapshot = unit.snapshot
    votes = read_shard(snapshot, unit.shard, gold, seed).votes
    sink = pa.BufferOutputStream()
    pq.write_table(votes, sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    name = f"{hashlib.sha256(content).hexdigest()}.parquet"
    path = join(snapshot.store.root, "_pending", stage, "votes", f"shard={unit.shard}", name)
    with replacing(path) as local, open(local, "wb") as stream:
        stream.write(content)
    return VotePart(unit.shard, path, len(np.unique(votes["pair"].to_numpy())), _cost(snapshot, unit.shard))


def _cost(snapshot: Snapshot, shard: int) -> tuple[tuple[str, float], ...]:
    with snapshot.connect(["calls"], shard) as connection:
        rows = connection.sql(_COST).fetchall()
    spent: dict[str, list[float]] = {}
    for annotator, price in rows:
        spent.setdefault(annotator, []).append(price)
    return tuple((annotator, math.fsum(prices)) for annotator, prices in sorted(spent.items()))


def read_votes(part: VotePart, sample: float) -> pa.Table:
    """A matrix that `write_votes` wrote; below one, ``sample`` is the share of its pairs that is read, by hash."""
    with opened(part.path) as stream:
        votes = pq.read_table(stream).cast(VOTES)
    return votes if sample >= 1 else votes.filter(pc.less(votes["chance"], sample))
