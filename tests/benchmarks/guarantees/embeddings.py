"""Vectors as the only voters: a reward head on embeddings beside labels of which some were turned round, and nobody else.

What is published must not be worse than the labels that came, on the same pairs; beside it cleanlab's filter by the same head's probabilities.
"""

import numpy as np

from prefcurate.schemas.canonical import unit_interval
from tests.benchmarks.recovery.heads import Taught, out_of_fold
from tests.benchmarks.recovery.remedies import Noisy, cleaned, has_cleanlab, published, turned
from tests.benchmarks.recovery.sets import SOURCES, Encode, Labelled, read

FLIPPED = 0.2
SHARES = (0.0, 0.1, 0.3)
DRAWS = 2000
MIN_ACCURACY = 0.75


def noisy_of(pairs: Labelled, gold: float, seed: int = 0) -> Noisy:
    """All pairs with a fifth of the labels turned round, gold on a share of the prompts, and a head that learned from what came."""
    rows = np.arange(len(pairs.ids))
    came = turned(pairs, rows, FLIPPED, seed)
    golden = frozenset(c for c in pairs.ids if unit_interval(seed, pairs.of.prompts[c], "gold") < gold)
    target = np.array([came[c] == "a" for c in pairs.ids], float)
    return Noisy(pairs, rows, came, golden, out_of_fold(pairs.features, target, pairs.clusters), [], FLIPPED)


def measure(encode: Encode, policies: list[str], sets: list[str] | None = None) -> None:
    """Prints a row a set, share of gold and policy; pairs with gold are left out."""
    print(
        f"\nVectors as the only voters, {FLIPPED:.0%} of the labels turned round: published labels less those that came, same pairs, 95% interval"
    )
    for source in SOURCES:
        if sets is not None and source.name not in sets:
            continue
        pairs = read(source, encode)
        for share in SHARES:
            noisy = noisy_of(pairs, share)
            right = np.mean((noisy.scores > 0) == (pairs.truth > 0.5))
            print(f"  {source.name:<6} gold {share:>4.0%}: {len(pairs.ids)} pairs, the head alone is right {right:.3f}")
            remedies = {policy: published(noisy, policy, MIN_ACCURACY) for policy in policies}
            if has_cleanlab():
                remedies["cleanlab"] = cleaned(noisy)
            for name, taught in remedies.items():
                print(f"    {name:<15} {_told(pairs, noisy, taught)}", flush=True)


def _told(pairs: Labelled, noisy: Noisy, taught: Taught) -> str:
    silent = np.array([c not in noisy.gold for c in pairs.ids])
    out = silent & (taught.weight > 0)
    came = (np.array([noisy.came[c] == "a" for c in pairs.ids]) == (pairs.truth > 0.5)).astype(float)
    made = ((taught.target > 0.5) == (pairs.truth > 0.5)).astype(float)
    _, prompt = np.unique(np.array(pairs.clusters)[out], return_inverse=True)
    many = int(prompt.max(initial=-1)) + 1
    gained = np.bincount(prompt, weights=(made - came)[out], minlength=many)
    size = np.bincount(prompt, minlength=many)
    drawn = np.random.default_rng(0).integers(0, max(many, 1), (DRAWS, many))
    low, high = np.quantile(gained[drawn].sum(axis=1) / np.maximum(1, size[drawn].sum(axis=1)), [0.025, 0.975])
    worse = "   WORSE" if high < 0 else ""
    turned_round = int(np.sum(out & (made != came)))
    return (
        f"came {came[silent].mean():.3f}; published {out.sum() / silent.sum():>4.0%}: came {came[out].mean():.3f}, "
        f"made {made[out].mean():.3f}, {turned_round} turned, gained [{low:+.3f}, {high:+.3f}]{worse}"
    )
