"""Ordinal heads: what people say of a pair in degrees ("slightly", "much better", "the same"), by a symmetric cumulative link.

On a scale from -K (b is better by far) over 0 (neither) to K, P(degree >= k) = sigmoid(d - t_k) and P(degree <= -k) = sigmoid(-d - t_k) for k
from 1, with thresholds 0 < t_1 < ... < t_K and d the difference of scores (Agresti 1992, "Analysis of ordinal paired comparison data", Applied
Statistics 41). With K = 1 these are Rao and Kupper's ties (1967, "Ties in paired-comparison experiments", JASA 62): the tie has the chance that is
left. Exchanging a and b mirrors everything. A label without a degree (a is better, not told how much) is what it says: degree >= 1.

It differs from Agresti's in that a score is linear in features of a response, with an L2 penalty, as in `bradley_terry`; in that every scale (source and kind
of annotator) has thresholds of its own over one score, since "slightly" is not the same word everywhere; and in that log-increments of thresholds are pulled a little
towards those of a scale nobody has used, so that a scale without ties has a threshold near 0 and not at minus infinity.
"""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.annotate.bradley_terry import SLOPES, Bools, Floats, Ints, Tuning, sigmoid

_ITERATIONS = 300
_USUAL = -0.7
"""Log-increment of thresholds on a scale that nobody has used: a tie at a score within half of a log-odds."""
_PULL = 1.0


@dataclass(frozen=True)
class Degrees:
    """What was said, one entry an opinion: degrees ``low`` to ``high`` of a scale are possible.

    Attributes:
        pair: the pair that it is about, ascending.
        scale: which scale.
        low, high: from -levels to levels.
        weight: what it counts.
        levels: degrees of either side that a scale has at most.
        scales: how many there are.
    """

    pair: Ints
    scale: Ints
    low: Ints
    high: Ints
    weight: Floats
    levels: int
    scales: int

    def of(self, chosen: Bools) -> "Degrees":
        """The opinions on some pairs, which are numbered anew."""
        kept = chosen[self.pair]
        pair = (np.cumsum(chosen) - 1)[self.pair[kept]]
        return Degrees(
            pair, self.scale[kept], self.low[kept], self.high[kept], self.weight[kept], self.levels, self.scales
        )

    def at(self, rows: Ints) -> "Degrees":
        """The opinions on the pairs in `rows`, in that order, which may name a pair twice."""
        first = np.searchsorted(self.pair, rows, side="left")
        sizes = np.searchsorted(self.pair, rows, side="right") - first
        pair = np.repeat(np.arange(len(rows)), sizes)
        place = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(first, sizes)
        return Degrees(
            pair, self.scale[place], self.low[place], self.high[place], self.weight[place], self.levels, self.scales
        )

    def times(self, drawn: Floats) -> "Degrees":
        """Each pair counted as often as it was drawn."""
        return Degrees(
            self.pair, self.scale, self.low, self.high, self.weight * drawn[self.pair], self.levels, self.scales
        )


@dataclass(frozen=True)
class OrdinalExamples:
    """Pairs in key order with what was said of them in degrees (see `prefcurate…bradley_terry.Labelled`).

    Attributes:
        features: (pairs, features) differences of features, a less b.
        degrees: the opinions.
        clusters: the prompt cluster of each pair.
    """

    features: Floats
    degrees: Degrees
    clusters: tuple[str, ...]

    def head(
        self, chosen: Bools, features: Floats, drawn: Floats, penalty: float, start: Floats | None = None
    ) -> Floats:
        """By the cumulative link, thresholds fitted along."""
        return fit_ordinal(features, self.degrees.of(chosen).times(drawn), penalty, start)[0]

    def calibrated(self, rows: Ints, scores: Floats) -> tuple[float, Tuning]:
        """A slope, and every scale's threshold of ties, on scores of heads that saw none of these pairs."""
        degrees = self.degrees.at(rows)
        (slope,), thresholds = fit_ordinal(scores[:, None], degrees, 0.0, np.ones(1), SLOPES)
        loss = _loss(scores * slope, thresholds, degrees)[0]
        heard = np.bincount(degrees.scale, weights=degrees.weight, minlength=degrees.scales)
        shares = heard / heard.sum()
        ties = tuple((float(s), float(t)) for s, t in zip(shares, thresholds[:, 0], strict=True))
        return loss, Tuning(slope=float(slope), ties=ties)


def fit_ordinal(
    features: Floats,
    degrees: Degrees,
    penalty: float,
    start: Floats | None = None,
    within: tuple[float, float] | None = None,
) -> tuple[Floats, Floats]:
    """The weights of one head, and the thresholds of each scale, shape (scales, levels): the penalised maximum of the likelihood.

    Args:
        features: (pairs, features) differences of features.
        degrees: what was said of the pairs.
        penalty: half of it times the squared length of the weights is added to the loss.
        start: weights to start from.
        within: bounds of every weight.
    """
    # Half a second to import: only who counts pays it.
    from scipy.optimize import minimize

    size = features.shape[1]

    def objective(values: Floats) -> tuple[float, Floats]:
        head, increments = values[:size], values[size:].reshape(degrees.scales, degrees.levels)
        steps = np.exp(increments)
        loss, of_scores, of_thresholds = _loss(features @ head, np.cumsum(steps, axis=1), degrees)
        of_steps = np.cumsum(of_thresholds[:, ::-1], axis=1)[:, ::-1] * steps
        pulled = increments - _USUAL
        loss += penalty / 2 * float(head @ head) + _PULL / 2 * float(np.sum(pulled**2))
        return loss, np.concatenate([features.T @ of_scores + penalty * head, (of_steps + _PULL * pulled).ravel()])

    first = np.zeros(size) if start is None else start
    values = np.concatenate([first, np.full(degrees.scales * degrees.levels, _USUAL)])
    bounds = None if within is None else [within] * size + [(None, None)] * (len(values) - size)
    options = {"maxiter": _ITERATIONS, "ftol": 1e-12, "gtol": 1e-8, "maxcor": 20}
    fitted = minimize(objective, values, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    found = np.asarray(fitted.x, np.float64)
    return found[:size], np.cumsum(np.exp(found[size:].reshape(degrees.scales, degrees.levels)), axis=1)


def chances(scores: Floats, ties: tuple[tuple[float, float], ...]) -> tuple[Floats, Floats, Floats]:
    """P(a), P(tie), P(b) by score (log-odds): by every scale's threshold, the scales by their shares; without scales nothing is a tie."""
    shares, thresholds = np.array(ties or ((1.0, 0.0),)).T
    p_a = sigmoid(scores[:, None] - thresholds) @ shares
    p_b = sigmoid(-scores[:, None] - thresholds) @ shares
    return p_a, np.clip(1 - (p_a + p_b), 0.0, 1.0), p_b


def _loss(scores: Floats, thresholds: Floats, degrees: Degrees) -> tuple[float, Floats, Floats]:
    """Minus the log-likelihood, and its derivatives by scores and by thresholds."""
    d, weight = scores[degrees.pair], degrees.weight
    above, below = _cut(thresholds, degrees, degrees.low), _cut(thresholds, degrees, degrees.high + 1)
    # log(sigmoid(u) - sigmoid(v)) = log sigmoid(u) + log sigmoid(-v) + log(1 - exp(v - u)), with infinite cuts at the ends.
    u, v, gap = d - above, d - below, below - above
    inside = np.isfinite(gap)
    shrunk = np.where(inside, gap, 1.0)
    logs = -np.logaddexp(0, -u) - np.logaddexp(0, v) + np.where(inside, np.log(-np.expm1(-shrunk)), 0.0)
    crowding = np.where(inside, 1 / np.expm1(shrunk), 0.0)
    right, left = weight * sigmoid(-u), weight * sigmoid(v)
    of_scores = np.bincount(degrees.pair, weights=left - right, minlength=len(scores)).astype(np.float64)
    of_thresholds = np.zeros_like(thresholds)
    _add(of_thresholds, degrees, degrees.low, right + weight * crowding)
    _add(of_thresholds, degrees, degrees.high + 1, -(left + weight * crowding))
    return -float(np.sum(weight * logs)), of_scores, of_thresholds


def _cut(thresholds: Floats, degrees: Degrees, degree: Ints) -> Floats:
    """Where P(at least this degree) is one half: t_k from 1 on, and mirrored below."""
    place, sign, real = _place(degrees, degree)
    return np.where(real, sign * thresholds[degrees.scale, place], np.where(sign > 0, np.inf, -np.inf))


def _add(total: Floats, degrees: Degrees, degree: Ints, values: Floats) -> None:
    place, sign, real = _place(degrees, degree)
    np.add.at(total, (degrees.scale[real], place[real]), (sign * values)[real])


def _place(degrees: Degrees, degree: Ints) -> tuple[Ints, Ints, Bools]:
    sign = np.where(degree >= 1, 1, -1)
    place = np.where(degree >= 1, degree - 1, -degree)
    real = place < degrees.levels
    return np.where(real, place, 0), sign, real
