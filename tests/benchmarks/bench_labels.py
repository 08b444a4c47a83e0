"""The label model beside others on real opinions: how often each names the better response.

    python tests/benchmarks/bench_labels.py [--quick]

Recorded judges (Vicuna-80: five judges in both orders against people), planted flips in the same (the labels that came, a fifth or
three tenths of them turned round, as one more opinion), real crowds (UKPConvArg and WMT's MQM: two people's votes against
the others'). Gold, where there is any, is that of every tenth prompt, each tenth in its turn, and never measured.

Ties and silence score half. `±` is what separates a method from ours: the mean difference with its 95% interval, from a bootstrap over
prompts on the same pairs. `surest 85%`: accuracy on the 85% of pairs of which a method is surest. The logistic references are fitted on true labels.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from prefcurate.transforms.consensus.options import POLICIES
from tests.benchmarks.labels.methods import REFERENCES, SIGN, Method, methods, ours
from tests.benchmarks.labels.sets import LabelSet, flipped, mqm, three_votes, ukp, vicuna
from tests.transforms.consensus.real import SHARED

DRAWS = 2000


@dataclass(frozen=True)
class Told:
    """How right a method is on each pair (1, half or 0; a mean over the draws of gold), and how sure it is of it."""

    right: dict[str, float]
    sure: dict[str, float]

    def on(self, other: "Told") -> "Told":
        """On the pairs of another."""
        return Told({c: self.right[c] for c in other.right}, {c: self.sure[c] for c in other.right})


def tell(of: LabelSet, method: Method, golds: Iterable[frozenset[str]]) -> Told:
    """A method on the pairs without gold, over several draws of gold."""
    right: dict[str, list[float]] = {c: [] for c in of.truth}
    sure: dict[str, list[float]] = {c: [] for c in of.truth}
    for gold in golds:
        scores = method(of, gold)
        for c, truth in of.truth.items():
            if c not in gold:
                score = scores.get(c, 0.0)
                right[c].append(0.5 if score == 0 else float(np.sign(score) == SIGN[truth]))
                sure[c].append(abs(score))
    return Told(*({c: float(np.mean(v)) for c, v in each.items() if v} for each in (right, sure)))


def difference(of: LabelSet, one: Told, other: Told, rng: np.random.Generator) -> np.ndarray:
    """Draws of the mean difference between two methods: prompts drawn with replacement, their pairs together."""
    pairs = sorted(set(one.right) & set(other.right))
    prompts = sorted({of.prompts[c] for c in pairs})
    place = {p: i for i, p in enumerate(prompts)}
    which = np.array([place[of.prompts[c]] for c in pairs])
    gap = np.bincount(which, weights=[one.right[c] - other.right[c] for c in pairs], minlength=len(prompts))
    size = np.bincount(which, minlength=len(prompts))
    drawn = rng.integers(0, len(prompts), (DRAWS, len(prompts)))
    return gap[drawn].sum(axis=1) / size[drawn].sum(axis=1)


def surest(told: Told, share: float) -> float:
    """Accuracy on the pairs of which a method is surest."""
    order = sorted(told.right, key=lambda c: (-told.sure[c], c))
    return float(np.mean([told.right[c] for c in order[: round(share * len(order))]]))


def measure(
    of: LabelSet, golds: list[frozenset[str]], compared: Mapping[str, Method], name: str
) -> dict[str, np.ndarray]:
    """Prints one table; the draws of the differences by method."""
    mine = tell(of, ours(name), golds)
    golden = f", gold on {np.mean([len(g) for g in golds]) / len(of.truth):.0%}" if any(golds) else ""
    print(f"\n{of.name}{golden}: {len(of.truth)} pairs, {len(set(of.prompts.values()))} prompts, policy {name}")
    print(f"  {'ours':<30}{np.mean(list(mine.right.values())):.3f}   surest 85% {surest(mine, 0.85):.3f}")
    found = {}
    for title, method in compared.items():
        told = tell(of, method, golds if title in REFERENCES else [frozenset()]).on(mine)
        found[title] = difference(of, mine, told, np.random.default_rng(0))
        low, high = np.quantile(found[title], [0.025, 0.975])
        gap = np.mean([mine.right[c] - told.right[c] for c in mine.right])
        print(
            f"  {title:<30}{np.mean(list(told.right.values())):.3f}   surest 85% {surest(told, 0.85):.3f}   "
            f"ours {gap:+.3f} ± [{low:+.3f}, {high:+.3f}]",
            flush=True,
        )
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="one draw of gold and of flips")
    parser.add_argument("--policies", type=lambda text: text.split(","), default=sorted(POLICIES))
    given = parser.parse_args()
    if not SHARED.exists():
        print(f"{SHARED} is not here; nothing to measure")
        return
    judged, tenths, seeds = vicuna(), range(1 if given.quick else 10), range(1 if given.quick else 3)
    level = judged.only(
        "vicuna80, lengths within a fifth", [c for c, r in judged.length.items() if abs(r) < np.log(1.2)]
    )
    crowds, nothing = [ukp(), mqm()], [frozenset[str]()]
    for name in given.policies:
        pooled = {"vicuna80": measure(judged, nothing, methods(judged) | REFERENCES_WITHOUT_GOLD, name)}
        for of in (judged, *three_votes(judged), level):
            measure(of, [of.gold(tenth) for tenth in tenths], methods(of) | REFERENCES, name)
        for share in (0.2, 0.3):
            for seed in seeds:
                of = flipped(judged, share, seed)
                measure(of, [of.gold(tenth) for tenth in tenths], methods(of) | REFERENCES, name)
        pooled |= {
            of.name: measure(of, nothing, methods(of) | (REFERENCES_WITHOUT_GOLD if of.name == "mqm" else {}), name)
            for of in crowds
        }
        print(f"\nno gold, mean over {', '.join(pooled)}, policy {name}:")
        for title in methods(crowds[0]):
            low, high = np.quantile(np.mean([draws[title] for draws in pooled.values()], axis=0), [0.025, 0.975])
            print(f"  ours less {title:<25}[{low:+.3f}, {high:+.3f}]")


REFERENCES_WITHOUT_GOLD = {title: method for title, method in REFERENCES.items() if title.endswith("all labels")}


if __name__ == "__main__":
    main()
