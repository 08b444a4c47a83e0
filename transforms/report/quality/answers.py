"""What each annotator answers as it looks on the screen: the first, the second, or a tie; and how often each."""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.report.quality.opinions import Floats, Ints, Opinions

_ANSWERS = 3


def answers(opinions: Opinions) -> Ints:
    """Each opinion as it looks on the screen: 0 the first, 1 a tie, 2 the second; -1 where no place is known."""
    said = opinions.label * opinions.first
    return np.where(opinions.label == 0, 1, np.where(said > 0, 0, np.where(said < 0, 2, -1)))


@dataclass(frozen=True, eq=False)
class Shares:
    """How often each answer (first, tie, second) was given; shape (annotators, 3), and of how many opinions with a place."""

    share: Floats
    n: Floats


def shares(opinions: Opinions) -> Shares:
    """Each annotator's answers as shares; where no place is known, preferences count half for each place."""
    said = answers(opinions)
    counts = np.stack([opinions.sums((said == answer) * 1.0) for answer in range(_ANSWERS)], axis=1)
    counts[:, [0, 2]] += opinions.sums((said < 0) * 0.5)[:, None]
    n = opinions.counts
    return Shares(counts / np.maximum(1, n)[:, None], n)
