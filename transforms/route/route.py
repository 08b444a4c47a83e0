"""The stage route: spends a budget where another opinion helps most, and writes the queues."""

import heapq
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.labels import given_labels
from prefcurate.transforms.route.options import PeopleRule, RouteOptions
from prefcurate.transforms.route.plan import (
    JUDGE,
    NOBODY,
    PERSON,
    Asked,
    Candidate,
    PeopleAsked,
    Routed,
    best_candidates,
    by_chance,
    by_value,
    plan,
)
from prefcurate.transforms.route.tasks import labelling_config, queue_json, task
from prefcurate.transforms.steps.commit import CommitStage
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.units import Pin, ShardUnits, Unit
from prefcurate.transforms.store.files import join, write_bytes
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.snapshot import Snapshot

READS = ("consensus", "annotators", "annotations", "comparisons", "occurrences", "gold")
WRITES = ("routes",)
ASKED_BY = "route:value-of-information"
_MEASURED = 10
_UNMEASURED_JUDGE = 0.7

# A person has decided the overridden ones.
_PAIRS = """
SELECT comparison_id, prompt_id, p_a, p_b, p_tie, coalesce(starts_with(reason, 'override by '), false) AS overridden
FROM consensus WHERE attribute = 'overall' AND context = 'none' ORDER BY prompt_id, comparison_id
"""

_PEOPLE = """
WITH said AS (
    SELECT g.comparison_id, CASE WHEN ends_with(g.annotator, '/anonymous') THEN annotation_id ELSE g.annotator END AS person, a.strength,
        CASE WHEN g.label IN ('a', 'b') THEN g.label ELSE 'tie' END AS side
    FROM given g JOIN annotations a USING (annotation_id) WHERE g.kind = 'person'
)
SELECT comparison_id, count(DISTINCT person), count(DISTINCT side) > 1, coalesce(max(strength) - min(strength), 0), count(strength) = count(*)
FROM said GROUP BY comparison_id ORDER BY comparison_id
"""


_DRAWN_BEFORE = """
SELECT DISTINCT comparison_id FROM annotations WHERE kind = 'person' AND starts_with(asked_by, 'route:') AND inclusion_p < 1
"""


@dataclass
class Route(beam.PTransform):
    """From the consensus to the view `routes` and the files ``STORE/queues/<queue>.json``.

    Args:
        context: the stage.
        options: budget, prices and who can be asked.
        gold: whose labels are gold: those of side audit are seen by the report alone.
    """

    context: StageContext
    options: RouteOptions
    gold: GoldOptions

    def expand(self, root: beam.Pipeline) -> beam.PCollection[str]:
        """From a pipeline's root to the ledger entry's state."""
        pinned = root | Pin(self.context)
        units = pinned | ShardUnits()
        planned = (
            units
            | "candidates"
            >> beam.Map(_Candidates(self.context, self.options, self.gold)).with_output_types(ShardCandidates)
            | "of all shards" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
            | "plan" >> beam.Map(_plan, self.options, self.context.seed)
        )
        write = _Write(self.context)
        routed = units | "write" >> beam.FlatMap(write.parts, beam.pvalue.AsSingleton(planned)).with_output_types(Part)
        return routed | CommitStage(self.context, pinned)


@dataclass(frozen=True)
class ShardCandidates:
    """The candidates of a shard that can come into a queue, how many pairs it has in all, and how many each queue's lottery passes over."""

    candidates: tuple[Candidate, ...]
    pairs: int
    passed: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class _Candidates:
    context: StageContext
    options: RouteOptions
    gold: GoldOptions

    def __call__(self, unit: Unit) -> ShardCandidates:
        pairs = _pairs(unit)
        pairs = pairs.filter(pc.invert(pairs["overridden"]))
        if not self.options.can_ask or not pairs.num_rows:
            return ShardCandidates((), pairs.num_rows)
        ids = pairs["comparison_id"].to_pylist()
        chances = np.stack([pairs[name].to_numpy() for name in ("p_a", "p_b", "p_tie")], axis=1)
        people = None if self.options.people is None else people_asked(unit, ids, self.options.people, self.gold)
        askable = _askable(unit, ids, self.options, people)
        passed = _passed(unit, ids, askable)
        found = best_candidates(ids, unit.shard, chances, askable, people, passed)
        counts = tuple((queue, len(pairs)) for queue, pairs in sorted(passed.items()))
        return ShardCandidates(tuple(_longlist(found, self.options, self.context.seed)), len(ids), counts)


def _pairs(unit: Unit) -> pa.Table:
    with unit.snapshot.connect(["consensus"], unit.shard) as connection:
        return connection.sql(_PAIRS).to_arrow_table()


def _longlist(found: Sequence[Candidate], options: RouteOptions, seed: int) -> list[Candidate]:
    """No queue can be longer than the budget at the lowest price: more need not travel."""
    cheapest = min(c.price_usd for c in found)
    items = options.budget.items
    most = items if items is not None else math.floor((options.budget.usd or 0.0) / cheapest + 1e-9)
    lottery = 2 * math.ceil(most * options.uniform_share)
    best = heapq.nsmallest(most, (c for c in found if c.gain > 0 or c.begun), key=by_value)
    drawn = [
        candidate
        for queue in (PERSON, JUDGE)
        for candidate in heapq.nsmallest(
            lottery, (c for c in found if queue not in c.passed), key=lambda c: by_chance(c, seed)
        )
    ]
    return sorted(set(best) | set(drawn))


def _passed(
    unit: Unit, ids: Sequence[str], askable: Sequence[tuple[Asked, NDArray[np.bool_]]]
) -> dict[str, frozenset[str]]:
    """By queue, the pairs that its lottery passes over: whose draw people have answered, and which a judge has answered."""
    with unit.snapshot.connect(["annotations"], unit.shard) as connection:
        drawn = {comparison for (comparison,) in connection.sql(_DRAWN_BEFORE).fetchall()}
    asked = [sense for who, sense in askable if who.queue == JUDGE]
    by_judges = np.flatnonzero(~np.logical_and.reduce(asked)).tolist() if asked else []
    return {PERSON: frozenset(drawn & set(ids)), JUDGE: frozenset(ids[place] for place in by_judges)}


def people_asked(unit: Unit, ids: Sequence[str], rule: PeopleRule, gold: GoldOptions) -> PeopleAsked:
    """How many people have answered each pair, and how many more should; who answers twice is one, but for those without a name.

    What gold of side audit says counts for nothing: pairs that the report measures by are chosen like all others.
    """
    given = given_labels(unit.snapshot, gold, unit.shard)
    with unit.snapshot.connect(["annotations"], unit.shard) as connection:
        connection.register("given", given)
        rows = connection.sql(_PEOPLE).fetchall()
    said = {
        comparison: (n, spread > rule.spread if graded else differ) for comparison, n, differ, spread, graded in rows
    }
    told = [said.get(comparison, (0, False)) for comparison in ids]
    missing = np.array([rule.missing(n, disagree) for n, disagree in told], np.int64)
    return PeopleAsked(missing, np.array([n for n, _ in told], np.int64))


def _askable(
    unit: Unit, ids: Sequence[str], options: RouteOptions, wanted: PeopleAsked | None
) -> list[tuple[Asked, NDArray[np.bool_]]]:
    annotators = unit.snapshot.table("annotators").to_pylist()
    everywhere = np.ones(len(ids), bool) if wanted is None else wanted.missing > 0
    people = Asked(PERSON, "a person", _people_accuracy(annotators, options), options.person_price_usd)
    askable = [(people, everywhere)]
    for judge in _judges(annotators, options):
        answered = _answered(unit.snapshot, unit.shard, judge.name)
        askable.append((judge, np.array([comparison not in answered for comparison in ids], bool)))
    return askable


def _people_accuracy(annotators: Sequence[Mapping[str, Any]], options: RouteOptions) -> float:
    measured = [
        a for a in annotators if a["kind"] == "person" and a["accuracy"] is not None and a["status"] != "excluded"
    ]
    n: int = sum(a["n_gold"] for a in measured)
    if n < _MEASURED:
        return options.person_accuracy
    right: float = sum(a["accuracy"] * a["n_gold"] for a in measured)
    return min(0.99, max(0.5, right / n))


def _judges(annotators: Sequence[Mapping[str, Any]], options: RouteOptions) -> Iterator[Asked]:
    known = {a["annotator"]: a for a in annotators}
    for name in options.judges:
        full = next((n for n in sorted(known) if n == name or n.endswith(f":{name}")), name)
        figures = known.get(full, {})
        if figures.get("status") == "excluded":
            continue
        measured = (figures.get("n_gold") or 0) >= _MEASURED
        accuracy = min(0.99, max(0.5, figures["accuracy"])) if measured else _UNMEASURED_JUDGE
        spent, n = figures.get("cost"), figures.get("n")
        yield Asked(JUDGE, full, accuracy, spent / n if spent and n else options.judge_price_usd)


def _answered(snapshot: Snapshot, shard: int, annotator: str) -> set[str]:
    with snapshot.connect(["annotations"], shard) as connection:
        rows = connection.execute("SELECT comparison_id FROM annotations WHERE annotator = ?", [annotator]).fetchall()
    return {comparison for (comparison,) in rows}


def _plan(shards: Sequence[ShardCandidates], options: RouteOptions, seed: int) -> tuple[Routed, ...]:
    candidates = [candidate for shard in shards for candidate in shard.candidates]
    passed: Counter[str] = Counter()
    for shard in shards:
        passed.update(dict(shard.passed))
    return tuple(plan(candidates, sum(shard.pairs for shard in shards), options, seed, passed))


@dataclass(frozen=True)
class _Write:
    context: StageContext

    def parts(self, unit: Unit, planned: tuple[Routed, ...]) -> Iterator[Part]:
        chosen = {routed.candidate.comparison_id: routed for routed in planned}
        part = write_part(self.context.store.root, "routes", unit.shard, [route_rows(_pairs(unit), chosen)])
        if part is not None:
            yield part
        if unit.shard == 0:
            write_queues(unit.snapshot, planned, self.context.seed)


def route_rows(pairs: pa.Table, chosen: Mapping[str, Routed]) -> pa.Table:
    """One row a comparison: its queue, or nobody."""
    nobody = {"queue": NOBODY, "rank": None, "expected_gain": None, "price_usd": None, "inclusion_p": None}
    rows = []
    for row in pairs.select(["prompt_id", "comparison_id", "overridden"]).to_pylist():
        why = "a person's override decides it" if row.pop("overridden") else "another answer helps more elsewhere"
        routed = chosen.get(row["comparison_id"])
        rows.append(row | (nobody | {"reason": why} if routed is None else _columns(routed)))
    return pa.Table.from_pylist(rows, schema=TABLES["routes"].schema)


def _columns(routed: Routed) -> dict[str, Any]:
    return {
        "queue": routed.candidate.queue,
        "rank": routed.rank,
        "expected_gain": routed.candidate.gain,
        "price_usd": routed.candidate.cost_usd,
        "answers": routed.candidate.answers,
        "inclusion_p": routed.inclusion_p,
        "reason": routed.reason,
    }


def write_queues(snapshot: Snapshot, planned: Sequence[Routed], seed: int) -> None:
    """Writes ``STORE/queues/person.json`` and ``judge.json`` (tasks in order of rank) and the labelling configuration.

    A queue is as long as what people or judges answer in one round, so it is held in memory.
    """
    for queue in (PERSON, JUDGE):
        of_queue = [routed for routed in planned if routed.candidate.queue == queue]
        texts = _texts(snapshot, of_queue)
        tasks = [
            task(texts[r.candidate.comparison_id], seed, ASKED_BY, r.inclusion_p, r.rank, r.candidate.answers)
            for r in of_queue
        ]
        write_bytes(join(snapshot.store.root, "queues", f"{queue}.json"), queue_json(tasks))
    write_bytes(join(snapshot.store.root, "queues", "labelling-config.xml"), labelling_config().encode())


def _texts(snapshot: Snapshot, routed: Sequence[Routed]) -> dict[str, dict[str, Any]]:
    wanted: dict[int, list[str]] = {}
    for one in routed:
        wanted.setdefault(one.candidate.shard, []).append(one.candidate.comparison_id)
    found: dict[str, dict[str, Any]] = {}
    query = (
        "SELECT comparison_id, prompt, response_a, response_b FROM comparisons "
        "WHERE comparison_id IN (SELECT id FROM wanted) ORDER BY comparison_id"
    )
    for shard, ids in sorted(wanted.items()):
        with snapshot.connect(["comparisons"], shard) as connection:
            connection.register("wanted", pa.table({"id": ids}))
            found |= {row["comparison_id"]: row for row in connection.sql(query).to_arrow_table().to_pylist()}
    return found
