"""Which criteria of the library hold: proposed by contrast, validated on held-out labels, thinned to a compact core set.

Three parts of the prompt clusters never mix: on the first a criterion is proposed, when chosen responses meet it and
rejected ones do not more often than the reverse (sign test, false discoveries controlled over the library); on the
second it must reproduce the trusted label with a lower bound above one half, and add to the set; on the third the
rubric as a whole is accepted or not. What merely follows length is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from prefcurate.transforms.rubrics.contrasts import Table
from prefcurate.transforms.rubrics.library import Criterion
from prefcurate.transforms.rubrics.options import RubricOptions
from prefcurate.transforms.rubrics.statistics import Agreement, agreement, discoveries, p_value, wilson_low

Status = Literal["accepted", "rejected", "candidate"]
EVIDENCE = 20
"""Comparison ids that are kept with a criterion."""
_FEWEST = 10
"""Pairs below which nothing is said about a criterion."""


@dataclass(frozen=True)
class Finding:
    """What became of a criterion in a scope, and why.

    `found` is its agreement on the labels of the second part, which its proposal did not see.
    """

    criterion: Criterion
    status: Status
    reason: str
    found: Agreement
    weight: float = 0.0
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mined:
    """A rubric of a scope: its criteria with what became of each, and its agreement on labels that no step saw."""

    status: Status
    found: Agreement
    findings: tuple[Finding, ...]


def mine(table: Table, library: Sequence[Criterion], options: RubricOptions) -> Mined:
    """Finds the rubric of a scope.

    Args:
        table: its pairs with trusted labels; column ``i`` of the outcomes is what ``library[i]`` said.
        library: the criteria.
        options: how strict to be.
    """
    propose, validate = table.of("propose"), table.of("validate")
    proposals = [agreement(table.outcomes[propose, i], table.clusters[propose]) for i in range(len(library))]
    held_out = [
        agreement(table.outcomes[validate, i], table.clusters[validate], options.confidence)
        for i in range(len(library))
    ]
    p_values = [p_value(found) for found in proposals]
    measurable = [not c.length and proposals[i].n >= _FEWEST for i, c in enumerate(library)]
    asked = [i for i in range(len(library)) if measurable[i]]
    stands = discoveries([p_values[i] for i in asked], options.false_discovery_rate)
    proposed = {i for i, stood in zip(asked, stands, strict=True) if stood}
    valid = {
        i for i in proposed if held_out[i].n >= _FEWEST and held_out[i].low > 0.5 and _beyond_length(table, i, options)
    }
    core = core_set(table, sorted(valid), options)
    weights = fit_weights(table.outcomes[~table.of("accept")][:, core])

    def finding(i: int) -> Finding:
        reason = _reason(library[i], proposals[i], held_out[i], p_values[i], i in proposed, i in valid, i in core)
        status: Status = "accepted" if i in core else "candidate" if i in valid else "rejected"
        weight = float(weights[core.index(i)]) if i in core else 0.0
        shown = table.ids[validate & (table.outcomes[:, i] > 0)][:EVIDENCE]
        return Finding(library[i], status, reason, held_out[i], weight, tuple(map(str, shown)))

    found = rubric_agreement(table, core, weights, options)
    accepted = bool(core) and found.low > 0.5
    return Mined("accepted" if accepted else "rejected", found, tuple(map(finding, range(len(library)))))


def core_set(table: Table, valid: Sequence[int], options: RubricOptions) -> list[int]:
    """Criteria chosen one by one, each the one that adds most to the set's accuracy, while it adds enough.

    Weights are fitted on the first part and accuracy is measured on the second. A criterion that the others turn against
    its own sense (a negative weight) is not taken.
    """
    train, test = table.outcomes[table.of("propose")], table.outcomes[table.of("validate")]
    core: list[int] = []
    best = 0.5
    while len(core) < options.max_criteria:
        scored = [(_accuracy(train, test, [*core, i]), -i) for i in valid if i not in core]
        if not scored or max(scored)[0] < best + options.min_gain:
            break
        best, chosen = max(scored)
        core.append(-chosen)
    return sorted(core)


def fit_weights(outcomes: np.ndarray, ridge: float = 1.0, steps: int = 25) -> np.ndarray:
    """Weights of criteria by logistic regression without intercept, by Newton's method.

    Args:
        outcomes: pairs by criteria: 1 agreed with the trusted label, -1 did not, 0 silent.
        ridge: the weights' prior precision, which also makes the solution unique.
        steps: of Newton's method at most; it stops when nothing moves by more than 1e-10.
    """
    x = outcomes.astype(np.float64)
    weights = np.zeros(x.shape[1])
    if not x.size:
        return weights
    for _ in range(steps):
        miss = 1 / (1 + np.exp(np.clip(x @ weights, -30, 30)))
        gradient = x.T @ miss - ridge * weights
        curvature = (x * (miss * (1 - miss))[:, None]).T @ x + ridge * np.eye(x.shape[1])
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.abs(step).max() < 1e-10:
            break
    return np.round(weights, 6)


def rubric_agreement(table: Table, core: Sequence[int], weights: np.ndarray, options: RubricOptions) -> Agreement:
    """How often the weighted criteria meet the trusted labels of the third part."""
    accept = table.of("accept")
    votes = (
        np.sign(np.round(table.outcomes[accept][:, list(core)] @ weights, 9)) if len(core) else np.zeros(accept.sum())
    )
    return agreement(votes, table.clusters[accept], options.confidence)


def _accuracy(train: np.ndarray, test: np.ndarray, columns: list[int]) -> float:
    """Share of the test pairs that a set gets right; pairs on which it is silent count half."""
    weights = fit_weights(train[:, columns])
    if len(test) == 0 or bool((weights <= 0).any()):
        return 0.0
    return float((np.sign(np.round(test[:, columns] @ weights, 9)).mean() + 1) / 2)


def _beyond_length(table: Table, i: int, options: RubricOptions) -> bool:
    """Whether a criterion holds on average of where it picks the longer and where it picks the shorter response.

    A criterion that follows length is right as often on the first as length is, and wrong on the second.
    """
    validate = table.of("validate")
    outcomes, clusters = table.outcomes[validate, i], table.clusters[validate]
    picked_longer = outcomes * table.chosen_longer[validate]
    sides = [agreement(outcomes[picked_longer == side], clusters[picked_longer == side]) for side in (1, -1)]
    if min(side.n for side in sides) < _FEWEST:
        return True
    worth = 4 / sum(1 / side.n_effective for side in sides)
    return wilson_low(sum(side.rate for side in sides) / 2, worth, options.confidence) > 0.5


def _reason(
    criterion: Criterion, first: Agreement, second: Agreement, p: float, proposed: bool, valid: bool, core: bool
) -> str:
    if criterion.length:
        return "measures length, which is a bias and not a reason"
    if first.n < _FEWEST:
        return f"says something about too few pairs ({first.n})"
    if not proposed:
        return f"chosen responses do not meet it more often than rejected ones ({first.rate:.2f} of {first.n}, p = {p:.2g})"
    if second.n < _FEWEST or second.low <= 0.5:
        return f"not confirmed on held-out labels ({second.rate:.2f} of {second.n}, lower bound {second.low:.2f})"
    if not valid:
        return "follows length: it does not hold where it picks the shorter response"
    if not core:
        return "holds, but adds nothing to the criteria of the core set"
    return f"meets held-out labels ({second.rate:.2f} of {second.n}, lower bound {second.low:.2f}) and adds to the set"
