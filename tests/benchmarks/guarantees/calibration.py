"""Probabilities mean what they say: expected calibration error less what a perfectly calibrated model would show at that sample size.

On pairs whose truth the fit never saw. The error is the mean distance of claimed and found accuracy over bins of equally many pairs
(Nixon et al. 2019); as it is above 0 by chance alone, what outcomes drawn from the probabilities themselves show is taken off. The interval
is of a bootstrap over prompts, in which drawn outcomes belong to pairs, so that both sides repeat them alike.
"""

import numpy as np

from tests.benchmarks.labels.methods import SIGN, chances_of, votes_for
from tests.benchmarks.labels.sets import LabelSet

BINS = 10
DRAWS = 400
SIMULATIONS = 200
SHARES = (0.0, 0.1, 0.3, 0.6)


def error(claimed: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error over bins of equally many pairs, sorted by what is claimed."""
    bins = np.array_split(np.argsort(claimed, kind="stable"), min(BINS, len(claimed)))
    return float(sum(abs(np.sum(claimed[b] - right[b])) for b in bins) / len(claimed))


def excess(claimed: np.ndarray, right: np.ndarray, prompts: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """The error less that of a calibrated model, and its 95% interval."""
    rng = np.random.default_rng(seed)

    def less_chance(drawn: np.ndarray, simulations: int) -> float:
        fresh = (rng.random((simulations, len(claimed))) < claimed).astype(float)
        return error(claimed[drawn], right[drawn]) - float(np.mean([error(claimed[drawn], f[drawn]) for f in fresh]))

    names = np.unique(prompts)
    of_prompt = [np.flatnonzero(prompts == name) for name in names]
    draws = [
        less_chance(np.concatenate([of_prompt[i] for i in rng.integers(0, len(names), len(names))]), 5)
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return less_chance(np.arange(len(claimed)), SIMULATIONS), float(low), float(high)


def gold_of(of: LabelSet, share: float, draw: int = 0) -> frozenset[str]:
    """Gold on some tenths of the prompts, the first of them another one in every draw."""
    return frozenset().union(*(of.gold((draw + tenth) % 10) for tenth in range(round(10 * share))))


def claims(of: LabelSet, gold: frozenset[str], policy: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each pair without gold: what is claimed for the likelier response, given that one is better; whether it is; its prompt."""
    votes, pairs = votes_for(of, gold)
    chances, _ = chances_of(votes, policy)
    rest = [i for i, c in enumerate(pairs) if c not in gold]
    a, b = chances[rest, 0], chances[rest, 1]
    truth = np.array([SIGN[of.truth[pairs[i]]] for i in rest])
    right = np.where(a == b, 0.5, (np.sign(a - b) == truth).astype(float))
    return np.maximum(a, b) / (a + b), right, np.array([of.prompts[pairs[i]] for i in rest])


def measure(sets: list[LabelSet], policies: list[str], draws: int = 1, shares: tuple[float, ...] = SHARES) -> None:
    """Prints a row a set, share of gold and policy: of the first draw of gold, and in how many draws it was calibrated."""
    print(
        "\nCalibration: claimed and found accuracy; error less a calibrated model's at that size, 95% interval over prompts"
    )
    for of in sets:
        for share in shares:
            for policy in policies:
                told = [claims(of, gold_of(of, share, draw), policy) for draw in range(draws if 0 < share < 1 else 1)]
                found = [excess(*one) for one in told]
                claimed, right, _ = told[0]
                mean, low, high = found[0]
                calibrated = sum(low <= 0 for _, low, _ in found)
                gap = np.mean([one[0].mean() - one[1].mean() for one in told])
                print(
                    f"  {of.name:<28} gold {share:>4.0%} {policy:<15} claimed {claimed.mean():.3f} found {right.mean():.3f}   "
                    f"error {error(claimed, right):.3f}, above chance {mean:+.3f} [{low:+.3f}, {high:+.3f}]"
                    f"{'' if low <= 0 else '   NOT calibrated'}"
                    f"{f'   calibrated in {calibrated} of {draws} draws, claimed less found {gap:+.3f}' if len(told) > 1 else ''}",
                    flush=True,
                )
