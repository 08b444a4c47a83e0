"""The labels that rubrics are validated on: gold of side fit where there is any, else the majority of people.

Prompts of side audit are left out altogether, not only their gold labels: a rubric never saw anything of the pairs on
which the report measures.
"""

from collections import defaultdict
from collections.abc import Iterable

from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.screen.people import is_gold
from prefcurate.transforms.store.snapshot import Snapshot

_SAID = """
    SELECT DISTINCT a.annotation_id, a.comparison_id, a.annotator, a.kind, o.source, a.label
    FROM annotations a JOIN occurrences o USING (occurrence_id, comparison_id)
    WHERE a.attribute = 'overall' AND a.context = 'none' AND a.label IN ('a', 'b', 'tie', 'both_bad', 'both_good')
    AND a.prompt_id NOT IN (SELECT prompt_id FROM gold WHERE side = 'audit')
    ORDER BY ALL
"""
_SIDES = {"a": 1, "b": -1}


def trusted_labels(snapshot: Snapshot, gold: GoldOptions, shard: int) -> dict[str, int]:
    """1 for a or -1 for b by comparison_id; comparisons without a trusted label, or with a draw, are not in it."""
    with snapshot.connect(["annotations", "gold"], shard) as connection:
        said = connection.sql(_SAID).fetchall()
    by_gold: dict[str, dict[str, int]] = defaultdict(dict)
    by_people: dict[str, dict[str, int]] = defaultdict(dict)
    for annotation, comparison, annotator, kind, source, label in said:
        side = _SIDES.get(label, 0)
        if is_gold(annotator, kind, source, gold):
            by_gold[comparison][annotation] = side
        elif kind == "person":
            by_people[comparison][annotation] = side
    majorities = {c: majority(votes.values()) for c, votes in {**by_people, **by_gold}.items()}
    return {comparison: label for comparison, label in majorities.items() if label}


def majority(votes: Iterable[int]) -> int:
    """1 or -1 where more than half of the votes (1, -1, or 0 for a tie) say so, else 0."""
    cast = list(votes)
    for side in (1, -1):
        if 2 * cast.count(side) > len(cast):
            return side
    return 0
