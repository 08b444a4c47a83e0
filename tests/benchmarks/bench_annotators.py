"""Annotators of known faults planted among real ones: who is found, by what, and whom it costs.

    python tests/benchmarks/bench_annotators.py [--quick] [--sets ukp,mqm,vicuna80]

Into real crowds (UKPConvArg's workers, MQM's raters, Vicuna-80's judges) annotators are planted who favour the first, the longer or the bulleted
answer so many times of 100 whatever they think, who guess, give one answer, answer in straight lines, say the opposite, stop trying, or copy another.
What an honest one would have said of a pair is what a real annotator said of it, who is then taken out of that pair.

For each fault and number of opinions: recall with its exact interval (Clopper and Pearson 1934), that is how many are called anything, and (`named`)
called something that fits. `accused`: real annotators with enough opinions that are called the same sort of thing in the same run, planted
ones aside; some of them may be guilty, and they are listed at the end. Precision is that of all calls of a run with one planted of each fault.

Baselines call who agrees least with the majority of the others, who has the lowest competence by MACE (Hovy et al. 2013), or the lowest accuracy by
Dawid and Skene (1979; both crowd-kit's): as many real annotators as ours calls in that run, so that recall is compared at an equal price.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pandas as pd

from prefcurate.transforms.consensus.bounds import interval
from prefcurate.transforms.report.quality.findings import FEWEST, Quality, checks_of, find_quality
from prefcurate.transforms.report.quality.opinions import Opinions
from tests.benchmarks.annotators.crowds import FAULTS, SHARED, Fault, Row, as_opinions, crowd, plant, with_planted

SIZES = {"ukp": (12, 30, 100, 300), "mqm": (180, 540, 1350), "vicuna80": (100, 400, 1600)}
BATCH = {"ukp": len(FAULTS), "mqm": 1, "vicuna80": 1}
"""How many are planted at once: among ten raters only one."""
BASELINES = ("majority", "MACE", "Dawid-Skene")


@dataclass
class Tally:
    """Of one fault and size."""

    planted: int = 0
    called: int = 0
    named: int = 0
    baselines: Counter[str] | None = None


def faults_of(name: str) -> list[Fault]:
    """Those that a set can show: bullets stand in language models' answers, places and times are known of some."""
    without = {
        "ukp": ("bullets",),
        "mqm": ("bullets", "hurry", "straight", "alternates", "later"),
        "vicuna80": ("hurry", "straight", "alternates", "later"),
    }
    return [fault for fault in FAULTS if not any(word in fault.name for word in without[name])]


def scores(opinions: Opinions, quality: Quality, with_models: bool) -> dict[str, np.ndarray]:
    """How good each annotator is to the baselines."""
    y, others = opinions.label, np.sign(np.round(quality.others.total - quality.others.own, 9))
    counted = (y != 0) & (others != 0)
    found = {"majority": opinions.sums((counted & (y == others)) * 1.0) / np.maximum(1, opinions.sums(counted * 1.0))}
    if with_models:
        # Half of the pairs are turned round by hash: labels a and b mean nothing.
        turned = np.where(np.random.default_rng(1).random(int(opinions.item.max()) + 1) < 0.5, 1, -1)[opinions.item]
        votes = pd.DataFrame({"task": opinions.item, "worker": opinions.who, "label": y * turned}).drop_duplicates(
            ["task", "worker"]
        )
        found |= _models(votes, opinions.many)
    return found


def _models(votes: pd.DataFrame, many: int) -> dict[str, np.ndarray]:
    from crowdkit.aggregation import MACE, DawidSkene

    mace = MACE(n_restarts=2, n_iter=30, random_state=0).fit(votes)
    skene = DawidSkene(n_iter=30).fit(votes)
    diagonal = skene.errors_.stack() if False else None
    del diagonal
    prior, errors = skene.priors_, skene.errors_
    right = {
        worker: sum(
            float(prior.get(label, 0.0)) * float(rows.loc[(worker, label), label])
            for label in (-1, 0, 1)
            if (worker, label) in rows.index and label in rows.columns
        )
        for worker, rows in errors.groupby(level=0)
    }
    spam = pd.Series(mace.spamming_[:, 1] if mace.spamming_.ndim == 2 else mace.spamming_)
    competence = spam.to_numpy()
    order = sorted(votes["worker"].unique())
    found = {"MACE": np.full(many, np.nan), "Dawid-Skene": np.full(many, np.nan)}
    for place, worker in enumerate(_workers(mace, votes)):
        found["MACE"][worker] = competence[place]
    for worker in order:
        found["Dawid-Skene"][worker] = right[worker]
    return found


def _workers(mace: object, votes: pd.DataFrame) -> list[int]:
    # The order in which crowd-kit numbers workers: `factorize` sorts nothing.
    del mace
    return [int(worker) for worker in pd.factorize(votes["worker"])[1]]


def run(
    name: str,
    rows: tuple[Row, ...],
    faults: Sequence[Fault],
    size: int,
    seed: int,
    tallies: dict[str, Tally],
    models: bool,
) -> tuple[int, int, Counter[str]]:
    """Plants one of each fault, and counts who is called; real ones called, real ones looked at, and what they are called."""
    rng = np.random.default_rng([seed, size])
    planted = {
        fault: plant(rows, fault, size, f"{'llm_judge' if name == 'vicuna80' else 'person'}:{name}/planted-{i}", rng)
        for i, fault in enumerate(faults)
    }
    kind = {"vicuna80": "llm_judge"}.get(name, "person")
    mine = [[row | {"kind": kind} for row in own] for own in planted.values()]
    opinions = as_opinions(with_planted(rows, mine))
    quality = find_quality(opinions)
    place = {who[0]: i for i, who in enumerate(opinions.annotators)}
    ids = [place[own[0]["annotator"]] for own in mine]
    originals = {int(quality.twin[i]) for i in ids}
    real = np.array([i not in ids and i not in originals for i in range(opinions.many)]) & (opinions.sums() >= FEWEST)
    called = np.array([bool(checks_of(quality, i)) for i in range(opinions.many)])
    accused = Counter(check for i in np.flatnonzero(real & called) for check in checks_of(quality, int(i)))
    told = scores(opinions, quality, models)
    for fault, i in zip(planted, ids, strict=True):
        tally = tallies.setdefault(fault.name, Tally(baselines=Counter()))
        found = checks_of(quality, i)
        tally.planted, tally.called = tally.planted + 1, tally.called + bool(found)
        tally.named += any(check in fault.calls for check in found)
        for title, score in told.items():
            worse = np.sum(real & (score <= score[i]))
            tally.baselines[title] += int(worse <= np.sum(real & called))
    return int(np.sum(real & called)), int(real.sum()), accused


def told_share(found: int, of: int) -> str:
    """A share with its exact interval of 95%."""
    low, high = interval(found, of, 0.95)
    return f"{found / max(1, of):4.0%} [{low:4.0%},{high:5.0%}]"


def measure(name: str, seeds: int, models: bool) -> None:
    """One set: a table for each number of opinions."""
    rows, faults = crowd(name), faults_of(name)
    for size in SIZES[name]:
        tallies: dict[str, Tally] = {}
        guilty, looked, accused = 0, 0, Counter[str]()
        for seed in range(seeds):
            for start in range(0, len(faults), BATCH[name]):
                wrong, real, what = run(
                    name, rows, faults[start : start + BATCH[name]], size, seed, tallies, models and seed < 2
                )
                guilty, looked, accused = guilty + wrong, looked + real, accused + what
        print(f"\n{name}, {size} opinions each; {len(rows):,} real opinions, {seeds} draws")
        print(
            f"  {'fault':<28}{'called':<22}{'named rightly':<22}"
            + "".join(f"{title:<14}" for title in BASELINES if models or title == "majority")
        )
        for title, tally in tallies.items():
            base = "".join(
                f"{tally.baselines[b] / (min(seeds, 2) if b != 'majority' else tally.planted):<14.0%}"
                for b in BASELINES
                if models or b == "majority"
            )
            print(
                f"  {title:<28}{told_share(tally.called, tally.planted):<22}{told_share(tally.named, tally.planted):<22}{base}"
            )
        caught = sum(tally.called for tally in tallies.values())
        print(
            f"  precision of calls, one of each planted: {told_share(caught, caught + guilty)}; real ones called: {told_share(guilty, looked)} {dict(accused)}",
            flush=True,
        )


def real_ones(name: str) -> None:
    """Who is called among the real ones when nobody is planted, to be looked at."""
    opinions = as_opinions(crowd(name))
    quality = find_quality(opinions)
    n = opinions.sums()
    print(f"\n{name}: of {int(np.sum(n >= FEWEST))} real annotators with {FEWEST} opinions or more are called:")
    seen: dict[str, list[str]] = defaultdict(list)
    for i in range(opinions.many):
        for check in checks_of(quality, i):
            value = quality.leaning.value[i]
            seen[check].append(
                f"{opinions.annotators[i][0].split('/')[-1]} ({int(n[i])}; follows {value[0]:.2f}, first {value[1]:+.2f}, longer {value[2]:+.2f}, formatted {value[3]:+.2f})"
            )
    for check, who in seen.items():
        print(f"  {check}: {'; '.join(who[:8])}{' …' if len(who) > 8 else ''}")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="two draws, without the label models")
    parser.add_argument("--sets", type=lambda text: text.split(","), default=list(SIZES))
    parser.add_argument("--draws", type=int, default=10)
    given = parser.parse_args()
    if not SHARED.exists():
        print(f"{SHARED} is not here; nothing to measure")
        return
    for name in given.sets:
        measure(name, 2 if given.quick else given.draws, not given.quick)
        real_ones(name)


if __name__ == "__main__":
    main()
