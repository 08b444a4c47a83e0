"""From several responses to one prompt, each with ratings or a rank, to pairs with labels.

Two ratings by one annotator of one attribute are an opinion on the pair: the higher one is preferred, and equal ones, or ones nearer
than a stated gap, are a tie. Whatever one annotator said of the whole set is one act: its labels share a judgement. (That pairs of
one ranking are not independent is why Ouyang et al. 2022, arXiv:2203.02155, train on a prompt's pairs as one batch element.)
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from prefcurate.schemas.formats.chat import Messages
from prefcurate.schemas.records import (
    AnnotatorKind,
    GivenLabel,
    GivenMaterial,
    GivenPair,
    GivenRating,
    GivenSpan,
    Verdict,
)

WhichPairs = Literal["all", "best", "adjacent", "across"]
"""Every two responses of a set; the best with each other; each with the next best; those that different entries describe."""


@dataclass(frozen=True, slots=True)
class Score:
    """What an annotator thought of one response: a value, of which more is better, or a rank, of which less is.

    Only what `compares` becomes a label; the other scores are kept as ratings.
    """

    annotator: str
    kind: AnnotatorKind
    attribute: str
    value: float
    scale: tuple[float | None, float | None] = (None, None)
    sample: int = 0
    rationale: str | None = None
    is_rank: bool = False
    compares: bool = True
    answered_at: str | None = None
    seconds: float | None = None

    @property
    def act(self) -> tuple[Any, ...]:
        """What two scores have in common that were given in one act."""
        return self.annotator, self.kind, self.attribute, self.sample, self.is_rank

    def rating(self, of: Literal["first", "second"]) -> GivenRating:
        """As a rating of one side of a pair."""
        low, high = self.scale
        return GivenRating(
            of, self.annotator, self.kind, self.attribute, self.value, low, high, self.sample, self.rationale
        )


@dataclass(frozen=True, slots=True)
class SetResponse:
    """One response of a set: its content as the source gives it (text or messages), who made it, what was said of it.

    `entry` is the number of the entry of `responses` that describes it.
    """

    content: Any
    model: str | None = None
    scores: tuple[Score, ...] = ()
    entry: int = 0


@dataclass(frozen=True, slots=True)
class RowSet:
    """The responses of one row, what they answer (as the source gives it), and what else the row says about the prompt.

    `context` adds to a prompt what the row says beside it; `key` is the same in all rows of a set.
    """

    asked: Any
    context: Callable[[Messages], Messages]
    responses: list[SetResponse]
    materials: tuple[GivenMaterial, ...]
    group_id: str | None
    key: str


def chosen_pairs(responses: Sequence[SetResponse], which: WhichPairs) -> list[tuple[int, int]]:
    """The pairs of a set, by number; the first is the one that stands first in it.

    `best` and `adjacent` need an order: the sum of all scores that compare, ranks counted downwards. Equal ones are ordered as
    they stand.
    """
    numbers = range(len(responses))
    if which == "all":
        return list(itertools.combinations(numbers, 2))
    if which == "across":
        pairs = itertools.combinations(numbers, 2)
        return [(one, other) for one, other in pairs if responses[one].entry != responses[other].entry]
    order = sorted(numbers, key=lambda number: -_standing(responses[number]))
    ordered = [(order[0], other) for other in order[1:]] if which == "best" else list(itertools.pairwise(order))
    return sorted((min(pair), max(pair)) for pair in ordered)


def _standing(response: SetResponse) -> float:
    return sum(-score.value if score.is_rank else score.value for score in response.scores if score.compares)


def compared(first: Sequence[Score], second: Sequence[Score], min_gap: float) -> Iterator[GivenLabel]:
    """The opinions that two responses' scores give: one for each act that scored both.

    Args:
        first: scores of the first response.
        second: scores of the second.
        min_gap: the smallest difference that is a preference; of ranks every difference is one.
    """
    others = _by_act(second)
    for act, score in _by_act(first).items():
        other = others.get(act)
        if other is not None and score.compares and other.compares:
            yield _label(score, other, min_gap)


def _by_act(scores: Sequence[Score]) -> dict[tuple[Any, ...], Score]:
    found: dict[tuple[Any, ...], Score] = {}
    for score in scores:
        found.setdefault(score.act, score)
    return found


def nearer(gap: float, least: float) -> bool:
    """Whether a difference is less than the least that counts; 1.2 less 1.1 is a tenth, whatever binary fractions make of it."""
    return abs(gap) < least and not math.isclose(abs(gap), least, rel_tol=1e-9)


def _label(first: Score, second: Score, min_gap: float) -> GivenLabel:
    gap = second.value - first.value if first.is_rank else first.value - second.value
    tie = gap == 0 or (nearer(gap, min_gap) and not first.is_rank)
    return GivenLabel(
        annotator=first.annotator,
        kind=first.kind,
        verdict=Verdict.TIE if tie else Verdict.FIRST if gap > 0 else Verdict.SECOND,
        strength=gap,
        attribute=first.attribute,
        sample=first.sample,
        judgement=f"{first.kind}/{first.annotator}/{first.attribute}/{first.sample}",
        # Words about one response stay with its rating: which is a and which is b is not yet known.
        rationale=first.rationale if first.rationale == second.rationale else None,
        # Who rated both at once is noted at both; else the pair was answered with the later one.
        answered_at=max(filter(None, (first.answered_at, second.answered_at)), default=None),
        seconds=max((s for s in (first.seconds, second.seconds) if s is not None), default=None),
    )


def with_ratings(
    pairs: Sequence[GivenPair], ends: Sequence[tuple[int, int]], scores: Sequence[Sequence[Score]]
) -> Iterator[GivenPair]:
    """The pairs of a set with its scores as ratings, each once: with the first pair that holds its response.

    Args:
        pairs: pairs of a set.
        ends: the numbers of each pair's two responses.
        scores: of each response.
    """
    for pair, fresh in _first_seen(pairs, ends):
        ratings = (score.rating(side) for side, number in fresh for score in scores[number] if not score.is_rank)
        yield replace(pair, ratings=tuple(ratings))


def with_spans(
    pairs: Sequence[GivenPair], ends: Sequence[tuple[int, int]], spans: Sequence[Sequence[GivenSpan]]
) -> Iterator[GivenPair]:
    """The pairs of a set with what was marked in its responses, each mark once: with the first pair that holds its response."""
    for pair, fresh in _first_seen(pairs, ends):
        yield replace(pair, spans=tuple(replace(span, of=side) for side, number in fresh for span in spans[number]))


_Fresh = list[tuple[Literal["first", "second"], int]]


def _first_seen(pairs: Sequence[GivenPair], ends: Sequence[tuple[int, int]]) -> Iterator[tuple[GivenPair, _Fresh]]:
    """Each pair with the responses that no pair before it holds."""
    told: set[int] = set()
    for pair, (first, second) in zip(pairs, ends, strict=True):
        sides: _Fresh = [("first", first), ("second", second)]
        yield pair, [(side, number) for side, number in sides if number not in told]
        told |= {first, second}
