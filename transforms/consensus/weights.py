"""How much each machine's word is worth beside the others', learned from people.

Judges of one kind share their errors: five that agree are not five opinions, and what each is worth beside the others cannot be seen from
their agreement. So people's labels, however noisy, and gold are what the truth is known by, and the machines' evidence is what it
is predicted from: a logistic regression whose target is hidden behind annotators of known accuracy (Raykar et al. 2010, Learning From
Crowds). It differs in that accuracies are not fitted along with it, but measured before (`reliability.py`: fitted together, few labels
were believed too far), that weights start from a belief, and that there is no intercept: which response is a must not matter.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from prefcurate.transforms.consensus.votes import Bools, Floats

BELIEF, SPREAD = 0.3, 0.3
"""What a machine's evidence is believed to be worth beside the others', and how far that may be wrong (one standard deviation): of
five real judges (Vicuna-80) those were .2 to .6."""
_USUAL = 1.1
"""Log-odds of an act that is right three times of four: what is believed of a machine may be wrong by `SPREAD` of this at least. Where
five that share their errors outvote a sixth, agreement makes the sixth look as if it knew nothing."""
LENGTH_SPREAD = 1.0
WORTH_SPREAD = 0.5
_STEPS = 100
_SHORT = 0.5
"""Log-odds a unit of a column: a step under the observed curvature that is longer starts too far from the top."""


@dataclass(frozen=True, eq=False)
class Taught:
    """What people say of pairs, and what the truth is predicted from.

    Attributes:
        machines: log-odds that a is better by each machine's evidence, tempered, shape (pairs, machines).
        sizes: of an act of each machine, in log-odds.
        leaning: of each pair (`strengths.py`).
        people: log-odds that a is better by the people's labels and gold; pairs where it is 0 teach nothing.
    """

    machines: Floats
    sizes: Floats
    leaning: Floats
    people: Floats

    def keep(self, pairs: Bools) -> "Taught":
        """Some of the pairs."""
        return Taught(self.machines[pairs], self.sizes, self.leaning[pairs], self.people[pairs])


def fit_weights(taught: Taught, length: Floats, worth: float) -> tuple[Floats, float, float]:
    """The weights of the machines' evidence, of the leaning and of length, most probable under what people say.

    Args:
        taught: the pairs.
        length: log of their lengths' ratios; all 0 where length is no voter.
        worth: what a leaning is believed to be worth.
    """
    features = np.concatenate([taught.machines, taught.leaning[:, None], length[:, None]], axis=1)
    believed = np.array([BELIEF] * len(taught.sizes) + [worth, 0.0])
    spread = np.array([*spread_of(taught.sizes).tolist(), WORTH_SPREAD * max(worth, 1e-6), LENGTH_SPREAD])
    weights = most_probable(features, taught.people, believed, spread)
    return weights[:-2], float(weights[-2]), float(weights[-1])


def spread_of(sizes: Floats) -> Floats:
    """How far the beliefs in machines' weights may be wrong, by the size of an act of each in log-odds."""
    spread: Floats = SPREAD * np.maximum(1.0, _USUAL / np.maximum(sizes, 0.01))
    return spread


def most_probable(features: Floats | sparse.csr_array, people: Floats, believed: Floats, spread: Floats) -> Floats:
    """The coefficients of a logistic regression without intercept, most probable under labels of known odds.

    By EM, whose step is one of Newton's: people's labels, corrected by what the features say, are the next targets. Near the top, where the
    curvature of what is observed is known to bend downwards, that one is taken (Louis 1982): some ten steps instead of a hundred and more.

    Args:
        features: shape (pairs, coefficients); exchanging a and b turns every sign.
        people: log-odds that a is better by labels alone; pairs where it is 0 teach nothing.
        believed: of each coefficient.
        spread: one standard deviation of what is believed.
    """
    known = np.flatnonzero(people)
    people, features = people[known], sparse.csr_array(features)[known]
    weights, precision = believed.copy(), 1.0 / spread**2
    if not len(weights):
        return weights
    for _ in range(_STEPS):
        odds = features @ weights
        # tanh is odd to the last bit: exchanging a and b exchanges the result.
        now, then = np.tanh(odds / 2), np.tanh((odds + people) / 2)
        gradient = features.T @ (then - now) / 2 - precision * (weights - believed)
        step = _step(features, precision, gradient, now, then)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-9:
            break
    return weights


def _step(features: sparse.csr_array, precision: Floats, gradient: Floats, now: Floats, then: Floats) -> Floats:
    """Newton's step under the observed curvature where that is a short way up, else EM's, which never overshoots."""

    def under(information: Floats) -> Floats:
        curvature: Floats = (features.T @ features.multiply((information / 4)[:, None])).toarray() + np.diag(precision)
        return curvature

    observed = under(then**2 - now**2)
    if float(np.linalg.eigvalsh(observed)[0]) > 0:
        step: Floats = np.linalg.solve(observed, gradient)
        if float(np.abs(step).max()) < _SHORT:
            return step
    whole: Floats = np.linalg.solve(under(1 - now**2), gradient)
    return whole
