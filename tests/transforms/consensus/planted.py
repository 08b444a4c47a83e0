"""Planted vote matrices: the truth and everybody's accuracy are known."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from prefcurate.transforms.consensus.votes import VOTES, Votes, votes_of


@dataclass
class Planted:
    """Builds votes on `pairs` pairs whose truth is +1 or -1 (0 for a share of ties)."""

    pairs: int
    seed: int = 0
    ties: float = 0.0
    rows: list[dict] = field(default_factory=list)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        self.truth = np.where(self.rng.random(self.pairs) < 0.5, 1, -1)
        self.truth[self.rng.random(self.pairs) < self.ties] = 0
        self.fold = self.rng.integers(0, 5, self.pairs)
        self.chance = self.rng.random(self.pairs)
        self.longer = np.where(self.rng.random(self.pairs) < 0.5, 1, -1)
        self.sides = np.arange(2 * self.pairs).reshape(-1, 2)
        self.format = np.zeros(self.pairs)
        self.models = np.zeros((self.pairs, 2), int)
        self.task = np.zeros(self.pairs, int)
        self.cluster = np.zeros(self.pairs, int)

    def add(self, pair, annotator, label, kind="person", family=None, order=0, judgement=None, gold=False, given=True):
        judgement = len(self.rows) + 1 if judgement is None else judgement
        self.rows.append(
            {"pair": int(pair), "annotator": annotator, "family": family or annotator, "kind": kind, "label": int(label),
                 "order": int(order), "judgement": int(judgement), "gold": gold, "given": given, "fold": int(self.fold[pair]),
                 "longer": int(self.longer[pair]), "chance": float(self.chance[pair]),
                 "a": int(self.sides[pair][0]), "b": int(self.sides[pair][1]), "length": float(self.longer[pair]) * 0.3,
                 "format": float(self.format[pair]), "model_a": int(self.models[pair][0]), "model_b": int(self.models[pair][1]),
                 "task": int(self.task[pair]), "cluster": int(self.cluster[pair])}
        )  # fmt: skip

    def voter(self, annotator, accuracy, share=1.0, tie_if_tie=0.8, **more):
        """An annotator who is right as often as said and votes on a share of the pairs; returns its votes."""
        said = np.where(self.rng.random(self.pairs) < accuracy, self.truth, -self.truth)
        says_tie = (self.truth == 0) & (self.rng.random(self.pairs) < tie_if_tie)
        coin = np.where(self.rng.random(self.pairs) < 0.5, 1, -1)
        said = np.where(self.truth == 0, np.where(says_tie, 0, coin), said)
        for pair in np.flatnonzero(self.rng.random(self.pairs) < share):
            self.add(pair, annotator, said[pair], **more)
        return said

    def gold(self, pairs):
        """A gold annotation that tells the truth on the first ``pairs`` pairs."""
        for pair in range(pairs):
            self.add(pair, "person:gold/expert", self.truth[pair], gold=True)

    def table(self, rows=None) -> pa.Table:
        return pa.Table.from_pylist(self.rows if rows is None else rows, schema=VOTES)

    def votes(self) -> Votes:
        return votes_of([self.table()])
