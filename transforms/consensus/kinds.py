"""The kinds of prompts on which an annotator is wrong more often than right: named only where that is no accident.

Accuracy against gold of side fit by every attribute of the prompts (task, domain, language, …). The interval is Wilson's (1927), with pairs of
one prompt worth what they tell together (Franco et al. 2019), and as wide as the number of annotators and kinds looked at asks for
(Bonferroni; Dunn 1961): of all that is named over a store, one in twenty stores names something by chance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pyarrow as pa

from prefcurate.transforms.intervals import effective_number, wilson
from prefcurate.transforms.store.duck import connect

_CHANCE = 0.5
_ERROR = 0.05
_FEWEST_PROMPTS = 10
_DIGITS = 9
# Sums of whole numbers: shards can be added in any order.
_COUNTS = """
    WITH golden AS (
        SELECT pair, count(*) FILTER (label = 1) AS a, count(*) FILTER (label = -1) AS b, count(*) FILTER (label = 0) AS tie
        FROM votes WHERE gold GROUP BY pair
    ),
    truth AS (SELECT pair, CASE WHEN a > b THEN 1 ELSE -1 END AS truth FROM golden WHERE greatest(a, b) > tie AND a <> b),
    judged AS (
        SELECT v.annotator::VARCHAR AS annotator, p.prompt_id, (v.label = t.truth)::BIGINT AS hit
        FROM votes v JOIN truth t USING (pair) JOIN pairs p USING (pair) WHERE NOT v.gold AND v.label <> 0
    ),
    told AS (
        SELECT annotator, name, value, prompt_id, count(*) AS n, sum(hit)::BIGINT AS hits
        FROM judged JOIN (SELECT DISTINCT prompt_id, name, value FROM attributes WHERE value IS NOT NULL) USING (prompt_id)
        GROUP BY ALL
    )
    SELECT annotator, name, value, count(*), sum(n)::BIGINT, sum(hits)::BIGINT, sum(n * n)::BIGINT, sum(n * hits)::BIGINT,
        sum(hits * hits)::BIGINT
    FROM told GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True, order=True)
class KindCount:
    """An annotator's verdicts on one kind of prompts that gold can measure.

    Attributes:
        annotator, name, value: whose, on prompts whose attribute ``name`` is ``value``.
        prompts, n, right: prompts, verdicts, and how many of them gold bears out.
        squares: sums over prompts of n², n · right and right².
    """

    annotator: str
    name: str
    value: str
    prompts: int
    n: int
    right: int
    squares: tuple[int, int, int]


@dataclass(frozen=True)
class WrongKind:
    """A kind of prompts on which an annotator is wrong more often than right; see the table `annotators`, column `wrong_on`."""

    name: str
    value: str
    n: int
    accuracy: float
    low: float
    high: float


def count_kinds(votes: pa.Table, prompt_ids: Sequence[str], attributes: pa.Table) -> tuple[KindCount, ...]:
    """What one shard contributes.

    Args:
        votes: rows of `prefcurate.transforms.consensus.votes.VOTES`.
        prompt_ids: of each pair.
        attributes: prompt_id, name, value; a prompt that has two values under one name counts under both.
    """
    pairs = pa.table({"pair": pa.array(np.arange(len(prompt_ids)), pa.int32()), "prompt_id": list(prompt_ids)})
    with connect() as connection:
        for name, table in (("votes", votes), ("pairs", pairs), ("attributes", attributes)):
            connection.register(name, table)
        rows = connection.sql(_COUNTS).fetchall()
    return tuple(
        KindCount(annotator, name, value, prompts, n, right, (nn, nr, rr))
        for annotator, name, value, prompts, n, right, nn, nr, rr in rows
    )


def wrong_kinds(counts: Iterable[KindCount]) -> dict[str, tuple[WrongKind, ...]]:
    """By annotator the kinds that are named, in the order of their names."""
    total: dict[tuple[str, str, str], np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
    for one in counts:
        key = (one.annotator, one.name, one.value)
        told = np.array([one.prompts, one.n, one.right, *one.squares], np.int64)
        total[key] = total[key] + told if key in total else told
    looked_at = {key: tuple(told.tolist()) for key, told in sorted(total.items()) if told[0] >= _FEWEST_PROMPTS}
    z = NormalDist().inv_cdf(1 - _ERROR / 2 / max(1, len(looked_at)))
    found: dict[str, tuple[WrongKind, ...]] = {}
    for (annotator, name, value), (prompts, n, right, nn, nr, rr) in looked_at.items():
        share = right / n
        clustered = (rr - 2 * share * nr + share**2 * nn) / n**2
        low, high = wilson(share, effective_number(n, prompts, share * (1 - share) / n, clustered), z)
        if high < _CHANCE:
            named = WrongKind(name, value, n, *(round(each, _DIGITS) for each in (share, low, high)))
            found[annotator] = (*found.get(annotator, ()), named)
    return found
