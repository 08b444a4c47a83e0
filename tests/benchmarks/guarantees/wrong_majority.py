"""A majority that is wrong: most judges favour the longer answer, and gold says otherwise.

On the pairs of Vicuna-80 of which people prefer the shorter answer, as many others beside them, two of the five judges as they spoke and
three that say the longer answer nineteen times of twenty; and on Vicuna-80's own judges where people prefer the shorter answer.
"""

from dataclasses import replace

import numpy as np

from prefcurate.schemas.canonical import unit_interval
from tests.benchmarks.labels.methods import CROWD_KIT, SIGN, Method, best_single, chances_of, majority, votes_for
from tests.benchmarks.labels.sets import TURNED, LabelSet, Opinion

GOLD = 100
FOLLOWERS = ("bard", "claude", "vicuna-13b")


def shorter_is_right(of: LabelSet) -> LabelSet:
    """The pairs whose shorter answer is right, and half as many others."""
    signs = {c: np.sign(of.length[c]) * SIGN[of.truth[c]] for c in of.pairs}
    shorter = [c for c, sign in signs.items() if sign < 0]
    longer = sorted((c for c, sign in signs.items() if sign > 0), key=lambda c: unit_interval(0, c, "longer"))
    return of.only(f"{of.name}, shorter is right", [*shorter, *longer[: len(shorter) // 2]])


def followers(of: LabelSet) -> LabelSet:
    """Three of the judges replaced by followers of length."""

    def said(vote: Opinion) -> Opinion:
        if not vote["annotator"].endswith(FOLLOWERS):
            return vote
        longer = "a" if of.length[vote["comparison_id"]] > 0 else "b"
        steady = unit_interval(0, vote["annotator"] + vote["comparison_id"], "follows") < 0.95
        return vote | {"label": longer if steady else TURNED[longer]}

    return replace(of, name=f"{of.name}, 3 of 5 follow length", voters=[said(vote) for vote in of.voters])


def gold_pairs(of: LabelSet, seed: int) -> frozenset[str]:
    """A hundred pairs with gold, of prompts drawn by hash."""
    order = sorted(of.pairs, key=lambda c: (unit_interval(seed, of.prompts[c], "gold"), c))
    return frozenset(order[:GOLD])


def measure(judged: LabelSet, policies: list[str], draws: int = 3) -> None:
    """Prints accuracy on the pairs without gold, and what becomes of each judge."""
    print(
        f"\nA wrong majority, gold on {GOLD} pairs: accuracy on the others (mean of {draws} draws), and what becomes of the judges"
    )
    for of in (followers(shorter_is_right(judged)), shorter_is_right(judged)):
        print(f"  {of.name}: {len(of.truth)} pairs")
        golds = [gold_pairs(of, seed) for seed in range(draws)]
        baselines: dict[str, Method] = {
            "majority": majority,
            "Dawid-Skene": CROWD_KIT["Dawid-Skene"],
            "best single": best_single,
        }
        for title, method in baselines.items():
            scores = method(of, frozenset())
            print(f"    {title:<15} {np.mean([_accuracy(of, scores, gold) for gold in golds]):.3f}", flush=True)
        for policy in policies:
            right, fates = [], {}
            for gold in golds:
                votes, pairs = votes_for(of, gold)
                chances, model = chances_of(votes, policy)
                right.append(_accuracy(of, {c: float(p[0] - p[1]) for c, p in zip(pairs, chances, strict=True)}, gold))
                for row in model.annotators:
                    if row.kind != "person":
                        told = f"{row.status} ({row.accuracy:.0%}, length {row.length_bias:+.0%})"
                        fates.setdefault(row.annotator.rsplit("/")[-1], told)
            print(
                f"    {policy:<15} {np.mean(right):.3f}   {', '.join(f'{n} {fate}' for n, fate in fates.items())}",
                flush=True,
            )


def _accuracy(of: LabelSet, scores: dict[str, float], gold: frozenset[str]) -> float:
    rest = [c for c in of.pairs if c not in gold]
    said = [np.sign(scores.get(c, 0.0)) * SIGN[of.truth[c]] for c in rest]
    return float(np.mean([(s + 1) / 2 for s in said]))
