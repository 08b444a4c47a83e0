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
import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pandas as pd
import pyarrow as pa

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.formats.llm_rubric import QUESTIONS, said
from prefcurate.transforms.consensus.bounds import interval
from prefcurate.transforms.report.quality.findings import Quality, checks_of, find_quality
from prefcurate.transforms.report.quality.opinions import FEWEST, Opinions
from prefcurate.transforms.report.quality.rated import RATED, find_rated
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
    y, others = opinions.label, np.sign(np.round(quality.measured.others.lean, 9))
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
    """Competence by MACE, and by Dawid and Skene how often the truth's label is given, each label as often as it is true."""
    from crowdkit.aggregation import MACE, DawidSkene

    mace = MACE(n_restarts=2, n_iter=30, random_state=0).fit(votes)
    found = {"MACE": np.full(many, np.nan), "Dawid-Skene": np.full(many, np.nan)}
    # MACE numbers workers as they come.
    found["MACE"][pd.factorize(votes["worker"])[1].to_numpy()] = mace.spamming_[:, 1]
    skene = DawidSkene(n_iter=30).fit(votes)
    for worker, errors in skene.errors_.groupby(level=0):
        square = errors.droplevel(0).reindex(index=(-1, 0, 1), columns=(-1, 0, 1), fill_value=0.0)
        found["Dawid-Skene"][worker] = float(
            (np.diag(square) * skene.priors_.reindex((-1, 0, 1), fill_value=0.0)).sum()
        )
    return found


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
    originals = {int(quality.measured.copies.of[i]) for i in ids}
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


def questions() -> None:
    """Krippendorff's alpha and kappa of LLM-Rubric's three raters a dialogue, question by question; 0 says that it does not apply."""
    path = SHARED / "llm-rubric" / "synth_data" / "human_judges_synth_all_FIXED_ANON.tsv"
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    told = [
        (row["annotator_id"], row["text_id"], *one)
        for row in rows
        for one in said({q: row[q] for q in QUESTIONS} | {"text_id": row["text_id"]}).items()
    ]
    rated = [
        {"source": "llm-rubric", "kind": "person", "attribute": question, "annotator": who, "value": value}
        | dict.fromkeys(("prompt", "response"), int(stable_hash("text", text)[:15], 16))
        for who, text, question, value in told if value is not None
    ]  # fmt: skip
    print("\nllm-rubric, 250 dialogues, three raters each: agreement by question (Q0 overall)")
    for one in find_rated(pa.Table.from_pylist(rated, schema=RATED)):
        kappa = (
            ""
            if one.kappa is None
            else f"kappa linear {one.kappa.linear.value:.2f}, quadratic {one.kappa.quadratic.value:.2f} [{one.kappa.quadratic.low:.2f}, {one.kappa.quadratic.high:.2f}]"
        )
        alphas = ", ".join(
            f"{name} {told.value:.2f} [{told.low:.2f}, {told.high:.2f}]"
            for name, told in (("interval", one.interval), ("ordinal", one.ordinal))
            if told
        )
        print(f"  {one.attribute}: {one.ratings} ratings of {one.responses}; alpha {alphas}; {kappa}")


def both_orders(opinions: Opinions) -> str:
    """Who takes the first, whatever stands there: what confirms a leaning to a place without anybody else's opinion."""
    told: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    for who, item, label, first in zip(opinions.who, opinions.item, opinions.label, opinions.first, strict=True):
        told[int(who), int(item)][int(first)] = int(label) * int(first)
    taken: dict[int, Counter[int]] = defaultdict(Counter)
    for (who, _), by_order in told.items():
        if len(by_order) == 2 and sum(by_order.values()):
            taken[who][1 if sum(by_order.values()) > 0 else -1] += 1
    return ", ".join(
        f"{opinions.annotators[who][0].split('/')[-1]} {told_share(c[1], c[1] + c[-1])}"
        for who, c in sorted(taken.items())
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
            value = quality.measured.leaning.value[i]
            seen[check].append(
                f"{opinions.annotators[i][0].split('/')[-1]} ({int(n[i])}; follows {value[0]:.2f}, first {value[1]:+.2f}, longer {value[2]:+.2f}, formatted {value[3]:+.2f})"
            )
    print(
        f"  of pairs asked in both orders and answered differently, the first was taken in: {both_orders(opinions) or 'none were asked so'}"
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
        # Among six or ten annotators the price of a call is a sixth or a tenth of the team: models are compared among workers.
        measure(name, 2 if given.quick else given.draws, name == "ukp" and not given.quick)
        real_ones(name)
    questions()


if __name__ == "__main__":
    main()
