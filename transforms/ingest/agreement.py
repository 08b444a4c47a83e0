"""Do labels that came with the data point the same way? For `check`, which warns where a source looks reversed."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prefcurate.transforms.labels import majority

MIN_PAIRS = 20
"""Comparisons below which nothing is said."""
Z = 1.96


@dataclass(frozen=True, order=True, slots=True)
class Vote:
    """A preference of one annotator on one comparison, as stored: `label` is a or b."""

    comparison_id: str
    source: str
    annotator: str
    kind: str
    attribute: str
    label: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """On how many comparisons somebody agrees with the majority of the others there."""

    who: str
    agreed: int
    n: int
    others: tuple[str, ...]

    @property
    def share(self) -> float:
        """Agreed of all; 0 of none."""
        return self.agreed / self.n if self.n else 0.0

    @property
    def upper(self) -> float:
        """Upper end of the 95% Wilson interval of the share (Wilson, 1927)."""
        return wilson_upper(self.agreed, self.n)


def wilson_upper(successes: int, n: int, z: float = Z) -> float:
    """The upper end of Wilson's interval of a share; 1 when there is nothing."""
    if not n:
        return 1.0
    share, z2 = successes / n, z * z
    centre = share + z2 / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (centre + spread) / (1 + z2 / n)


def reversed_looking(votes: Iterable[Vote], min_pairs: int = MIN_PAIRS) -> list[Agreement]:
    """Sources and annotators that agree with the others less than chance would.

    The labels of one kind in a source are compared with those of other sources; then each annotator's with those of
    everybody else. On each comparison the majorities count once, and draws are left out. People are the measure where
    there are any: no person is suspected because a model disagrees.
    """
    given = sorted(votes)
    sources = _suspects(given, _as_source, lambda one, other: one.source != other.source, min_pairs)
    named = {agreement.who for agreement in sources}
    rest = [vote for vote in given if _as_source(vote) not in named]
    return sources + _suspects(rest, _as_annotator, lambda one, other: one.annotator != other.annotator, min_pairs)


def _as_source(vote: Vote) -> str:
    return f"{_PLURAL[vote.kind]} of source {vote.source!r}"


def _as_annotator(vote: Vote) -> str:
    return f"annotator {vote.annotator!r}"


_PLURAL = {"person": "people", "llm_judge": "LLM judges", "reward_model": "reward models", "program": "programs"}


def _suspects(
    votes: Sequence[Vote], name: Callable[[Vote], str], apart: Callable[[Vote, Vote], bool], min_pairs: int
) -> list[Agreement]:
    agreed: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    others_of: dict[str, set[str]] = defaultdict(set)
    for group in _by_comparison(votes):
        for who in sorted({name(vote) for vote in group}):
            own = [vote for vote in group if name(vote) == who]
            others = _measure(own[0], [vote for vote in group if apart(own[0], vote)])
            one, other = (majority(vote.label for vote in side) for side in (own, others))
            if one is not None and other is not None:
                seen[who] += 1
                agreed[who] += one == other
                others_of[who].update(name(vote) for vote in others)
    found = [Agreement(who, agreed[who], seen[who], tuple(sorted(others_of[who]))) for who in sorted(seen)]
    return [agreement for agreement in found if agreement.n >= min_pairs and agreement.upper < 0.5]


def _by_comparison(votes: Sequence[Vote]) -> Iterable[list[Vote]]:
    groups: dict[tuple[str, str], list[Vote]] = defaultdict(list)
    for vote in votes:
        groups[vote.comparison_id, vote.attribute].append(vote)
    return (group for group in groups.values() if len(group) > 1)


def _measure(own: Vote, others: list[Vote]) -> list[Vote]:
    people = [vote for vote in others if vote.kind == "person"]
    return people if people or own.kind == "person" else others
