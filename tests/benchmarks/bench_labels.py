"""The label model beside others on real opinions: how often each names the better response.

    python tests/benchmarks/bench_labels.py [--quick] [--policies models,learned]

Recorded judges (Vicuna-80: five judges in both orders against people), planted flips in the same (the labels that came, a fifth or
three tenths of them turned round, as one more opinion), real crowds (UKPConvArg and WMT's MQM: two people's votes against
the others'). Gold, where there is any, is that of every tenth prompt, each tenth in its turn, and never measured.

Ties and silence score half. `±` is what separates a method from ours: the mean difference with its 95% interval, from a bootstrap over
prompts on the same pairs. `surest 85%`: accuracy on the 85% of pairs of which a method is surest. The logistic references are fitted on true labels.
For the crowds: how what each method believes of a worker goes with how often that worker agrees with the votes nobody was shown.
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
from tests.benchmarks.labels.sets import LabelSet, flipped, mqm, three_votes, ukp, ukp_by_pair, vicuna
from tests.benchmarks.labels.workers import correlations
from tests.transforms.consensus.real import SHARED

DRAWS = 2000
Runs = list[tuple[LabelSet, list[frozenset[str]]]]
"""A set, or the same set with several draws of flips, and the draws of gold of each."""


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


def mean(each: list[Told]) -> Told:
    """Over draws of flips."""
    return Told(
        *(
            {c: float(np.mean([d[c] for d in of])) for c in of[0]}
            for of in zip(*((t.right, t.sure) for t in each), strict=True)
        )
    )


@dataclass(frozen=True, eq=False)
class Table:
    """One set: what every method but ours makes of it, and ours under each policy."""

    of: LabelSet
    title: str
    others: Mapping[str, Told]
    policies: Mapping[str, Told]

    def differences(self, policy: str) -> dict[str, np.ndarray]:
        """Draws of what separates each other method, and each other policy, from a policy."""
        mine = self.policies[policy]
        compared = {**self.others, **{f"policy {name}": t for name, t in self.policies.items() if name != policy}}
        return {
            name: difference(self.of, mine, told.on(mine), np.random.default_rng(0)) for name, told in compared.items()
        }

    def show(self) -> None:
        """Prints it, every method beside every policy."""
        mine = next(iter(self.policies.values()))
        print(f"\n{self.title}: {len(self.of.truth)} pairs, {len(set(self.of.prompts.values()))} prompts")
        for name, told in self.policies.items():
            print(f"  policy {name:<23}{np.mean(list(told.right.values())):.3f}   surest 85% {surest(told, 0.85):.3f}")
        print(f"  {'':<30}{'':<26}" + "".join(f"{f'{name} less it':^25}" for name in self.policies))
        drawn = {name: self.differences(name) for name in self.policies}
        for title, whole in self.others.items():
            told = whole.on(mine)
            print(f"  {title:<30}{np.mean(list(told.right.values())):.3f}   surest 85% {surest(told, 0.85):.3f}   "
                  + "".join(self._gap(name, told, drawn[name][title]) for name in self.policies), flush=True)  # fmt: skip

    def _gap(self, policy: str, told: Told, draws: np.ndarray) -> str:
        mine = self.policies[policy]
        gap = float(np.mean([mine.right[c] - told.right[c] for c in mine.right]))
        low, high = np.quantile(draws, [0.025, 0.975])
        return f"{gap:+.3f} [{low:+.3f}, {high:+.3f}] "


def measured(title: str, runs: Runs, policies: list[str], references: Mapping[str, Method] = REFERENCES) -> Table:
    """Every method on a set (a mean over draws of its flips), printed."""
    golden = np.mean([len(g) / len(of.truth) for of, golds in runs for g in golds])
    nothing = [frozenset[str]()]
    sighted = {t: mean([tell(of, m, golds) for of, golds in runs]) for t, m in references.items()}
    blind = {t: mean([tell(of, m, nothing) for of, _ in runs]) for t, m in methods(runs[0][0]).items()}
    mine = {name: mean([tell(of, ours(name), golds) for of, golds in runs]) for name in policies}
    table = Table(runs[0][0], title + (f", gold on {golden:.0%}" if golden else ", no gold"), blind | sighted, mine)
    table.show()
    return table


def pooled(tables: list[Table], policies: list[str]) -> None:
    """What separates each policy from each method, over several sets that count alike."""
    print(f"\nmean over {'; '.join(t.title for t in tables)}:")
    for title in [t for t in tables[0].others if all(t in table.others for table in tables)]:
        line = f"  {title:<30}"
        for name in policies:
            draws = np.mean([t.differences(name)[title] for t in tables], axis=0)
            line += f"{name} less it [{np.quantile(draws, 0.025):+.3f}, {np.quantile(draws, 0.975):+.3f}]   "
        print(line)


def below(tables: list[Table], policies: list[str]) -> None:
    """Where a method, or another policy, is above a policy by an interval that excludes 0."""
    for name in policies:
        print(f"\nsignificantly above {name}:")
        for table in tables:
            high = {title: float(np.quantile(draws, 0.975)) for title, draws in table.differences(name).items()}
            found = [title for title, upper in high.items() if upper < 0]
            print(f"  {table.title:<50}{', '.join(found) or 'nothing'}")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="one draw of gold and of flips")
    parser.add_argument("--policies", type=lambda text: text.split(","), default=sorted(POLICIES))
    given = parser.parse_args()
    if not SHARED.exists():
        print(f"{SHARED} is not here; nothing to measure")
        return
    judged, seeds = vicuna(), range(1 if given.quick else 3)
    level = judged.only("lengths within a fifth", [c for c, r in judged.length.items() if abs(r) < np.log(1.2)])

    def with_gold(of: LabelSet) -> tuple[LabelSet, list[frozenset[str]]]:
        return of, [of.gold(tenth) for tenth in range(1 if given.quick else 10)]

    def without(of: LabelSet) -> tuple[LabelSet, list[frozenset[str]]]:
        return of, [frozenset()]

    names, blind = given.policies, REFERENCES_WITHOUT_GOLD
    tables = [measured("vicuna80", [without(judged)], names, blind)]
    tables += [measured(of.name, [with_gold(of)], names) for of in (judged, *three_votes(judged), level)]
    tables += [
        measured(f"vicuna80, {share:.0%} flipped", [with_gold(flipped(judged, share, seed)) for seed in seeds], names)
        for share in (0.2, 0.3)
    ]
    crowds = [measured("ukp", [without(ukp())], names, {}), measured("mqm", [without(mqm())], names, blind)]
    pooled([tables[0], *crowds], names)
    below([*tables, *crowds], names)
    for crowd in (ukp_by_pair(), crowds[1].of):
        correlations(crowd, names)


REFERENCES_WITHOUT_GOLD = {title: method for title, method in REFERENCES.items() if title.endswith("all labels")}


if __name__ == "__main__":
    main()
