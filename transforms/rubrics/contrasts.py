"""Pairs with a trusted label, as compactly as they travel: ids, a label, and what each criterion says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from prefcurate.schemas.canonical import unit_interval

Part = Literal["propose", "validate", "accept"]
PARTS: tuple[tuple[Part, float], ...] = (("propose", 0.4), ("validate", 0.8), ("accept", 1.0))
"""What each share of the prompt clusters is for: upper ends of the shares."""


@dataclass(frozen=True, order=True, slots=True)
class Contrast:
    """A comparison, its trusted label (1 for a, -1 for b), and one signed byte for each criterion of the library."""

    comparison_id: str
    prompt_id: str
    cluster: str
    theme: str
    label: int
    opinions: bytes = b""


def part_of(seed: int, cluster: str) -> Part:
    """What a cluster is for, for ever: the pairs of one cluster are never on two sides."""
    drawn = unit_interval(seed, cluster, "rubrics")
    return next(name for name, upper in PARTS if drawn < upper)


@dataclass(frozen=True)
class Table:
    """Contrasts as arrays, in order of their ids.

    Attributes:
        ids: comparison ids.
        clusters: the number of each pair's prompt cluster.
        parts: what each pair is for.
        outcomes: pairs by criteria: 1 where the criterion meets the trusted label, -1 where it speaks against it, 0 where
            it says nothing.
        chosen_longer: 1 where the trusted label chose the longer response, -1 the shorter, 0 neither.
    """

    ids: np.ndarray
    clusters: np.ndarray
    parts: np.ndarray
    outcomes: np.ndarray
    chosen_longer: np.ndarray

    def of(self, *parts: Part) -> np.ndarray:
        """Where the pairs of these parts are."""
        return np.isin(self.parts, parts)


def tabulate(contrasts: Sequence[Contrast], seed: int, longer: int) -> Table:
    """Arrays of contrasts.

    Args:
        contrasts: with opinions of the same criteria each.
        seed: of the configuration.
        longer: the criterion that says which response is longer.
    """
    rows = sorted(contrasts)
    width = len(rows[0].opinions) if rows else 0
    said = np.frombuffer(b"".join(row.opinions for row in rows), np.int8).reshape(len(rows), width)
    labels = np.array([row.label for row in rows], np.int8)
    outcomes = said * labels[:, None]
    parts = {row.cluster: part_of(seed, row.cluster) for row in rows}
    _, clusters = np.unique([row.cluster for row in rows], return_inverse=True)
    return Table(
        np.array([row.comparison_id for row in rows]),
        clusters,
        np.array([parts[row.cluster] for row in rows]),
        outcomes,
        outcomes[:, longer] if rows else np.zeros(0, np.int8),
    )
