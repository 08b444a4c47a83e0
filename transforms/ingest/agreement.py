"""Do labels that came with the data point the same way? For `check`, which warns where a source looks reversed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from prefcurate.transforms.intervals import wilson
from prefcurate.transforms.labels import majority

MIN_PAIRS = 20
"""Comparisons below which nothing is said."""


@dataclass(frozen=True, order=True, slots=True)
class Vote:
    """A preference of one annotator on one comparison, as stored: `label` is a or b."""

    comparison_id: str
    source: str
    annotator: str
    kind: str
    attribute: str
    label: str
    shown: str = ""
    """Which response, as stored, was shown first: a, b, or nothing where it is not known."""
    swapped: bool = False
    """The row's second response was shown first."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """On how many comparisons somebody agrees with the majority of the others there."""

    who: str
    agreed: int
    n: int
    others: tuple[str, ...]
    chance: float = 0.5
    """The share that chance would give."""

    @property
    def share(self) -> float:
        """Agreed of all; 0 of none."""
        return self.agreed / self.n if self.n else 0.0

    @property
    def upper(self) -> float:
        """Upper end of the 95% Wilson interval of the share (Wilson, 1927)."""
        return wilson(self.share, self.n)[1]


def reversed_looking(votes: Iterable[Vote], min_pairs: int = MIN_PAIRS) -> list[Agreement]:
    """Sources and annotators that agree with the others less than chance would.

    The labels of one kind in a source are compared with those of other sources; then each annotator's with those of
    everybody else; then a source's labels on rows whose second response was shown first with all others: a judge that
    answered in both orders hides a file in shown order behind one that is right. On each comparison the majorities
    count once, and draws are left out. People are the measure where there are any: no person is suspected because a
    model disagrees.
    """
    rest = sorted(votes)
    found: list[Agreement] = []
    for name, apart in (
        (_as_source, lambda one, other: one.source != other.source),
        (_as_annotator, lambda one, other: one.annotator != other.annotator),
    ):
        found += _suspects(rest, name, apart, min_pairs)
        named = {agreement.who for agreement in found}
        rest = [vote for vote in rest if name(vote) not in named]
    swapped = _suspects(rest, _as_swapped, lambda one, other: _as_swapped(one) != _as_swapped(other), min_pairs)
    return found + [agreement for agreement in swapped if agreement.who.endswith(SWAPPED)]


def _as_source(vote: Vote) -> str:
    return f"{PLURALS[vote.kind]} of source {vote.source!r}"


def _as_annotator(vote: Vote) -> str:
    return f"annotator {vote.annotator!r}"


def _as_swapped(vote: Vote) -> str:
    return _as_source(vote) + (SWAPPED if vote.swapped else "")


SWAPPED = " where the row's second response was shown first"
PLURALS = {"person": "people", "llm_judge": "LLM judges", "reward_model": "reward models", "program": "programs"}


@dataclass
class _Tally:
    """What one name and the others said on the comparisons where both have a majority."""

    agreed: int = 0
    n: int = 0
    known: int = 0
    first: int = 0
    others_first: int = 0
    others: set[str] = field(default_factory=set)

    def add(self, one: str, other: str, shown: str) -> None:
        """One comparison more; `shown` is the response that the name's owner saw first."""
        self.n += 1
        self.agreed += one == other
        self.known += bool(shown)
        self.first += one == shown
        self.others_first += other == shown

    def chance(self) -> float:
        """The agreement of two who differ in nothing but how often they prefer the response shown first (Cohen, 1960).

        Whoever always prefers it says the opposite of the other order, and labels are not reversed for that.
        """
        if not self.known:
            return 0.5
        first, others = self.first / self.known, self.others_first / self.known
        return min(0.5, first * others + (1 - first) * (1 - others))


def _suspects(
    votes: Sequence[Vote], name: Callable[[Vote], str], apart: Callable[[Vote, Vote], bool], min_pairs: int
) -> list[Agreement]:
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    for group in _by_comparison(votes):
        for who in sorted({name(vote) for vote in group}):
            own = [vote for vote in group if name(vote) == who]
            others = _measure(own[0], [vote for vote in group if apart(own[0], vote)])
            one, other = (majority(vote.label for vote in side) for side in (own, others))
            if one is not None and other is not None:
                tallies[who].add(one, other, own[0].shown)
                tallies[who].others.update(name(vote) for vote in others)
    found = [
        Agreement(who, tally.agreed, tally.n, tuple(sorted(tally.others)), tally.chance())
        for who, tally in sorted(tallies.items())
    ]
    return [agreement for agreement in found if agreement.n >= min_pairs and agreement.upper < agreement.chance]


def _by_comparison(votes: Sequence[Vote]) -> Iterable[list[Vote]]:
    groups: dict[tuple[str, str], list[Vote]] = defaultdict(list)
    for vote in votes:
        groups[vote.comparison_id, vote.attribute].append(vote)
    return (group for group in groups.values() if len(group) > 1)


def _measure(own: Vote, others: list[Vote]) -> list[Vote]:
    people = [vote for vote in others if vote.kind == "person"]
    return people if people or own.kind == "person" else others
