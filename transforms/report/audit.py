"""Labels against gold that nothing has learned from: agreement with intervals, and what curation changed.

Pairs of one prompt cluster are not independent, so every interval is of clusters:

- a share has Wilson's interval (1927) on the effective number of pairs, the pairs divided by the design effect of the
  clusters (Franco, Little, Louis & Slud 2019, J. Survey Statistics and Methodology 7); it does not collapse at 0 or 1;
- a difference on the same pairs has a t interval from the variance between clusters (Cameron & Miller 2015, J. Human
  Resources 50), computed as if two more clusters had been seen, one all for and one all against the published labels, in the
  manner of Agresti & Min (2005, Statistics in Medicine 24); it does not collapse when no or every label changed.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prefcurate.transforms.intervals import effective_number, wilson
from prefcurate.transforms.report.findings import Agreement, Change, Share, Slice

Floats = NDArray[np.float64]
_DIGITS = 6
_SIDES = {"a": 1, "b": -1, "tie": 0, "both_bad": 0, "both_good": 0}


@dataclass(frozen=True)
class Audited:
    """A pair with a gold label of side audit, and what else labels it.

    Attributes:
        cluster: its prompt cluster.
        sources: the sources that hold it.
        decision: of consensus.
        gold, came, made: gold label; the label that came; the label that consensus publishes (None where it has none).
        longer: a or b, None where neither response is clearly longer.
    """

    cluster: str
    sources: tuple[str, ...]
    decision: str
    gold: str
    came: str | None
    made: str | None
    longer: str | None

    @property
    def length(self) -> str:
        """What gold says about the longer response."""
        if self.longer is None:
            return "similar"
        return "tie" if self.gold not in ("a", "b") else "longer" if self.gold == self.longer else "shorter"


def agreements(audited: Sequence[Audited]) -> Iterator[Agreement]:
    """Over all pairs, by source, by decision and by what gold says about length."""
    yield _agreement("all", "", audited)
    for source in sorted({source for pair in audited for source in pair.sources}):
        yield _agreement("source", source, [pair for pair in audited if source in pair.sources])
    for decision in sorted({pair.decision for pair in audited}):
        yield _agreement("decision", decision, [pair for pair in audited if pair.decision == decision])
    for length in sorted({pair.length for pair in audited}):
        yield _agreement("length", length, [pair for pair in audited if pair.length == length])


def longer_baseline(audited: Sequence[Audited]) -> Share | None:
    """How often the longer response is the right one, as if length were a label."""
    told = [pair for pair in audited if pair.longer is not None]
    return share(told, [pair.longer for pair in told])


def share(pairs: Sequence[Audited], labels: Sequence[str | None]) -> Share | None:
    """The agreement of labels with the gold of the same pairs; None when there are none."""
    if not pairs:
        return None
    scores = _scores(pairs, labels)
    clusters = _clusters(pairs)
    agreement = float(scores.mean())
    low, high = wilson(agreement, _effective(scores, clusters))
    return Share(
        len(pairs), int(clusters.max()) + 1, round(agreement, _DIGITS), round(low, _DIGITS), round(high, _DIGITS)
    )


def change(pairs: Sequence[Audited]) -> Change | None:
    """How much more often the published label agrees than the one that came, on pairs that have both."""
    if not pairs:
        return None
    # Half a second to import: only who counts pays it.
    from scipy.stats import t as student

    gained = _scores(pairs, [pair.made for pair in pairs]) - _scores(pairs, [pair.came for pair in pairs])
    clusters = _clusters(pairs)
    sums, sizes = np.bincount(clusters, gained), np.bincount(clusters).astype(np.float64)
    mean_size = sizes.mean()
    sums, sizes = np.append(sums, [mean_size, -mean_size]), np.append(sizes, [mean_size, mean_size])
    many = len(sums)
    middle = sums.sum() / sizes.sum()
    spread = math.sqrt(((sums - middle * sizes) ** 2).sum() * many / (many - 1)) / sizes.sum()
    half = float(student.ppf(0.975, many - 1)) * spread
    low, high = max(-1.0, middle - half), min(1.0, middle + half)
    return Change(round(float(gained.mean()), _DIGITS), round(float(low), _DIGITS), round(float(high), _DIGITS))


def _agreement(what: Slice, name: str, audited: Sequence[Audited]) -> Agreement:
    came = [pair for pair in audited if pair.came is not None]
    made = [pair for pair in audited if pair.made is not None]
    both = [pair for pair in made if pair.came is not None]
    return Agreement(
        slice=what,
        name=name,
        gold=len(audited),
        before=share(came, [pair.came for pair in came]),
        after=share(made, [pair.made for pair in made]),
        same_before=share(both, [pair.came for pair in both]),
        same_after=share(both, [pair.made for pair in both]),
        change=change(both),
    )


def _scores(pairs: Sequence[Audited], labels: Sequence[str | None]) -> Floats:
    """1 for the same, 0 for the opposite, one half where one of the two is a tie and the other is not."""
    gold = np.array([_SIDES[pair.gold] for pair in pairs])
    said = np.array([_SIDES[str(label)] for label in labels])
    scores: Floats = 1.0 - np.abs(gold - said) / 2
    return scores


def _clusters(pairs: Sequence[Audited]) -> NDArray[np.int64]:
    _, numbers = np.unique([pair.cluster for pair in pairs], return_inverse=True)
    return numbers.reshape(-1).astype(np.int64)


def _effective(scores: Floats, clusters: NDArray[np.int64]) -> float:
    """So many independent pairs would tell as much."""
    n, many = len(scores), int(clusters.max()) + 1
    mean = float(scores.mean())
    independent = float(((scores - mean) ** 2).mean()) / n
    residuals = np.bincount(clusters, scores - mean)
    clustered = float((residuals**2).sum()) / n**2
    return effective_number(n, many, independent, clustered)
