"""Ordinal heads: reward heads that learn how much better, where the data tell, and that know ties from preferences (`cumulative_link.py`).

HelpSteer's scale of -3 to 3, differences of ratings or of ranks, a crowd's "equal": what `annotations.strength` holds of labels that came with the data. Strengths are
in their source's own units, so degrees are made of their order alone, on every scale (source and kind of annotator) for itself.
"""

from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from prefcurate.schemas.canonical import canonical_json
from prefcurate.schemas.records import Label
from prefcurate.transforms.annotate.annotator import Answer, Question
from prefcurate.transforms.annotate.bradley_terry import Floats, FoldHeads, Ints, Labelled
from prefcurate.transforms.annotate.cumulative_link import Degrees, OrdinalExamples, chances
from prefcurate.transforms.annotate.examples import features_of, grades
from prefcurate.transforms.annotate.reward_head import RewardHead
from prefcurate.transforms.store.snapshot import Snapshot


class OrdinalHead(RewardHead):
    """An ensemble of linear heads that learn from degrees and ties (kind ``ordinal_head``)."""

    kind: Literal["ordinal_head"]  # type: ignore[assignment]
    levels: int = Field(default=3, ge=1, le=10)
    """Degrees of "better" that are told apart at most; scales with more are cut into as many parts of equal size."""

    algorithm: ClassVar[int] = 2

    def labelled(self, snapshot: Snapshot, shard: int, allowed: frozenset[str]) -> pa.Table:
        """Those of a reward head, with what each voice said."""
        table = super().labelled(snapshot, shard, allowed)
        return table.append_column("grades", grades(snapshot, shard, allowed, table["comparison_id"].to_pylist()))

    def learned(self, examples: pa.Table) -> Labelled:
        """Examples as opinions in degrees."""
        clusters = tuple(examples.column("prompt_cluster").to_pylist())
        return OrdinalExamples(features_of(examples), degrees_of(examples, self.levels), clusters)

    def judged(self, question: Question, differences: Floats, heads: FoldHeads) -> Answer:
        """Whichever of a, tie and b is most probable."""
        mean, spread = float(np.mean(differences)), round(float(np.std(differences)), 6)
        p_a, p_tie, p_b = (round(float(chance[0]), 6) for chance in chances(np.array([mean]), heads.ties))
        label = Label.TIE if p_tie >= max(p_a, p_b) or p_a == p_b else Label.A if p_a > p_b else Label.B
        mean = round(mean, 6)
        told = {"mean": mean, "spread": spread, "p_a": p_a, "p_tie": p_tie, "p_b": p_b, "learned_from": heads.pairs}
        return Answer(question, label, p_a, mean, canonical_json(told), spread=spread, p_tie=p_tie)


def degrees_of(examples: pa.Table, levels: int) -> Degrees:
    """Opinions of examples (with the columns weight and grades) as degrees of their scales.

    A scale with at most `levels` different strengths has them as degrees; one with more is cut into `levels` parts with equally many opinions. Where it is cut is
    known from all labels, those of the scored fold too: from how large they are alone, not from whom they prefer. The voices of a pair share its weight.
    """
    told = examples.column("grades").combine_chunks()
    pair = np.repeat(np.arange(len(told)), told.value_lengths().to_numpy())
    flat = told.flatten()
    names = flat.field("scale").dictionary_encode()
    order = np.argsort(np.argsort(np.array(names.dictionary.to_pylist(), object), kind="stable"), kind="stable")
    scale = order[names.indices.to_numpy()]
    sign = flat.field("sign").to_numpy().astype(np.int64)
    strength = flat.field("strength").to_numpy(zero_copy_only=False)
    share = flat.field("share").to_numpy()
    weight = share / np.bincount(pair, weights=share)[pair] * examples.column("weight").to_numpy()[pair]
    low, high = np.zeros(len(pair), np.int64), np.zeros(len(pair), np.int64)
    for number in range(len(names.dictionary)):
        mine = np.flatnonzero((scale == number) & (sign != 0))
        low[mine], high[mine] = _degrees(strength[mine], levels)
    least, most = np.where(sign > 0, low, -high), np.where(sign > 0, high, -low)
    return Degrees(
        pair, scale, np.where(sign == 0, 0, least), np.where(sign == 0, 0, most), weight, levels, len(names.dictionary)
    )


def _degrees(strength: Floats, levels: int) -> tuple[Ints, Ints]:
    """The degrees that strengths may stand for, from 1: the strongest is open above, one that was not told is open altogether."""
    told = np.isfinite(strength) & (strength > 0)
    steps = np.unique(strength[told])
    if len(steps) > levels:
        edges = np.unique(np.quantile(strength[told], np.arange(1, levels) / levels))
        part = np.searchsorted(edges, strength[told], side="left")
    else:
        part = np.searchsorted(steps, strength[told])
    _, rank = np.unique(part, return_inverse=True)
    low, high = np.ones(len(strength), np.int64), np.full(len(strength), levels, np.int64)
    low[told] = 1 + rank
    high[told] = np.where(rank == rank.max(initial=-1), levels, 1 + rank)
    return low, high
