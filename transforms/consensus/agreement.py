"""Agreement between kinds of signals, asked of a decision: whether the label stands that it would publish, goes out softer, or not at all.

An agreement is no annotator and has no vote. What it says is derived from opinions that consensus has counted already, so as one more opinion it would
count them twice; here it only decides what becomes of a decision. Two rules:

- ``same``: the same response is named by all of some annotators and by one at least of others. A judge's verdict beside a reward head or a density
  ratio: generative and implicit signals, kept where they agree (Zhou et al. 2025, SCIR, arXiv 2502.08922). A head that learned from gold alone beside
  the best head or a judge (Liu et al. 2025, Skywork-Reward-V2, arXiv 2507.01352). It differs from SCIR in that nothing is trained to agree, and from both in that
  it is asked of a label that consensus has decided and not of the one that came.
- ``ranking``: successive labellers (last month's head, this month's) order the responses to a prompt. How far the orders agree, c, from 0 to 1 by Kendall's
  tau, Spearman's rho, or whether the best and the worst are the same, softens the labels: c * p + (1 - c) * (1 - p) (Wang et al. 2024, CREAM, arXiv 2410.12735). It differs in that
  c is of the prompt and not a mean over the data set, and is never taken below one half: disagreement makes a label say less, never the opposite.
"""

import fnmatch
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from prefcurate.transforms.consensus.agreement_options import Rule, SameResponse, SteadyRanking
from prefcurate.transforms.consensus.decide import LEAST_WEIGHT, Decision

_DIGITS = 9
_SOFTER = 0.5
"""What is left of the weight of a label that signals do not agree on: as of any softened label."""


@dataclass(frozen=True)
class Opinion:
    """What one annotator says of one pair: the net of its labels towards a, and how strongly."""

    comparison_id: str
    prompt_id: str
    response_a: str
    response_b: str
    annotator: str
    side: float
    strength: float


@dataclass(frozen=True)
class Signal:
    """What an agreement finds of a pair: one of the list `signals` in the table `consensus`.

    Attributes:
        name: of the agreement.
        label: the response that it supports, a or b; None for none.
        missing: somebody who must agree has said nothing.
        kendall, spearman, top_bottom: how far successive orders of the prompt agree, from 0 to 1; None for rule ``same``.
    """

    name: str
    label: str | None
    missing: bool
    kendall: float | None = None
    spearman: float | None = None
    top_bottom: float | None = None


def signals_of(rule: Rule, opinions: Sequence[Opinion]) -> dict[str, Signal]:
    """What an agreement finds, by comparison; for rule ``ranking`` only pairs that the labellers of one step have both scored."""
    heard = [_matching(opinions, pattern) for pattern in rule.annotators]
    if isinstance(rule, SameResponse):
        return {c: _same(rule, [each.get(c) for each in heard]) for c in sorted(set().union(*heard))}
    return _ranked(rule, heard)


def gate(decision: Decision, signals: Sequence[tuple[Rule, Signal | None]], least: float) -> Decision:
    """The decision after every agreement has been asked; what is not published stays so.

    Args:
        decision: of consensus.
        signals: the agreements with what each found of the pair.
        least: `min_accuracy`.
    """
    for rule, signal in signals:
        if decision.label in ("a", "b"):
            decision = (
                _gate_same(decision, rule, signal)
                if isinstance(rule, SameResponse)
                else _gate_ranking(decision, rule, signal, least)
            )
    return decision


def changed_by_agreement(reason: str | None) -> bool:
    """Whether the reason of a decision tells of an agreement that changed it."""
    return "; agreement " in (reason or "")


def consistency(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """How far two scorings order the same things alike, from 0 to 1: by Kendall's tau-b, Spearman's rho, and best and worst the same.

    Where one of them tells no two things apart there is nothing to agree with: one half, and best and worst are not the same.
    """
    return _of_orders(_ranks(one), _ranks(other))


def _ranks(scores: Sequence[float]) -> tuple[int, ...]:
    places = {score: place for place, score in enumerate(sorted(set(scores)))}
    return tuple(places[score] for score in scores)


# A millisecond each, and a prompt with two responses or three knows few orders.
@lru_cache(maxsize=4096)
def _of_orders(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[float, float, float]:
    # A second to import: only who ranks pays it.
    from scipy.stats import kendalltau, spearmanr

    if len(set(one)) < 2 or len(set(other)) < 2:
        return 0.5, 0.5, 0.0
    tau, rho = float(kendalltau(one, other).statistic), float(spearmanr(one, other).statistic)
    ends = all(pick(one) == pick(other) for pick in (np.argmax, np.argmin))
    return (tau + 1) / 2, (rho + 1) / 2, float(ends)


def _matching(opinions: Sequence[Opinion], pattern: str) -> dict[str, Opinion]:
    """By comparison what an annotator says, or all together that a pattern matches."""
    names = {one.annotator for one in opinions}
    heard = {name for name in names if name == pattern or fnmatch.fnmatchcase(name, pattern)}
    found: dict[str, list[Opinion]] = defaultdict(list)
    for one in opinions:
        if one.annotator in heard:
            found[one.comparison_id].append(one)
    return {comparison: _together(said) for comparison, said in found.items()}


def _together(said: Sequence[Opinion]) -> Opinion:
    """Several as one: each counts once, however many samples and orders it has; how strongly is their mean."""
    side = sum(float(np.sign(one.side)) for one in said)
    return replace(said[0], side=side, strength=sum(one.strength for one in said) / len(said))


def _named(opinion: Opinion | None) -> str | None:
    return None if opinion is None or opinion.side == 0 else "a" if opinion.side > 0 else "b"


def _same(rule: SameResponse, heard: Sequence[Opinion | None]) -> Signal:
    must, may = heard[: len(rule.all)], heard[len(rule.all) :]
    spoken = [one for one in may if one is not None]
    missing = None in must or bool(may and not spoken)
    said = {_named(one) for one in must if one is not None}
    one_of = {_named(one) for one in spoken}
    agreed = [label for label in ("a", "b") if said <= {label} and (label in one_of if spoken else said)]
    return Signal(rule.name, agreed[0] if len(agreed) == 1 else None, missing)


def _ranked(rule: SteadyRanking, heard: Sequence[Mapping[str, Opinion]]) -> dict[str, Signal]:
    found: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    pairs: dict[str, dict[str, Opinion]] = defaultdict(dict)
    for before, after in zip(heard, heard[1:], strict=False):
        shared: dict[str, list[str]] = defaultdict(list)
        for comparison in sorted(set(before) & set(after)):
            shared[after[comparison].prompt_id].append(comparison)
            pairs[after[comparison].prompt_id][comparison] = after[comparison]
        for prompt, comparisons in shared.items():
            scores = [_scores([told[c] for c in comparisons]) for told in (before, after)]
            responses = sorted(scores[0])
            found[prompt].append(consistency(*([of[r] for r in responses] for of in scores)))
    measures = {prompt: [round(m, _DIGITS) for m in np.mean(steps, axis=0).tolist()] for prompt, steps in found.items()}
    return {
        comparison: Signal(rule.name, _named(opinion), False, *measures[prompt])
        for prompt, of_prompt in pairs.items()
        for comparison, opinion in of_prompt.items()
    }


def _scores(opinions: Sequence[Opinion]) -> dict[str, float]:
    """A response's score: the mean of what is said for it in its pairs (Borda's count, with strengths)."""
    said: dict[str, list[float]] = defaultdict(list)
    for one in opinions:
        said[one.response_a].append(one.strength)
        said[one.response_b].append(-one.strength)
    return {response: round(sum(of) / len(of), _DIGITS) for response, of in said.items()}


def _gate_same(decision: Decision, rule: SameResponse, signal: Signal | None) -> Decision:
    if signal is None or signal.missing:
        if rule.missing == "stands":
            return decision
        why = f"agreement {rule.name}: not all who must agree have said something"
    elif signal.label == decision.label:
        return decision
    else:
        why = f"agreement {rule.name}: {_listed(rule)} do not agree on {str(decision.label).upper()}"
    if rule.otherwise == "drop":
        return _dropped(decision, why)
    weight = None if decision.weight is None else round(decision.weight * _SOFTER, _DIGITS)
    return replace(decision, decision="soften", weight=weight, reason=f"{decision.reason}; {why}, so it weighs half")


def _gate_ranking(decision: Decision, rule: SteadyRanking, signal: Signal | None, least: float) -> Decision:
    if signal is None:
        return decision
    share = {"kendall": signal.kendall, "spearman": signal.spearman, "top_bottom": signal.top_bottom}[rule.measure]
    assert share is not None
    if share == 1:
        return decision
    keep = max(share, 0.5)
    p_a, p_b = (round(keep * own + (1 - keep) * other, _DIGITS) for own, other in (
        (decision.p_a, decision.p_b), (decision.p_b, decision.p_a)))  # fmt: skip
    accuracy = round((p_a if decision.label == "a" else p_b) + decision.p_tie / 2, _DIGITS)
    why = f"agreement {rule.name}: {_listed(rule)} order this prompt's responses {share:.0%} alike ({rule.measure})"
    if p_a == p_b or (rule.otherwise == "drop" and accuracy < least):
        return _dropped(decision, why)
    low = None if decision.expected_accuracy_low is None else min(decision.expected_accuracy_low, accuracy)
    return replace(
        decision, p_a=p_a, p_b=p_b, decision="soften", expected_accuracy=accuracy, expected_accuracy_low=low,
        weight=_as_sure(decision, accuracy),
        reason=f"{decision.reason}; {why}, so it goes out with {accuracy:.0%}",
    )  # fmt: skip


def _as_sure(decision: Decision, accuracy: float) -> float | None:
    """The weight in proportion to what a label tells beyond chance, as `decide` gives it."""
    if decision.weight is None or decision.expected_accuracy is None:
        return decision.weight
    before, after = (max(LEAST_WEIGHT, 2 * of - 1) for of in (decision.expected_accuracy, accuracy))
    return round(decision.weight * after / before, _DIGITS)


def _dropped(decision: Decision, why: str) -> Decision:
    return replace(
        decision,
        label=None,
        decision="drop",
        weight=None,
        expected_accuracy_low=None,
        reason=f"{decision.reason}; {why}",
    )


def _listed(rule: Rule) -> str:
    if isinstance(rule, SteadyRanking):
        return " and ".join(rule.of)
    return " with ".join([" and ".join(rule.all), *([f"one of {', '.join(rule.any)}"] if rule.any else [])])
