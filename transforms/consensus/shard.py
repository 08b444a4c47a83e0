"""One shard's comparisons and the votes on them, read from a pinned store."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.consensus.closest import without_outliers
from prefcurate.transforms.consensus.gates import gated_votes
from prefcurate.transforms.consensus.kinds import KindCount, count_kinds
from prefcurate.transforms.consensus.options import GateOptions
from prefcurate.transforms.consensus.votes import FOLDS, VOTES, Ints
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.labels import given_labels, labels_in, register_trusted
from prefcurate.transforms.measures.structure import style
from prefcurate.transforms.measures.text import CLEARLY_LONGER
from prefcurate.transforms.steps.units import Unit
from prefcurate.transforms.store.parts import read_aside, write_aside
from prefcurate.transforms.store.snapshot import Snapshot

_COMPARISONS = """
SELECT c.prompt_id, c.comparison_id, coalesce(g.prompt_cluster, c.prompt_id) AS cluster,
       length(c.response_a_text) AS length_a, length(c.response_b_text) AS length_b, c.response_a_id, c.response_b_id,
       formatting(c.response_a_text) AS format_a, formatting(c.response_b_text) AS format_b,
       m.models.a AS model_a, m.models.b AS model_b, t.task
FROM comparisons c LEFT JOIN gold g ON g.prompt_id = c.prompt_id
LEFT JOIN (SELECT comparison_id, arg_min(struct_pack(a := model_a, b := model_b), occurrence_id) AS models
           FROM occurrences WHERE model_a IS NOT NULL AND model_b IS NOT NULL GROUP BY comparison_id) m
    ON m.comparison_id = c.comparison_id
LEFT JOIN (SELECT prompt_id, min(value) AS task FROM attributes WHERE name = 'task' GROUP BY prompt_id) t ON t.prompt_id = c.prompt_id
WHERE c.origin <> 'probe' ORDER BY c.prompt_id, c.comparison_id
"""
_VOTES = """
SELECT p.place AS pair, a.annotator, coalesce(nullif(a.family, ''), a.annotator) AS family, a.kind,
       CASE a.label WHEN 'a' THEN 1 WHEN 'b' THEN -1 ELSE 0 END AS label,
       CASE a.order_shown WHEN 'ab' THEN 1 WHEN 'ba' THEN -1 ELSE 0 END AS "order",
       ('0x' || substr(sha256(coalesce(a.judgement_id, a.annotation_id)), 1, 15))::BIGINT AS judgement,
       coalesce(u.gold, false) AS gold, a.occurrence_id IS NOT NULL AS given, a.annotation_id
FROM annotations a JOIN pairs p USING (comparison_id) LEFT JOIN usable u USING (annotation_id)
WHERE a.attribute = 'overall' AND a.context = 'none' AND a.label IS NOT NULL AND a.label <> 'unratable'
  AND (a.occurrence_id IS NULL OR u.annotation_id IS NOT NULL)
ORDER BY p.place, a.annotation_id
"""
_CHARACTERS = 20
"""Added to lengths before they are compared: two words are not twice as long as one."""
_COST = "SELECT annotator, price_usd FROM calls WHERE price_usd IS NOT NULL ORDER BY annotator, call_id"


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


def read_shard(
    snapshot: Snapshot,
    shard: int,
    gold: GoldOptions,
    seed: int,
    gated: Sequence[GateOptions] = (),
    closest: int | None = None,
    formatting: bool = False,
) -> ShardVotes:
    """The votes that count: ours, and the labels that came with the data but for gold that is not of side fit; and what gates let through.

    With `closest`, of graded answers by more people to one pair only so many that lie closest together (`closest.py`).
    With `formatting`, how much of each response is formatted: some ten microseconds for a thousand characters.
    """
    given = given_labels(snapshot, gold, shard)
    tables = ["comparisons", "annotations", "occurrences", "gold", "attributes", *(["ratings"] if gated else [])]
    with snapshot.connect(tables, shard) as connection:
        connection.register("usable", given.select(["annotation_id", "gold"]))
        if formatting:
            connection.create_function("formatting", _formatting, ["VARCHAR"], "BIGINT", type="arrow")  # type: ignore[call-overload]
        else:
            connection.execute("CREATE TEMP MACRO formatting(text) AS 0::BIGINT")
        pairs = connection.sql(_COMPARISONS).to_arrow_table()
        places = pa.array(np.arange(len(pairs)), pa.int32())
        connection.register("pairs", pairs.select(["comparison_id"]).append_column("place", places))
        said = connection.sql(_VOTES).to_arrow_table()
        said = said if closest is None else without_outliers(said, connection, closest)
        if gated:
            register_trusted(connection, gold)
            said = pa.concat_tables([said, *(votes.cast(said.schema) for votes in gated_votes(connection, gated))])
            said = said.sort_by([("pair", "ascending"), ("annotation_id", "ascending")])
    came = labels_in(given)
    ids = pairs["comparison_id"].to_pylist()
    votes = vote_table(said, pairs, seed)
    return ShardVotes(
        ids, pairs["prompt_id"].to_pylist(), [came.get(c) for c in ids], votes, said["annotation_id"].to_pylist()
    )


def vote_table(said: pa.Table, pairs: pa.Table, seed: int) -> pa.Table:
    """Votes as rows of `VOTES`: what was said, and what is known about the pair that it was said of.

    Args:
        said: the columns of `VOTES` that are the vote's own.
        pairs: comparison_id, prompt_id, cluster, length_a, length_b, response_a_id, response_b_id of each comparison, and where they
            are known format_a, format_b, model_a, model_b and task; `pair` is the row here.
        seed: for folds and samples.
    """
    clusters, comparisons = pairs["cluster"].to_pylist(), pairs["comparison_id"].to_pylist()
    a, b = (pairs[side].to_numpy() for side in ("length_a", "length_b"))
    about = {
        "fold": np.array([int(_drawn(seed, c, "consensus/fold") * FOLDS) for c in clusters], np.int8),
        "longer": (a > CLEARLY_LONGER * b).astype(np.int8) - (b > CLEARLY_LONGER * a).astype(np.int8),
        "cluster": np.array([int(c[:15], 16) for c in clusters], np.int64),
        "chance": np.array([_drawn(seed, c, "consensus/sample") for c in comparisons], np.float64),
        "a": _known_by(pairs, "response_a_id"),
        "b": _known_by(pairs, "response_b_id"),
        "length": np.log((a + _CHARACTERS) / (b + _CHARACTERS)),
        "format": np.log((_told(pairs, "format_a") + 1.0) / (_told(pairs, "format_b") + 1.0)),
        "model_a": _named(pairs, "model_a"),
        "model_b": _named(pairs, "model_b"),
        "task": _named(pairs, "task"),
    }
    place = said["pair"].to_numpy()
    columns = {name: said[name] for name in VOTES.names if name not in about}
    columns |= {name: pa.array(values[place]) for name, values in about.items()}
    return pa.table({name: columns[name] for name in VOTES.names}).cast(VOTES)


def _known_by(pairs: pa.Table, column: str) -> Ints:
    """The same words to two prompts are two responses; ids are hashes, of which 60 bits are enough."""
    ids = zip(pairs["prompt_id"].to_pylist(), pairs[column].to_pylist(), strict=True)
    return np.array([int(p[:15], 16) ^ int(r[:15], 16) for p, r in ids], np.int64)


def _told(pairs: pa.Table, column: str) -> Ints:
    """A column of whole numbers; 0 where there is none."""
    if column not in pairs.column_names:
        return np.zeros(len(pairs), np.int64)
    found: Ints = pc.fill_null(pairs[column], 0).to_numpy()
    return found


def _named(pairs: pa.Table, column: str) -> Ints:
    """Names as numbers, 0 where there is none; a model is the same however it is capitalised."""
    if column not in pairs.column_names:
        return np.zeros(len(pairs), np.int64)
    names = pairs[column].to_pylist()
    numbers = {n: int(hashlib.sha256(n.lower().encode()).hexdigest()[:15], 16) for n in set(names) if n}
    return np.array([numbers.get(n, 0) for n in names], np.int64)


def _formatting(texts: pa.Array) -> pa.Array:
    """How many headings, items of lists, stretches in bold and blocks of code each text has."""
    return pa.array([None if text is None else style(text).total for text in texts.to_pylist()], pa.int64())


# A prompt's comparisons come one after another, and a cluster is mostly a prompt.
@lru_cache(maxsize=16)
def _drawn(seed: int, key: str, purpose: str) -> float:
    return unit_interval(seed, key, purpose)


@dataclass(frozen=True, order=True)
class VotePart:
    """A shard's vote matrix, waiting for the fit: where it lies, how many pairs it has, what its calls cost, and what gold says by kind of prompt."""

    shard: int
    path: str
    pairs: int
    cost: tuple[tuple[str, float], ...]
    kinds: tuple[KindCount, ...] = ()


def write_votes(
    unit: Unit,
    stage: str,
    gold: GoldOptions,
    seed: int,
    gated: Sequence[GateOptions] = (),
    closest: int | None = None,
    formatting: bool = False,
) -> VotePart:
    """Writes the shard's matrix beside the tables; the stage's commit clears it away."""
    snapshot = unit.snapshot
    read = read_shard(snapshot, unit.shard, gold, seed, gated, closest, formatting)
    votes = read.votes
    path = write_aside(snapshot.store.root, stage, "votes", unit.shard, votes)
    kinds = count_kinds(votes, read.prompt_ids, _attributes(snapshot, unit.shard))
    return VotePart(unit.shard, path, len(np.unique(votes["pair"].to_numpy())), _cost(snapshot, unit.shard), kinds)


def _attributes(snapshot: Snapshot, shard: int) -> pa.Table:
    with snapshot.connect(["attributes"], shard) as connection:
        return connection.sql("SELECT prompt_id, name, value FROM attributes").to_arrow_table()


def _cost(snapshot: Snapshot, shard: int) -> tuple[tuple[str, float], ...]:
    with snapshot.connect(["calls"], shard) as connection:
        rows = connection.sql(_COST).fetchall()
    spent: dict[str, list[float]] = {}
    for annotator, price in rows:
        spent.setdefault(annotator, []).append(price)
    return tuple((annotator, math.fsum(prices)) for annotator, prices in sorted(spent.items()))


def read_votes(part: VotePart, sample: float, without: int | None = None) -> pa.Table:
    """A matrix that `write_votes` wrote; below one, ``sample`` is the share of its pairs that is read, by hash.

    The gold of the fold ``without`` is left out.
    """
    votes = read_aside(part.path).cast(VOTES)
    if without is not None:
        votes = votes.filter(pc.invert(pc.and_(votes["gold"], pc.equal(votes["fold"], without))))
    return votes if sample >= 1 else votes.filter(pc.less(votes["chance"], sample))
