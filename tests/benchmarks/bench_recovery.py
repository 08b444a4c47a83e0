"""What wrong labels cost a reward head, and how much of it the published data give back.

    python tests/benchmarks/bench_recovery.py [--sets prd,ukp] [--shares 0.2,0.3,0.4] [--draws 2] [--alone] [--vectors FILE]

Real pairs with a label that is held to be true. A third of the prompts is for testing, each third in its turn, so that every pair is tested once by
a head that saw nothing of its prompt. Of the other labels a share is turned round, and a head (linear, on frozen MiniLM vectors; its penalty chosen by the
very labels that it learns from) is trained on: the true labels; the labels as they came; the same without those in which cleanlab finds an issue; what prefcurate
publishes from them, with its probabilities and weights (`learned, from 0.75`: the policy and `min_accuracy`). prefcurate's voters are the label that came, a reward head that learned from those labels (out of fold by prompt,
the one that cleanlab is given), and whoever else has spoken in that source: judges in both orders (prd, autoj), two of a crowd's votes (ukp; the truth is the majority of the
others), nobody (hh, and everywhere with `--alone`). `gold`: the true label of a tenth of the prompts is known as well, to every remedy.
`rate known` is no remedy: what the head and the label that came tell one who knows how many were turned round, which is what vectors can give at most.

`lost` is what the flips cost, true labels less the labels as they came, on the same pairs; `back` the share of it that a remedy gives back, with its interval of
95% from a bootstrap over prompts, where the loss exceeds three of its standard errors. WMT's MQM and the questions of qa_feedback are left out: heads on these vectors are right
.50 of the time there, whatever they learn from.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from prefcurate.schemas.canonical import stable_hash, unit_interval
from prefcurate.transforms.annotate.bradley_terry import Floats, single_thread
from prefcurate.transforms.embed.embedder import embedder_of
from prefcurate.transforms.embed.options import EmbedOptions
from tests.benchmarks.recovery.heads import Taught, out_of_fold, train
from tests.benchmarks.recovery.remedies import (
    Noisy,
    cleaned,
    has_cleanlab,
    nothing,
    published,
    told_the_rate,
    turned,
)
from tests.benchmarks.recovery.sets import SOURCES, Encode, Labelled, read
from tests.transforms.consensus.real import SHARED

PARTS, DRAWS, GOLD = 3, 2000, 0.1
Remedy = Callable[[Noisy], Taught]
Right = dict[str, Floats]
"""By remedy, how often each pair is named rightly (a mean over draws); one entry a pair."""


def remedies(policies: list[str], min_accuracies: list[float]) -> dict[str, Remedy]:
    """What is done about the labels that came, by its name in the tables."""
    found: dict[str, Remedy] = {"as they came": nothing, "rate known": told_the_rate}
    if has_cleanlab():
        found["cleanlab"] = cleaned
    return found | {
        f"{policy}, from {least:g}": partial(published, policy=policy, min_accuracy=least)
        for policy in policies
        for least in min_accuracies
    }


def part_of(pairs: Labelled) -> np.ndarray:
    """The third that each pair is tested in."""
    return np.array([int(unit_interval(0, prompt, "recovery/part") * PARTS) for prompt in pairs.clusters])


def measure(
    pairs: Labelled, share: float, draws: int, voters: list[dict], compared: dict[str, Remedy]
) -> tuple[Right, dict[str, list[float]]]:
    """How right heads are on every pair, by remedy, and by remedy (share kept, share of right labels) of each training."""
    right: dict[str, list[Floats]] = {}
    kept: dict[str, list[float]] = {}
    part = part_of(pairs)
    for draw in range(draws):
        found: Right = {}
        for number in range(PARTS):
            rows, test = np.flatnonzero(part != number), part == number
            for name, taught in _taught(pairs, rows, share, draw, voters, compared).items():
                head = train(pairs.features[rows], taught, tuple(pairs.clusters[row] for row in rows))
                named = pairs.features[test] @ head
                found.setdefault(name, np.zeros(len(part)))[test] = np.where(
                    named == 0, 0.5, (named > 0) == (pairs.truth[test] > 0.5)
                )
                used = taught.weight > 0
                labels = (
                    np.mean((taught.target > 0.5)[used] == (pairs.truth[rows] > 0.5)[used]) if used.any() else np.nan
                )
                kept.setdefault(name, []).extend([taught.kept, float(labels)])
        for name, each in found.items():
            right.setdefault(name, []).append(each)
    return {name: np.mean(each, axis=0) for name, each in right.items()}, kept


def _taught(
    pairs: Labelled, rows: np.ndarray, share: float, draw: int, voters: list[dict], compared: dict[str, Remedy]
) -> dict[str, Taught]:
    came = turned(pairs, rows, share, draw)
    ids = [pairs.ids[row] for row in rows]
    labels = np.array([came[c] == "a" for c in ids], float)
    scores = out_of_fold(pairs.features[rows], labels, tuple(pairs.of.prompts[c] for c in ids))
    gold = frozenset(c for c in ids if unit_interval(draw, pairs.of.prompts[c], "recovery/gold") < GOLD)
    found = {"true labels": Taught(pairs.truth[rows], np.ones(len(rows)))}
    for mark, known in (("", frozenset[str]()), (", gold", gold)):
        noisy = Noisy(pairs, rows, came, known, scores, voters, share)
        found |= {f"{name}{mark}": remedy(noisy) for name, remedy in compared.items()}
    return found


def report(pairs: Labelled, right: Right, kept: dict[str, list[float]]) -> None:
    """Prints accuracy, what was lost, and what each remedy gives back."""
    rng = np.random.default_rng(0)
    prompts = {p: i for i, p in enumerate(sorted(set(pairs.clusters)))}
    which = np.array([prompts[p] for p in pairs.clusters])
    drawn = rng.multinomial(len(prompts), np.full(len(prompts), 1 / len(prompts)), DRAWS)
    size = drawn @ np.bincount(which)

    def resampled(values: Floats) -> Floats:
        return (drawn @ np.bincount(which, weights=values, minlength=len(prompts))) / size

    loss = right["true labels"] - right["as they came"]
    lost, error = float(np.mean(loss)), float(np.std(resampled(loss)))
    enough = lost > 3 * error
    print(
        f"    lost {lost:.3f} (standard error {error:.3f}){'' if enough else ': less than three standard errors, so nothing is divided by it'}"
    )
    for name, each in right.items():
        gain = each - right["as they came"]
        share, labels = np.nanmean(np.array(kept[name]).reshape(-1, 2), axis=0)
        if not share:
            print(f"    {name:<26}publishes nothing: no label is expected to be right often enough")
            continue
        back = ""
        if enough and name not in ("true labels", "as they came"):
            low, high = np.quantile(resampled(gain) / resampled(loss), [0.025, 0.975])
            back = f"   back {np.mean(gain) / lost:4.0%} [{low:.0%}, {high:.0%}]"
        print(
            f"    {name:<26}{np.mean(each):.3f} ({np.std(resampled(each)):.3f})   {share:4.0%} kept, {labels:.3f} right{back}",
            flush=True,
        )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=lambda text: text.split(","), default=[source.name for source in SOURCES])
    parser.add_argument("--shares", type=_numbers, default=[0.2, 0.3, 0.4])
    parser.add_argument("--draws", type=int, default=2, help="of flips and gold")
    parser.add_argument("--policies", type=lambda text: text.split(","), default=["votes", "learned"])
    parser.add_argument("--min-accuracy", type=_numbers, default=[0.75, 0.5], help="as in the configuration")
    parser.add_argument("--alone", action="store_true", help="also without the source's other voters")
    parser.add_argument("--vectors", type=Path, help="where vectors are kept from one measurement to the next")
    given = parser.parse_args()
    if not SHARED.exists():
        print(f"{SHARED} is not here; nothing to measure")
        return
    if not has_cleanlab():
        print("cleanlab is not installed (pip install 'prefcurate[dev]'): it is left out")
    compared = remedies(given.policies, given.min_accuracy)
    for source in SOURCES:
        if source.name in given.sets:
            pairs = read(source, _encode(given.vectors))
            print(f"\n{source.name}: {len(pairs.ids)} pairs, {len(set(pairs.clusters))} prompts", flush=True)
            for share in given.shares:
                for voters in [pairs.of.voters, *([[]] if given.alone and pairs.of.voters else [])]:
                    with single_thread():
                        right, kept = measure(pairs, share, given.draws, voters, compared)
                    others = len({v["annotator"] for v in voters})
                    print(
                        f"  {share:.0%} of the labels turned round; voters besides the label that came and the head: {others}"
                    )
                    report(pairs, right, kept)


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def _encode(kept: Path | None) -> Encode:
    def encode(texts: list[str]) -> np.ndarray:
        known: dict[str, np.ndarray] = {}
        if kept is not None and kept.exists():
            with np.load(kept) as found:
                known = dict(zip(found["keys"].tolist(), found["vectors"], strict=True))
        keys = [stable_hash("text", text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if new:
            known |= dict(zip(new, embedder_of(EmbedOptions()).encode(list(new.values())), strict=True))
            if kept is not None:
                np.savez(kept, keys=np.array(list(known)), vectors=np.stack(list(known.values())))
        return np.stack([known[key] for key in keys])

    return encode


if __name__ == "__main__":
    main()
