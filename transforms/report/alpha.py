"""Krippendorff's alpha: how much annotators agree beyond chance, from sums that shards can be added up by.

Alpha is 1 - D_o / D_e, observed over expected disagreement (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"): 1 is
perfect agreement, 0 what chance gives. Any number of annotators may have labelled a pair; whoever labelled it alone is left out.

**Which difference.** Labels are ordered, a < tie < b: whoever says a against b disagrees more than whoever says a against a tie. So the
difference is the squared one of the interval scale on -1, 0, +1 (Krippendorff 2004, Content Analysis, 2nd ed., ch. 11): 4 for a against b,
1 for either against a tie. The tie must lie in the middle, since which response is called a means nothing; where a and b are equally frequent,
as they are by that, the ordinal difference is the same up to a factor. The nominal one, to which all disagreements are alike, stands beside it.

**Intervals** are percentiles of a bootstrap (Zapf, Castell, Morawietz & Karch 2016, BMC Medical Research Methodology 16:93) that draws
prompts, not pairs, since pairs of one prompt are not independent. Each prompt's weight in each replicate is Poisson(1) (Hanley & MacGibbon
2006; Chamandy, Muralidharan, Najmi & Naidu 2012, "Estimating Uncertainty for Massive Data Streams") and a hash of its id: replicates are
sums, and the same whatever the number of shards. All sums are of whole numbers, exact in any order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REPLICATES = 1000
FEWEST_PROMPTS = 10
"""Of fewer prompts a bootstrap of prompts says too little: no interval is given."""
PREFERENCES = (-1.0, 0.0, 1.0)
"""b, tie and a on the scale of the interval difference."""
_SEED = 0x5EED_0F_A1FA
_WHOLE = 720_720
"""A multiple of 1 to 16: coincidences of pairs with up to 17 labels are whole numbers of this part, of others nearly."""
_BATCH = 256


@dataclass(frozen=True)
class AlphaSums:
    """What pairs contribute: counts, and one row of sums for all prompts as they are and for each replicate.

    Attributes:
        prompts, pairs, labels: with two labels or more.
        sums: int64[1 + REPLICATES, C(k, 2) + k] of k values: coincidences of each two different values, in parts of `_WHOLE`; then how
            often each value was given.
    """

    prompts: int
    pairs: int
    labels: int
    sums: Ints


@dataclass(frozen=True)
class Estimate:
    """A value with its interval of 95%; the interval is None where there are too few prompts."""

    value: float
    low: float | None
    high: float | None


def alpha_sums(prompt_ids: Sequence[str], counts: Ints) -> AlphaSums:
    """The sums of some pairs.

    Args:
        prompt_ids: of each pair; all pairs of a prompt must come in one call.
        counts: int64[pairs, values], how many annotators gave each value; pairs with fewer than two labels are left out.
    """
    several = counts.sum(axis=1) > 1
    counts = counts[several]
    ids, prompt = np.unique(np.asarray(prompt_ids, dtype=str)[several], return_inverse=True)
    by_prompt = np.zeros((len(ids), _columns(counts.shape[1])), np.float64)
    np.add.at(by_prompt, prompt.reshape(-1), _of_pairs(counts))
    # Whole numbers below 2**53: floats add them exactly, in any order.
    sums = drawn(np.array([int(prompt_id[:16], 16) for prompt_id in ids], np.uint64), by_prompt)
    return AlphaSums(len(ids), len(counts), int(counts.sum()), sums.astype(np.int64))


def together(parts: Iterable[AlphaSums]) -> AlphaSums:
    """The sums of the pairs of several shards, which share no prompt."""
    parts = list(parts)
    return AlphaSums(
        sum(part.prompts for part in parts),
        sum(part.pairs for part in parts),
        sum(part.labels for part in parts),
        np.sum([part.sums for part in parts], axis=0),
    )


def interval_alpha(found: AlphaSums, values: Sequence[float] = PREFERENCES) -> Estimate | None:
    """Alpha with the interval difference; None where nobody labelled what another did, or all gave one value."""
    scale = np.asarray(values)
    return _alpha(found, (scale[:, None] - scale[None, :]) ** 2)


def nominal_alpha(found: AlphaSums, values: int = len(PREFERENCES)) -> Estimate | None:
    """Alpha with the nominal difference."""
    return _alpha(found, 1.0 - np.eye(values))


def same(found: AlphaSums, values: int = len(PREFERENCES)) -> float | None:
    """How often two annotators of a pair give the same label: 1 - D_o of the nominal difference."""
    if not found.labels:
        return None
    different = 2.0 * found.sums[0, : _columns(values) - values].sum() / _WHOLE
    return round(float(1.0 - different / found.labels), 6)


def _alpha(found: AlphaSums, difference: Floats) -> Estimate | None:
    if not found.pairs:
        return None
    k = len(difference)
    one, other = np.triu_indices(k, 1)
    observed, given = found.sums[:, : len(one)] / _WHOLE, found.sums[:, len(one) :].astype(np.float64)
    n = given.sum(axis=1)
    apart = difference[one, other]
    disagreement = observed @ apart
    expected = (given[:, one] * given[:, other]) @ apart
    with np.errstate(invalid="ignore", divide="ignore"):
        alphas = np.where(expected > 0, 1.0 - (n - 1) * disagreement / expected, np.nan)
    return estimate(alphas, found.prompts)


def estimate(values: Floats, prompts: int) -> Estimate | None:
    """A value with its interval, of its replicates; None where it is not known.

    Args:
        values: of all prompts as they are, then of each replicate; NaN where it cannot be computed.
        prompts: that they rest on.
    """
    value, again = float(values[0]), values[1:][~np.isnan(values[1:])]
    if np.isnan(value):
        return None
    if prompts < FEWEST_PROMPTS or not len(again):
        return Estimate(round(value, 6), None, None)
    low, high = np.quantile(again, [0.025, 0.975])
    return Estimate(round(value, 6), round(float(low), 6), round(float(high), 6))


def _columns(values: int) -> int:
    return values * (values - 1) // 2 + values


def _of_pairs(counts: Ints) -> Floats:
    """Each pair's coincidences of different values, and its counts."""
    one, other = np.triu_indices(counts.shape[1], 1)
    others = counts.sum(axis=1, keepdims=True) - 1
    coincidences = np.rint(_WHOLE * counts[:, one] * counts[:, other] / others)
    return np.hstack([coincidences, counts.astype(np.float64)])


def drawn(keys: NDArray[np.uint64], columns: Floats | csr_matrix) -> Floats:
    """Sums over prompts: of all as they are, then of each replicate.

    Args:
        keys: of the prompts, hashes.
        columns: what each prompt adds, float64[prompts, columns].

    Returns:
        float64[1 + REPLICATES, columns].
    """
    sums = np.zeros((columns.shape[1], 1 + REPLICATES))
    # In batches: the draws of a million prompts would take 8 GB.
    for start in range(0, len(keys), _BATCH):
        batch = slice(start, start + _BATCH)
        times = np.hstack([np.ones((len(keys[batch]), 1)), _poisson()[_random(keys[batch], REPLICATES)]])
        sums += columns[batch].T @ times
    return sums.T


def _random(keys: NDArray[np.uint64], many: int) -> NDArray[np.uint16]:
    """So many random numbers of 16 bits for each key: SplitMix64 (Steele, Lea & Flood 2014), its state moved on by the key."""
    steps = np.arange(1, -(-many // 4) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = _mixed(keys ^ np.uint64(_SEED))[:, None] + steps[None, :]
    return _mixed(state).astype("<u8").view("<u2")[:, :many]


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@lru_cache(maxsize=1)
def _poisson() -> Floats:
    """For each number of 16 bits a draw of Poisson(1), by the inverse of its distribution."""
    chances = np.cumsum([np.exp(-1.0) / np.prod(np.arange(1, i + 1, dtype=np.float64)) for i in range(12)])
    return np.searchsorted(chances, (np.arange(2**16) + 0.5) / 2**16).astype(np.float64)
