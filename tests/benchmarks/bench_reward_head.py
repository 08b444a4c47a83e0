"""How often cross-fitted reward heads agree with people on real comparisons, beside "the longer wins" and the majority side.

Reads a source with its own reader, embeds every text once, fits and scores out of fold, and prints one table: accuracy on
pairs that people decided, by each predictor; the spread of the members where they are right and where they are wrong; seconds. Then a fifth of the
labels is turned round, heads learn from them, and by fifths of the strength towards the label (Wang et al. 2024, "Secrets of RLHF", part II) it is told how many were.
Where people found some pairs equal, an ordinal head is asked for the chances of a, b and a tie, beside the plain head with the same share of ties everywhere.

    python tests/benchmarks/bench_reward_head.py ukp examples/data/ukp-convarg/UKPConvArg1-full-XML
    python tests/benchmarks/bench_reward_head.py prd /work/shared/data/prd-vicuna80

Clusters are prompts here (no near-duplicate search): a topic and side of UKP, a question of PRD.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prefcurate.schemas.canonical import unit_interval
from prefcurate.schemas.records import GivenPair, Pairs, Verdict, render
from prefcurate.transforms.annotate.bradley_terry import Examples, fit_heads, fold_of, pair_features
from prefcurate.transforms.annotate.cumulative_link import Degrees, OrdinalExamples, chances
from prefcurate.transforms.embed.embedder import embedder_of
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.sources import open_source_file, plan_source

FOLDS, SEED = 5, 7


@dataclass(frozen=True)
class Judged:
    """A pair that people decided, the smaller text first (as the store's order knows nothing of who won)."""

    prompt: str
    one: str
    two: str
    share_one: float
    ties: float
    """Share of all votes that found neither better."""


def read(name: str, path: str) -> Iterator[GivenPair]:
    """Every pair of a source."""
    source = SourceOptions(name=name, format=name, path=path)
    for intake in plan_source(source):
        for row in source.reader.read(intake.unit, open_source_file):
            if isinstance(row.outcome, Pairs):
                yield from row.outcome.pairs


def judged(pairs: Iterator[GivenPair]) -> list[Judged]:
    """Pairs with the share of people's decided votes, votes on the same texts put together; draws are left out."""
    votes = defaultdict(list)
    for pair in pairs:
        first, second = render(pair.first), render(pair.second)
        one, two = sorted((first, second))
        for label in pair.labels:
            if label.kind == "person" and label.verdict in (Verdict.FIRST, Verdict.SECOND, Verdict.TIE):
                turned = -1 if (label.verdict == Verdict.FIRST) != (first == one) else 1
                votes[render(pair.prompt), one, two].append(0 if label.verdict == Verdict.TIE else turned)
    found = []
    for texts, given in sorted(votes.items()):
        decided = [vote for vote in given if vote]
        if decided and sum(decided) and texts[1] != texts[2]:
            found.append(Judged(*texts, float(np.mean([v > 0 for v in decided])), 1 - len(decided) / len(given)))
    return found


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format")
    parser.add_argument("path")
    parser.add_argument("--members", type=int, default=8)
    arguments = parser.parse_args()
    pairs = judged(read(arguments.format, arguments.path))
    texts = sorted({text for pair in pairs for text in (pair.prompt, pair.one, pair.two)})
    started = time.perf_counter()
    vectors = dict(zip(texts, embedder_of(EmbedOptions()).encode(texts).astype(np.float64), strict=True))
    embedded = time.perf_counter()
    prompt, one, two = (np.stack([vectors[getattr(pair, name)] for pair in pairs]) for name in ("prompt", "one", "two"))
    share = np.array([pair.share_one for pair in pairs])
    clusters = tuple(pair.prompt for pair in pairs)
    examples = Examples(pair_features(prompt, one, two), share, np.ones(len(pairs)), clusters)
    heads = {found.fold: found for found in fit_heads(examples, arguments.members, FOLDS, SEED, 50)}
    fitted = time.perf_counter()
    report(examples, heads, [len(pair.one) - len(pair.two) for pair in pairs])
    report_strength(examples, arguments.members)
    report_ties(examples, heads, np.array([pair.ties for pair in pairs]))
    print(
        f"{len(texts)} texts embedded in {embedded - started:.1f} s; {len(heads)} x {arguments.members} heads fitted in {fitted - embedded:.1f} s"
    )


def report(examples: Examples, heads: dict, longer: list[int]) -> None:
    """Prints accuracies on pairs that heads scored."""
    folds = [fold_of(cluster, FOLDS, SEED) for cluster in examples.clusters]
    scored = np.array([fold in heads for fold in folds])
    differences = np.array(
        [heads[f].members @ row for f, row in zip(folds, examples.features, strict=True) if f in heads]
    )
    truth = (examples.target > 0.5)[scored]
    mean, spread = differences.mean(axis=1), differences.std(axis=1)
    chance = 1 / (1 + np.exp(-mean))
    right = (mean > 0) == truth
    rows = {
        "majority side": max(truth.mean(), 1 - truth.mean()),
        "longer wins": ((np.array(longer)[scored] > 0) == truth).mean(),
        "reward heads, out of fold": right.mean(),
        "one head of them": ((differences[:, 0] > 0) == truth).mean(),
        "heads, surest half": right[np.argsort(-np.abs(mean))[: len(mean) // 2]].mean(),
    }
    print(
        f"{len(truth)} pairs decided by people, {len(set(examples.clusters))} clusters, standard error about {0.5 / np.sqrt(len(truth)):.3f}"
    )
    for name, accuracy in rows.items():
        print(f"  {name:28s} {accuracy:.3f}")
    print(f"  log loss {-np.mean(np.log(np.where(truth, chance, 1 - chance))):.3f} (always 0.5: 0.693)")
    print(
        f"  spread of members: {spread[right].mean():.3f} where right, {spread[~right].mean():.3f} where wrong; mean |score| {np.abs(mean).mean():.3f}"
    )
    print(f"  penalties {[heads[f].penalty for f in sorted(heads)]}")


def report_ties(examples: Examples, heads: dict, ties: np.ndarray) -> None:
    """Prints the log loss of three answers, out of fold; a pair's votes count as one."""
    if not ties.any():
        return
    said = np.stack([(1 - ties) * examples.target, ties, (1 - ties) * (1 - examples.target)], axis=1)
    pair, answer = np.nonzero(said)
    degree = 1 - answer
    degrees = Degrees(pair, np.zeros_like(pair), degree, degree, said[pair, answer], 1, 1)
    found = fit_heads(OrdinalExamples(examples.features, degrees, examples.clusters), 1, FOLDS, SEED, 50)
    ordinal = {heads.fold: heads for heads in found}
    folds = np.array([fold_of(cluster, FOLDS, SEED) for cluster in examples.clusters])
    losses = []
    for row, features, fold in zip(said, examples.features, folds.tolist(), strict=True):
        if fold in heads and fold in ordinal:
            p_a, p_tie, p_b = chances(ordinal[fold].members @ features, ordinal[fold].ties)
            plain = 1 / (1 + np.exp(-(heads[fold].members[0] @ features)))
            usual = ties[folds != fold].mean()
            flat = np.array([(1 - usual) * plain, usual, (1 - usual) * (1 - plain)])
            losses.append([-row @ np.log([p_a[0], p_tie[0], p_b[0]]), -row @ np.log(flat)])
    one, other = np.mean(losses, axis=0)
    print(
        f"  {ties.mean():.1%} of the votes are ties; log loss of three answers {one:.4f} by an ordinal head, {other:.4f} by a plain head and a share of ties"
    )


def report_strength(examples: Examples, members: int, share: float = 0.2) -> None:
    """Prints how many of the labels that were turned round lie in each fifth of strength."""
    turned = np.array([unit_interval(SEED, str(i), "flip") < share for i in range(len(examples.target))])
    target = np.where(turned, 1 - examples.target, examples.target)
    noisy = Examples(examples.features, target, examples.weight, examples.clusters)
    heads = {found.fold: found for found in fit_heads(noisy, members, FOLDS, SEED, 50)}
    scored = np.array([fold_of(cluster, FOLDS, SEED) in heads for cluster in examples.clusters])
    differences = np.array(
        [
            heads[fold_of(examples.clusters[i], FOLDS, SEED)].members @ examples.features[i]
            for i in np.flatnonzero(scored)
        ]
    )
    strength = differences.mean(axis=1) * np.where(target[scored] > 0.5, 1, -1)
    print(f"  {share:.0%} of the labels turned round; by fifths of the strength towards the label, weakest first:")
    for fifth in np.array_split(np.argsort(strength), 5):
        print(
            f"    strength {strength[fifth].mean():+.2f}, spread {differences[fifth].std(axis=1).mean():.2f}: "
            f"{turned[scored][fifth].mean():.0%} turned round"
        )


if __name__ == "__main__":
    main()
