"""A shard's opinions for agreements, read from a pinned store, and what each agreement finds of each comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prefcurate.transforms.consensus.agreement import Opinion, Signal, signals_of
from prefcurate.transforms.consensus.agreement_options import Rule
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.labels import given_labels
from prefcurate.transforms.store.snapshot import Snapshot


@dataclass(frozen=True)
class Signals:
    """What agreements find in a shard.

    Attributes:
        found: every agreement with what it finds, by comparison; comparisons of which nobody has said anything are in none.
    """

    found: tuple[tuple[Rule, Mapping[str, Signal]], ...] = ()

    def of(self, comparison: str) -> tuple[tuple[Rule, Signal | None], ...]:
        """Every agreement with what it finds of a comparison; None where nobody has said anything."""
        return tuple((rule, of_rule.get(comparison)) for rule, of_rule in self.found)


# The same opinions as the votes': none of audit gold.
_OPINIONS = """
SELECT a.comparison_id, c.prompt_id, c.response_a_id, c.response_b_id, a.annotator,
       sum(CASE a.label WHEN 'a' THEN 1 WHEN 'b' THEN -1 ELSE 0 END)::DOUBLE AS side,
       avg(coalesce(a.strength, CASE a.label WHEN 'a' THEN 1 WHEN 'b' THEN -1 ELSE 0 END) ORDER BY a.annotation_id) AS strength
FROM annotations a JOIN comparisons c USING (comparison_id) LEFT JOIN usable u USING (annotation_id)
WHERE a.attribute = 'overall' AND a.context = 'none' AND a.label IS NOT NULL AND a.label <> 'unratable' AND c.origin <> 'probe'
  AND (a.occurrence_id IS NULL OR u.annotation_id IS NOT NULL)
GROUP BY ALL ORDER BY a.comparison_id, a.annotator
"""


def read_signals(snapshot: Snapshot, shard: int, gold: GoldOptions, rules: Sequence[Rule]) -> Signals:
    """What every agreement finds in a shard; nothing is read where none is configured."""
    if not rules:
        return Signals()
    with snapshot.connect(["comparisons", "annotations"], shard) as connection:
        connection.register("usable", given_labels(snapshot, gold, shard).select(["annotation_id"]))
        opinions = [Opinion(*row) for row in connection.sql(_OPINIONS).fetchall()]
    return Signals(tuple((rule, signals_of(rule, opinions)) for rule in rules))
