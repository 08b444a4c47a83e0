"""What was said about the comparisons of a shard by labels that came with the data, for contradictions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from prefcurate.transforms.screen.responses import Flag
from prefcurate.transforms.store.snapshot import Snapshot

_VOTES = """
    SELECT comparison_id,
        count(*) FILTER (person AND label = 'a'), count(*) FILTER (person AND label = 'b'),
        min(annotation_id) FILTER (person AND label = 'a'), min(annotation_id) FILTER (person AND label = 'b'),
        CASE WHEN NOT bool_or(person) THEN sign(count(*) FILTER (label = 'a') - count(*) FILTER (label = 'b')) ELSE 0 END::BIGINT
    FROM (SELECT *, kind = 'person' AS person FROM annotations)
    WHERE occurrence_id IS NOT NULL AND attribute = 'overall' AND context = 'none'
    GROUP BY comparison_id ORDER BY comparison_id
"""


@dataclass(frozen=True, slots=True)
class Votes:
    """How many people preferred each response of a comparison, and the first annotation of each opinion.

    `others` is what most of the rest preferred where no people labelled: 1 for a, -1 for b, else 0.
    """

    a: int
    b: int
    first_a: str | None = None
    first_b: str | None = None
    others: int = 0

    @property
    def leaning(self) -> int:
        """1 when more people prefer a, -1 when more prefer b, else 0; others where there are no people, as with `label_in`."""
        return (self.a > self.b) - (self.a < self.b) or self.others


def votes_that_came(snapshot: Snapshot, shard: int) -> dict[str, Votes]:
    """By comparison_id, the labels that came with the data, on the whole answer."""
    with snapshot.connect(["annotations"], shard) as connection:
        return {row[0]: Votes(*row[1:]) for row in connection.sql(_VOTES).fetchall()}


def contradiction_flags(comparison_id: str, votes: Votes | None) -> Iterator[Flag]:
    """A flag when people prefer different responses of one comparison; its value is the minority's share of the votes."""
    if votes is not None and votes.a and votes.b:
        evidence = json.dumps({"a": votes.a, "b": votes.b, "annotations": [votes.first_a, votes.first_b]})
        yield Flag(
            "contradictory_repeat", min(votes.a, votes.b) / (votes.a + votes.b), evidence, matched_id=comparison_id
        )
