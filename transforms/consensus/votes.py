"""Votes as integers: what the label model learns from, without any text."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# numpy's own functions mix int64, float64 and bool_ in ways that their types do not tell: the names do.
Ints = NDArray[Any]
Floats = NDArray[Any]
Bools = NDArray[Any]

FOLDS = 5
"""Parts of the gold by prompt cluster: what is estimated on four is applied to the fifth."""
NO_LABEL = 2
"""Stands for "no label" beside +1 (a), -1 (b) and 0 (tie)."""

_NAMES = pa.dictionary(pa.int32(), pa.string())
VOTES = pa.schema(
    [
        ("pair", pa.int32()),  # position of the comparison in its shard, in key order
        ("annotator", _NAMES),
        ("family", _NAMES),
        ("kind", _NAMES),
        ("label", pa.int8()),  # +1 a, -1 b, 0 tie
        ("order", pa.int8()),  # +1 a shown first, -1 b shown first, 0 unknown
        ("judgement", pa.int64()),  # hash of the act
        ("gold", pa.bool_()),  # a gold annotation of side fit
        ("given", pa.bool_()),  # came with the data
        ("fold", pa.int8()),
        ("cluster", pa.int64()),  # hash of the prompt cluster, 0 where it is unknown
        ("longer", pa.int8()),  # +1 a is longer by a tenth, -1 b is, 0 about the same
        ("chance", pa.float64()),  # uniform hash of the comparison, for samples
        ("a", pa.int64()),  # hash of the prompt and response_a
        ("b", pa.int64()),
        ("length", pa.float64()),  # log of a's length over b's
        ("format", pa.float64()),  # log of a's formatting over b's
        ("model_a", pa.int64()),  # hash of the model that wrote response_a, 0 where nobody says which
        ("model_b", pa.int64()),
        ("task", pa.int64()),  # hash of the prompt's kind of task, 0 where it is not described
    ]
)
"""One vote of the matrix that a shard writes for the fit."""


@dataclass(frozen=True, eq=False)
class Sides:
    """The two responses of each pair, without their text.

    Attributes:
        a, b: numbers by which a response to a prompt is known wherever it is compared.
        length: log of a's length over b's.
        format: log of how much of a is headings, lists, bold and code, over b's.
        model_a, model_b: numbers by which the models that wrote them are known; 0 where nobody says which.
        task: number of the prompt's kind of task; 0 where it is not described.
    """

    a: Ints
    b: Ints
    length: Floats
    format: Floats
    model_a: Ints
    model_b: Ints
    task: Ints

    @classmethod
    def plain(cls, a: Ints, b: Ints, length: Floats) -> "Sides":
        """Responses of which no more is known than their lengths."""
        nothing = np.zeros(len(a), np.int64)
        return cls(a, b, length, np.zeros(len(a)), nothing, nothing, nothing)

    def mirrored(self) -> "Sides":
        """a and b exchanged."""
        return Sides(self.b, self.a, -self.length, -self.format, self.model_b, self.model_a, self.task)

    def keep(self, pairs: Bools) -> "Sides":
        """Those of some pairs."""
        return Sides(
            self.a[pairs], self.b[pairs], self.length[pairs], self.format[pairs],
            self.model_a[pairs], self.model_b[pairs], self.task[pairs],
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Votes:
    """The vote matrix of some pairs.

    Attributes:
        pair, annotator, label, order, judgement, gold, given: one entry a vote; `pair` ascends from 0, `annotator` is an
            index into `annotators`; +1 always means a, -1 b, 0 tie or unknown.
        fold, longer, chance: one entry a pair.
        cluster: of each pair's prompt, as a number; 0 where nobody knows it.
        sides: the responses of each pair.
        annotators, families, kinds: names, one entry an annotator, sorted by annotator.
    """

    pair: Ints
    annotator: Ints
    label: Ints
    order: Ints
    judgement: Ints
    gold: Bools
    given: Bools
    fold: Ints
    longer: Ints
    chance: Floats
    sides: Sides
    cluster: Ints
    annotators: tuple[str, ...]
    families: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def pairs(self) -> int:
        """How many pairs have votes."""
        return len(self.fold)

    def mirrored(self) -> "Votes":
        """The same votes with a and b exchanged everywhere."""
        return Votes(
            self.pair, self.annotator, -self.label, -self.order, self.judgement, self.gold, self.given, self.fold,
            -self.longer, self.chance, self.sides.mirrored(), self.cluster, self.annotators, self.families, self.kinds,
        )  # fmt: skip

    def of(self, chosen: Bools) -> "Votes":
        """Some of the votes, on the same pairs."""
        return Votes(
            self.pair[chosen], self.annotator[chosen], self.label[chosen], self.order[chosen], self.judgement[chosen],
            self.gold[chosen], self.given[chosen], self.fold, self.longer, self.chance, self.sides, self.cluster,
            self.annotators, self.families, self.kinds,
        )  # fmt: skip

    def keep(self, pairs: Bools) -> "Votes":
        """The votes of some pairs, which are numbered anew."""
        votes = pairs[self.pair]
        renumbered = np.cumsum(pairs) - 1
        return Votes(
            renumbered[self.pair[votes]], self.annotator[votes], self.label[votes], self.order[votes],
            self.judgement[votes], self.gold[votes], self.given[votes], self.fold[pairs], self.longer[pairs],
            self.chance[pairs], self.sides.keep(pairs), self.cluster[pairs], self.annotators, self.families, self.kinds,
        )  # fmt: skip


def votes_of(tables: Sequence[pa.Table]) -> Votes:
    """The matrix out of the tables (`VOTES`) of several shards, in the order given; pairs without a vote are left out.

    The result does not depend on the order of votes inside a pair.
    """
    sizes = [int(np.max(table["pair"].to_numpy(), initial=-1)) + 1 for table in tables]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    shard = np.repeat(np.arange(len(tables)), [table.num_rows for table in tables])
    names = pa.concat_tables([t.select(["annotator", "family", "kind"]) for t in tables]).unify_dictionaries()
    # One annotator is one (name, family, kind); a name with two families is two annotators that share a name.
    annotator, who = named(names.columns)
    found, pair = np.unique(_joined(tables, "pair") + offsets[shard], return_inverse=True)
    label, order, judgement = (_joined(tables, name) for name in ("label", "order", "judgement"))
    by_key = np.lexsort((judgement, order, label, annotator, pair))
    first = np.full(len(found), len(pair), np.int64)
    np.minimum.at(first, pair, np.arange(len(pair)))

    def of_pair(name: str) -> NDArray[Any]:
        # One column at a time: what is the same for all votes of a pair is most of the table.
        column: NDArray[Any] = _joined(tables, name)[first]
        return column

    return Votes(
        pair[by_key].astype(np.int64), annotator[by_key], label[by_key], order[by_key], judgement[by_key],
        _joined(tables, "gold")[by_key].astype(bool), _joined(tables, "given")[by_key].astype(bool),
        of_pair("fold"), of_pair("longer"), of_pair("chance"),
        Sides(*(of_pair(name) for name in ("a", "b", "length", "format", "model_a", "model_b", "task"))),
        of_pair("cluster"),
        tuple(w[0] for w in who), tuple(w[1] for w in who), tuple(w[2] for w in who),
    )  # fmt: skip


def _joined(tables: Sequence[pa.Table], name: str) -> NDArray[Any]:
    kind = VOTES.field(name).type
    dtype: type = np.float64 if pa.types.is_floating(kind) else np.bool_ if pa.types.is_boolean(kind) else np.int64
    # Whoever makes votes without a store may know nothing of models, tasks and formatting.
    parts = [pc.fill_null(table[name], 0).to_numpy(zero_copy_only=False).astype(dtype) if table[name].null_count else
             table[name].to_numpy(zero_copy_only=False).astype(dtype) for table in tables]  # fmt: skip
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def named(columns: Sequence[pa.ChunkedArray]) -> tuple[Ints, list[tuple[Any, ...]]]:
    """Which of the distinct rows each row is, and these, sorted.

    Args:
        columns: of names, as dictionaries that all chunks share (`Table.unify_dictionaries`).
    """
    parts = [column.combine_chunks() for column in columns]
    parts = [part.chunk(0) if isinstance(part, pa.ChunkedArray) else part for part in parts]
    found, inverse = distinct(*(part.indices.to_numpy(zero_copy_only=False).astype(np.int64) for part in parts))
    words = [part.dictionary.to_pylist() for part in parts]
    rows = zip(*(column.tolist() for column in found), strict=True)
    told = [tuple(word[code] for word, code in zip(words, row, strict=True)) for row in rows]
    sort = sorted(range(len(told)), key=told.__getitem__)
    rank = np.empty(len(told), np.int64)
    rank[sort] = np.arange(len(told))
    return rank[inverse], [told[place] for place in sort]


def distinct(*columns: Ints) -> tuple[list[Ints], Ints]:
    """The different rows of some columns, in ascending order, and which of them each row is: `np.unique` of rows, but quick."""
    order = np.lexsort(columns[::-1])
    sorted_ = [column[order] for column in columns]
    new = np.ones(len(order), bool)
    if len(order):
        new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in sorted_])
    place = np.empty(len(order), np.int64)
    place[order] = np.cumsum(new) - 1
    return [column[new] for column in sorted_], place


def neighbours(group: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Every two entries of one group, as the places of the earlier and of the later one; those at one distance from each other at a time.

    Args:
        group: sorted.
    """
    left = np.flatnonzero(group[1:] == group[:-1])
    for step in itertools.count(1):
        if not len(left):
            return
        yield left, left + step
        # Whoever has none so far away has none further away.
        left = left[left + step + 1 < len(group)]
        left = left[group[left] == group[left + step + 1]]


def majority(pair: Ints, label: Ints, pairs: int) -> Ints:
    """The label with most votes of each pair: +1, -1, 0 (tie), or `NO_LABEL` where there are none or a draw."""
    counts = np.stack([np.bincount(pair[label == v], minlength=pairs) for v in (1, -1, 0)])
    best = counts.max(axis=0)
    winners = counts == best
    label_of = np.array([1, -1, 0])[winners.argmax(axis=0)]
    return np.where((best > 0) & (winners.sum(axis=0) == 1), label_of, NO_LABEL).astype(np.int64)


def gold_truth(votes: Votes) -> Ints:
    """What the gold annotations of a pair say by majority; `NO_LABEL` where there are none."""
    return majority(votes.pair[votes.gold], votes.label[votes.gold], votes.pairs)


def label_without_gold(votes: Votes) -> Ints:
    """The label that came with a pair if its gold annotations had not: of the people, else of all that came."""
    person = np.array([kind == "person" for kind in votes.kinds], bool)[votes.annotator]
    given = votes.given & ~votes.gold
    people = np.bincount(votes.pair[given & person], minlength=votes.pairs) > 0
    counted = given & (person | ~people[votes.pair])
    return majority(votes.pair[counted], votes.label[counted], votes.pairs)


def act_shares(votes: Votes) -> Floats:
    """What each gold pair counts where the pairs that one act of gold labelled count as one together; 1 for the others."""
    judgement, pair = votes.judgement[votes.gold], votes.pair[votes.gold]
    known, sizes = np.unique(distinct(judgement, pair)[0][0], return_counts=True)
    shares = np.ones(votes.pairs)
    np.minimum.at(shares, pair, 1.0 / sizes[np.searchsorted(known, judgement)])
    return shares
