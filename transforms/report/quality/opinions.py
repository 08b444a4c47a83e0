"""All opinions as integers, without any text: what the figures of annotators' quality are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from prefcurate.transforms.consensus.votes import distinct, named

Ints = NDArray[Any]
Floats = NDArray[Any]
Bools = NDArray[Any]

FEWEST = 8
"""Of fewer opinions nothing is said about an annotator."""
NO_GOLD = 2
"""Stands for "no gold" beside +1 (a), -1 (b) and 0 (tie)."""
_S = pa.dictionary(pa.int32(), pa.string())
OPINIONS = pa.schema(
    [
        ("annotator", _S),
        ("kind", _S),
        ("source", _S),  # empty for ours
        ("family", _S),
        ("attribute", _S),
        ("item", pa.int64()),  # hash of comparison, attribute and context
        ("prompt", pa.int64()),  # beginning of the prompt's id
        ("act", pa.int64()),  # hash of the judgement
        ("label", pa.int8()),  # +1 a, -1 b, 0 tie
        # +1 a was shown first, -1 b; where nobody tells, which stands first in the row; 0 unknown
        ("first", pa.int8()),
        ("shown", pa.bool_()),  # `first` is told by the source
        ("longer", pa.int8()),  # +1 a is longer by a tenth, -1 b is
        ("formatted", pa.int8()),  # +1 a has more formatting, -1 b has
        ("gold", pa.int8()),  # what gold of side fit says, by others; 2 where it says nothing
        ("seconds", pa.float64()),  # null where nobody tells
        ("moment", pa.int64()),  # of the answer, in seconds; null where nobody tells
        ("characters", pa.int64()),  # of the prompt and both responses
        ("file", _S),
        ("row", pa.int64()),  # in the file
    ]
)
"""One opinion: what a shard writes for the one worker that computes the figures."""


@dataclass(frozen=True, eq=False)
class Acts:
    """Acts of annotators: `whose` each is (one entry an act), and which one each opinion is `of`."""

    whose: Ints
    of: Ints


@dataclass(frozen=True, eq=False)
class Opinions:
    """Opinions in a lasting order, each array one entry an opinion.

    Attributes:
        who: index into `annotators`, which are sorted.
        family: index of the annotator's family: its members are no others to each other.
        item: index of the pair under one attribute and context, ascending.
        prompt, act, label, first, shown, longer, formatted, gold, characters: as in `OPINIONS`.
        seconds, moment: NaN where nobody tells.
        order: rank by time where all of an annotator's opinions tell it, else by place in the files.
        annotators: (annotator, kind, source, attribute) of each.
        timed: whether `order` is of time, one entry an annotator.
    """

    who: Ints
    family: Ints
    item: Ints
    prompt: Ints
    act: Ints
    label: Ints
    first: Ints
    shown: Bools
    longer: Ints
    formatted: Ints
    gold: Ints
    seconds: Floats
    moment: Floats
    characters: Ints
    order: Ints
    annotators: tuple[tuple[str, str, str, str], ...]
    timed: Bools

    @property
    def many(self) -> int:
        """How many annotators there are."""
        return len(self.annotators)

    @cached_property
    def counts(self) -> Floats:
        """How many opinions each annotator has."""
        return self.sums()

    @cached_property
    def drawn(self) -> Bools:
        """Annotators of most of whose answers it is told which response was shown first: then it was drawn, or both orders were asked."""
        told: Bools = self.sums(self.shown * 1.0) > self.counts / 2
        return told

    @cached_property
    def acts(self) -> Acts:
        """What was given by one act (a ranking cut into pairs, say), for each annotator."""
        (whose, _), of = distinct(self.who, self.act)
        return Acts(whose, of)

    def sums(self, values: Floats | None = None) -> Floats:
        """Of some values, or of ones, for each annotator."""
        return np.bincount(self.who, weights=values, minlength=self.many).astype(np.float64)

    def squares_by_act(self, values: Floats) -> Floats:
        """Of the values' sums over each act, the squares' sum for each annotator: what one act gave goes together."""
        acts = self.acts
        summed = np.bincount(acts.of, weights=values, minlength=len(acts.whose))
        return np.bincount(acts.whose, weights=summed**2, minlength=self.many)


def opinions_of(tables: Sequence[pa.Table]) -> Opinions:
    """The opinions of all shards, whose tables are `OPINIONS`; the same in whatever order shards come."""
    table = pa.concat_tables([OPINIONS.empty_table(), *tables]).unify_dictionaries()
    names = ("annotator", "kind", "source", "attribute")
    who, annotators = named([table[name] for name in names])
    family, _ = named([table["family"]])
    file, _ = named([table["file"]])
    columns = {name: _numbers(table, name) for name in OPINIONS.names if name not in (*names, "family", "file")}
    sort = np.lexsort((columns["first"], columns["act"], columns["row"], file, who, columns["item"]))
    columns = {name: values[sort] for name, values in columns.items()}
    who, family, file = who[sort], family[sort], file[sort]
    _, item = np.unique(columns.pop("item"), return_inverse=True)
    row, moment = columns.pop("row"), columns["moment"]
    untold = np.bincount(who[np.isnan(moment)], minlength=len(annotators))
    timed = untold == 0
    rank = np.empty(len(who), np.int64)
    rank[np.lexsort((columns["act"], row, file, np.where(timed[who], moment, 0.0)))] = np.arange(len(who))
    return Opinions(who=who, family=family, item=item, order=rank, annotators=tuple(annotators), timed=timed, **columns)


def _numbers(table: pa.Table, name: str) -> NDArray[Any]:
    kind: type = np.bool_ if name == "shown" else np.float64 if name in ("seconds", "moment") else np.int64
    values: NDArray[Any] = table[name].to_numpy().astype(kind)
    return values
