"""Who should look at which pair next: the value of one more annotation, per price, under a budget."""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.route.options import RouteOptions

Floats = NDArray[np.float64]
PERSON, JUDGE, NOBODY = "person", "judge", "nobody"
_DIGITS = 9


@dataclass(frozen=True)
class Asked:
    """Somebody who can be asked: the queue, the annotator's name, how often right, the price of an answer."""

    queue: str
    name: str
    accuracy: float
    price_usd: float


@dataclass(frozen=True, order=True)
class Candidate:
    """A pair and whom it would be best to ask; `gain` is how much likelier its label would be right after one answer.

    `answers` is how many are wanted, `price_usd` what one costs; `begun`: people have answered, but not as many as the rule wants;
    `passed`: queues whose lottery passes the pair over, because it was drawn before or its judge has answered it.
    """

    comparison_id: str
    shard: int
    queue: str
    name: str
    gain: float
    price_usd: float
    answers: int = 1
    begun: bool = False
    passed: tuple[str, ...] = ()

    @property
    def cost_usd(self) -> float:
        """What all wanted answers cost."""
        return self.price_usd * self.answers


@dataclass(frozen=True)
class Routed:
    """A pair in a queue."""

    candidate: Candidate
    rank: int
    inclusion_p: float
    reason: str


def expected_gain(probabilities: Floats, accuracy: float) -> Floats:
    """How much the most probable label's probability grows on average by one vote that is right with ``accuracy``.

    Args:
        probabilities: P(a), P(b), P(tie), shape (pairs, 3).
        accuracy: of the vote where one response is better; where neither is, it names either.
    """
    p_a, p_b, p_tie = probabilities.T
    says_a = np.stack([p_a * accuracy, p_b * (1 - accuracy), p_tie / 2])
    says_b = np.stack([p_a * (1 - accuracy), p_b * accuracy, p_tie / 2])
    after = says_a.max(axis=0) + says_b.max(axis=0)
    growth: NDArray[np.float64] = np.maximum(0.0, after - probabilities.max(axis=1))
    return growth.round(_DIGITS)


@dataclass(frozen=True, eq=False)
class PeopleAsked:
    """Under a rule of how many people should answer; one entry a pair.

    Attributes:
        missing: how many more should.
        answered: how many have.
    """

    missing: NDArray[np.int64]
    answered: NDArray[np.int64]


def best_candidates(
    ids: Sequence[str],
    shard: int,
    probabilities: Floats,
    askable: Sequence[tuple[Asked, NDArray[np.bool_]]],
    people: PeopleAsked | None = None,
    passed: Mapping[str, Set[str]] | None = None,
) -> list[Candidate]:
    """For each pair the one to ask who gains most per dollar; people, where they have begun and are not enough yet.

    Args:
        ids: the pairs.
        shard: where they lie.
        probabilities: P(a), P(b), P(tie), shape (pairs, 3).
        askable: who can be asked, and for each pair whether it makes sense (a judge answers a question once); people first.
        people: how many of them are wanted; one without a rule.
        passed: by queue, the pairs that its lottery passes over.
    """
    gains = np.stack([np.where(sense, expected_gain(probabilities, who.accuracy), -1.0) for who, sense in askable])
    prices = np.array([who.price_usd for who, _ in askable])
    best = (gains / prices[:, None]).argmax(axis=0)
    begun = np.zeros(len(ids), bool) if people is None else (people.missing > 0) & (people.answered > 0)
    best = np.where(begun, 0, best)
    wanted = np.ones(len(ids), np.int64) if people is None else np.where(best == 0, np.maximum(1, people.missing), 1)
    return [
        Candidate(
            comparison,
            shard,
            askable[who][0].queue,
            askable[who][0].name,
            max(0.0, float(gains[who, i])),
            askable[who][0].price_usd,
            int(wanted[i]),
            bool(begun[i]),
            tuple(queue for queue, pairs in sorted((passed or {}).items()) if comparison in pairs),
        )  # fmt: skip
        for i, (comparison, who) in enumerate(zip(ids, best.tolist(), strict=True))
    ]


def by_value(candidate: Candidate) -> tuple[bool, float, str]:
    """Sorts what people have begun first, then the most valuable candidate."""
    return (not candidate.begun, -candidate.gain / candidate.price_usd, candidate.comparison_id)


def by_chance(candidate: Candidate, seed: int) -> tuple[float, str]:
    """Sorts as a lottery does, always the same one."""
    return (unit_interval(seed, candidate.comparison_id, "route/uniform"), candidate.comparison_id)


def plan(
    candidates: Sequence[Candidate],
    total: int,
    options: RouteOptions,
    seed: int,
    passed: Mapping[str, int] | None = None,
) -> list[Routed]:
    """Fills the queues under the budget: first by value, then a share of each queue gives way to a uniform sample.

    Every pair has one number in the lottery, and those whose drawn number was answered are passed over: round after round
    the sample grows without replacement, and no drawn pair is measured by the answers of an earlier draw.

    Args:
        candidates: at least the most valuable ones and the first of the lottery, of all shards.
        total: how many pairs there are in all, which the chance of being drawn depends on.
        options: budget and shares.
        seed: of the lottery.
        passed: by queue, how many pairs its lottery passes over.
    """
    worth = sorted((c for c in set(candidates) if c.gain > 0 or c.begun), key=by_value)
    affordable = _within_budget(worth, options)
    routed: list[Routed] = []
    taken: set[str] = set()
    drawn = sorted(set(candidates), key=lambda c: by_chance(c, seed))
    sizes = {queue: sum(c.queue == queue for c in affordable) for queue in (PERSON, JUDGE)}
    for queue, size in sizes.items():
        uniform = math.ceil(size * options.uniform_share)
        price = next((c.price_usd for c in affordable if c.queue == queue), 0.0)
        name = next((c.name for c in affordable if c.queue == queue), "")
        picked = [c for c in drawn if c.comparison_id not in taken and queue not in c.passed][:uniform]
        taken |= {c.comparison_id for c in picked}
        among = total - (passed or {}).get(queue, 0)
        routed += [_drawn(c, queue, name, price, len(picked), among) for c in picked]
    for queue, size in sizes.items():
        room = size - sum(r.candidate.queue == queue for r in routed)
        best = [c for c in affordable if c.queue == queue and c.comparison_id not in taken][:room]
        routed += [Routed(c, 0, 1.0, "") for c in best]
    return _ranked(_affordable(routed, options), total)


def _affordable(routed: Sequence[Routed], options: RouteOptions) -> list[Routed]:
    """What of both queues fits the budget: a drawn pair may want more answers than the one that gave way to it."""
    order = sorted(routed, key=lambda r: (r.reason == "", by_value(r.candidate)))
    kept = {c.comparison_id for c in _within_budget([r.candidate for r in order], options)}
    return [r for r in order if r.candidate.comparison_id in kept]


def _within_budget(worth: Sequence[Candidate], options: RouteOptions) -> list[Candidate]:
    """In the order given, all for whom enough is left: one that is too dear stands in nobody's way."""
    in_answers = options.budget.items is not None
    left = float((options.budget.items if in_answers else options.budget.usd) or 0.0) + 1e-9
    kept = []
    for candidate in worth:
        cost = candidate.answers if in_answers else candidate.cost_usd
        if cost <= left:
            kept.append(candidate)
            left -= cost
    return kept


def _drawn(candidate: Candidate, queue: str, name: str, price: float, n: int, total: int) -> Routed:
    answers = candidate.answers if queue == candidate.queue else 1
    chosen = Candidate(
        candidate.comparison_id, candidate.shard, queue, name, candidate.gain, price, answers, candidate.begun
    )
    return Routed(chosen, 0, round(n / max(1, total), _DIGITS), f"uniform sample of {n} among {total} pairs")


def _ranked(routed: Sequence[Routed], total: int) -> list[Routed]:
    ranked = []
    for queue in (PERSON, JUDGE):
        of_queue = sorted((r for r in routed if r.candidate.queue == queue), key=lambda r: by_value(r.candidate))
        for rank, r in enumerate(of_queue, 1):
            ranked.append(Routed(r.candidate, rank, r.inclusion_p, r.reason or _why(r.candidate, rank, total)))
    return ranked


def _why(candidate: Candidate, rank: int, total: int) -> str:
    wants = "" if candidate.answers == 1 else f"; {candidate.answers} people are to answer"
    if candidate.begun:
        return f"rank {rank} of {total}: people have begun, and are not enough or disagree{wants or '; one more is to answer'}"
    gain = f"one answer by {candidate.name} makes its label {candidate.gain:.1%} likelier to be right"
    return f"rank {rank} of {total}: {gain}{wants}"
