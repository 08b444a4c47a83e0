"""What people said about the comparisons of a shard, for contradictions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from prefcurate.transforms.screen.responses import Flag
from prefcurate.transforms.store.snapshot import Snapshot

_VOTES = """
    SELECT comparison_id,
        count(*) FILTER (label = 'a'), count(*) FILTER (label = 'b'),
        min(annotation_id) FILTER (label = 'a'), min(annotation_id) FILTER (label = 'b')
    FROM annotations
    WHERE kind = 'person' AND occurrence_id IS NOT NULL AND attribute = 'overall' AND context = 'none'
    GROUP BY comparison_id ORDER BY comparison_id
"""


@dataclass(frozen=True, slots=True)
class Votes:
    """How many people preferred each response of a comparison, and the first annotation of each opinion."""

    a: int
    b: int
    first_a: str | None
    first_b: str | None

    @property
    def leaning(self) -> int:
        """1 when more people prefer a, -1 when more prefer b, else 0."""
        return (self.a > self.b) - (self.a < self.b)


def votes_of_people(snapshot: Snapshot, shard: int) -> dict[str, Votes]:
    """By comparison_id, the people's labels that came with the data, on the whole answer."""
    with snapshot.connect(["annotations"], shard) as connection:
        return {row[0]: Votes(*row[1:]) for row in connection.sql(_VOTES).fetchall()}


def contradiction_flags(comparison_id: str, votes: Votes | None) -> Iterator[Flag]:
    """A flag when people prefer different responses of one comparison; its value is the minority's share of the votes."""
    if votes is not None and votes.a and votes.b:
        evidence = json.dumps({"a": votes.a, "b": votes.b, "annotations": [votes.first_a, votes.first_b]})
        yield Flag(
            "contradictory_repeat", min(votes.a, votes.b) / (votes.a + votes.b), evidence, matched_id=comparison_id
        )
