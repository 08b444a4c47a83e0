"""Whether what a method believes of a worker goes with how often that worker agrees with others on votes that it was not shown."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pandas as pd
from crowdkit.aggregation import MACE, DawidSkene
from scipy.stats import rankdata

from prefcurate.transforms.consensus.acts import PLAIN
from tests.benchmarks.labels.methods import CROWD_KIT_SEED, chances_of, crowd_frame, votes_for
from tests.benchmarks.labels.sets import LabelSet
from tests.transforms.consensus.real import people_truth

ENOUGH = 20
"""Votes that a worker must have among those that were shown, and among those that were not."""
DRAWS = 2000
Believed = Callable[[LabelSet], dict[str, float]]


def held_out_agreement(of: LabelSet) -> dict[str, tuple[float, int]]:
    """Of each worker: how often a vote that nobody was shown says what most others say of the pair, a tie as half; and of how many."""
    said = defaultdict(list)
    for vote in [*of.voters, *of.held_out]:
        said[vote["comparison_id"]].append(vote)
    found = defaultdict(list)
    for vote in of.held_out:
        others = people_truth([v for v in said[vote["comparison_id"]] if v["annotator"] != vote["annotator"]])
        for label in others.values():
            found[vote["annotator"]].append(0.5 if vote["label"] == "tie" else float(vote["label"] == label))
    return {name: (float(np.mean(values)), len(values)) for name, values in found.items()}


def by_ours(policy: str) -> Believed:
    """The accuracy that the label model believes of each."""

    def believed(of: LabelSet) -> dict[str, float]:
        votes, _ = votes_for(of, frozenset())
        _, model = chances_of(votes, policy)
        voice = {name: i for i, name in enumerate(model.voices.names)}
        family = dict(zip(votes.annotators, votes.families, strict=True))
        accuracy = model.reliability[0].accuracy[:, PLAIN]
        return {name: float(accuracy[voice[model.voices.of_family[of_name]]]) for name, of_name in family.items()}

    return believed


def by_dawid_skene(of: LabelSet) -> dict[str, float]:
    """The share of right answers by each worker's confusion matrix, where one response is better."""
    errors = DawidSkene(n_iter=100).fit(crowd_frame(of)).errors_
    right = pd.DataFrame({label: errors.xs(label, level="label")[label] for label in ("a", "b")}).mean(axis=1)
    return {str(name): float(value) for name, value in right.items()}


def by_mace(of: LabelSet) -> dict[str, float]:
    """The probability that a worker knows rather than guesses."""
    frame = crowd_frame(of)
    model = MACE(n_iter=50, n_restarts=5, random_state=CROWD_KIT_SEED).fit(frame)
    # Its workers are numbered as they come; the second column is that of knowing.
    names = pd.unique(frame["worker"])
    return dict(zip(names, model.spamming_[:, 1].tolist(), strict=True))


def correlations(of: LabelSet, policies: list[str]) -> None:
    """Prints Pearson's and Spearman's correlation of each method, with intervals from a bootstrap over workers."""
    agreement = held_out_agreement(of)
    heard = pd.Series([vote["annotator"] for vote in of.voters]).value_counts()
    workers = sorted(n for n, (_, held) in agreement.items() if held >= ENOUGH and heard.get(n, 0) >= ENOUGH)
    truth, votes = (np.array([agreement[name][i] for name in workers], float) for i in (0, 1))
    drawn = np.random.default_rng(0).integers(0, len(workers), (DRAWS, len(workers)))
    print(
        f"\n{of.name}: {len(workers)} workers with {ENOUGH} votes shown and {ENOUGH} held out, {truth.mean():.3f} ± {truth.std():.3f} agree"
    )
    methods: dict[str, Believed] = {f"policy {name}": by_ours(name) for name in policies}
    for title, method in {**methods, "Dawid-Skene": by_dawid_skene, "MACE": by_mace}.items():
        told = method(of)
        believed = np.array([told[name] for name in workers])
        line = f"  {title:<28}"
        for name, measure in (("Pearson", pearson), ("Spearman", spearman)):
            draws = [measure(believed[d], truth[d], votes[d]) for d in drawn if np.ptp(believed[d]) > 0]
            low, high = np.nanquantile(draws, [0.025, 0.975])
            line += f"{name} {measure(believed, truth, votes):+.3f} [{low:+.3f}, {high:+.3f}]   "
        print(line, flush=True)


def pearson(one: np.ndarray, other: np.ndarray, votes: np.ndarray) -> float:
    """Weighed by how many votes were held out: an agreement of twenty is mostly chance."""
    one, other = (values - np.average(values, weights=votes) for values in (one, other))
    return float(np.sum(votes * one * other) / np.sqrt(np.sum(votes * one**2) * np.sum(votes * other**2)))


def spearman(one: np.ndarray, other: np.ndarray, votes: np.ndarray) -> float:
    """The same of ranks."""
    return pearson(rankdata(one), rankdata(other), votes)
