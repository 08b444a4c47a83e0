"""What is left of summed evidence without gold (`transforms/consensus/shared.py`), fitted anew with every source left out in its turn.

The exponent of a source is the one under which the truth of its pairs is likeliest, under all policies together; what is believed of a
source is the geometric mean of the others'. A set is never measured with what was fitted on it.
"""

from dataclasses import replace

import numpy as np

from prefcurate.transforms.consensus.acts import acts_of
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.options import POLICIES
from prefcurate.transforms.consensus.posterior import posterior
from prefcurate.transforms.consensus.shared import SHARED
from prefcurate.transforms.consensus.votes import Votes
from tests.benchmarks.guarantees.calibration import excess
from tests.benchmarks.labels.methods import SIGN, votes_for
from tests.benchmarks.labels.sets import LabelSet

GRID = np.round(np.arange(0.2, 1.01, 0.02), 2)


class Blind:
    """A set under a policy, without gold: what is claimed under any exponent."""

    def __init__(self, of: LabelSet, policy: str) -> None:
        self.name, self.policy = of.name, policy
        self._votes, pairs = votes_for(of, frozenset())
        self._model = fit_label_model(self._votes, POLICIES[policy])
        self._acts = acts_of(self._votes, self._model.voices)
        self._truth = np.array([SIGN[of.truth[c]] for c in pairs])
        self.prompts = np.array([of.prompts[c] for c in pairs])

    def chance(self, shared: float) -> np.ndarray:
        """That a is better, given that one is."""
        a, b, _ = told(self._model, self._votes, self._acts, shared).T
        return a / (a + b)

    def loss(self, shared: float) -> float:
        """Minus the mean log-likelihood of the truth."""
        a = self.chance(shared)
        return float(-np.mean(np.log(np.clip(np.where(self._truth > 0, a, 1 - a), 1e-9, 1))))

    def measured(self, shared: float) -> str:
        """Claimed and found, and the error above chance."""
        a = self.chance(shared)
        right = np.where(a == 0.5, 0.5, (np.sign(a - 0.5) == self._truth).astype(float))
        claimed = np.maximum(a, 1 - a)
        mean, low, high = excess(claimed, right, self.prompts)
        return f"claimed {claimed.mean():.3f} found {right.mean():.3f}, above chance {mean:+.3f} [{low:+.3f}, {high:+.3f}]{'' if low <= 0 else '   NOT calibrated'}"


def told(model: LabelModel, votes: Votes, acts, shared: float) -> np.ndarray:
    """Probabilities without gold under an exponent."""
    no_gold = np.zeros(votes.pairs, bool)
    return posterior(replace(model, shared=shared), acts, votes.fold, no_gold, votes.sides)


def likeliest(sets: list[Blind]) -> float:
    """The exponent under which the truth of some sets is likeliest, sets and policies counting alike."""
    return float(GRID[int(np.argmin([sum(of.loss(shared) for of in sets) for shared in GRID]))])


def measure(sources: dict[str, list[LabelSet]], policies: list[str]) -> None:
    """Prints what each source would have, and how each is calibrated under what the others say."""
    print("\nWhat is left of summed evidence without gold, each source measured with what the others say")
    blind = {name: [Blind(of, p) for of in sets for p in policies] for name, sets in sources.items()}
    best = {name: likeliest(sets) for name, sets in blind.items()}
    print(f"  likeliest: {', '.join(f'{name} {value:.2f}' for name, value in best.items())}; used: {SHARED}")
    for name, sets in blind.items():
        believed = float(np.exp(np.mean([np.log(value) for other, value in best.items() if other != name])))
        for of in sets:
            print(f"  {of.name:<24} by the others {believed:.2f} {of.policy:<15} {of.measured(believed)}", flush=True)
