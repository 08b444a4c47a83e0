"""How much each opinion is worth in the decision on one pair, as odds that multiply to the probability that is shown."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from prefcurate.transforms.consensus.acts import Acts, acts_of
from prefcurate.transforms.consensus.decide import Beliefs, Rules, by_gold
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.posterior import (
    by_models,
    evidence,
    from_elsewhere,
    of_gold,
    slopes_of,
    summed,
    variants,
)
from prefcurate.transforms.consensus.rows import beliefs_of
from prefcurate.transforms.consensus.shard import ShardVotes
from prefcurate.transforms.consensus.votes import NO_LABEL, Bools, Floats, Votes, gold_truth, votes_of

_NOTHING = 1e-6


@dataclass(frozen=True)
class Worth:
    """What one opinion, or one thing that is known, adds to the log-odds that a is better.

    Attributes:
        who: the voice; "" where it is no opinion, but what `what` says.
        what: "" for an opinion; `elsewhere` (the same responses in other pairs), `models` (that wrote them), `length`, `format`, `else`, or
            `gold` (how often gold bears such a label out, or the doubt while it cannot).
        kind, vote, cell, gold, heard: of the opinion, as in `Acts`; vote is +1 for a, -1 for b, 0 for neither.
        log_odds: positive for a.
    """

    who: str
    what: str
    kind: str
    vote: int
    cell: int
    gold: bool
    heard: bool
    log_odds: float


@dataclass(frozen=True)
class Worths:
    """The decision on a pair taken apart.

    Attributes:
        parts: their log-odds sum to ``log(p_a / p_b)`` of `beliefs`.
        beliefs: what is decided on: probabilities after gold has been asked.
        calibration: the power to which all odds on this pair are taken, for errors that they share; already in the parts.
        opinions: how many were heard on this pair.
        on_gold: whether gold has measured that power.
    """

    parts: tuple[Worth, ...]
    beliefs: Beliefs
    calibration: float
    opinions: int
    on_gold: bool = False

    @property
    def log_odds(self) -> float:
        """That a is better."""
        return math.fsum(part.log_odds for part in self.parts)


def of_prompt(shard: ShardVotes, prompt_id: str) -> ShardVotes:
    """The comparisons of one prompt and the votes on them: all that bears on one of them."""
    places = [place for place, prompt in enumerate(shard.prompt_ids) if prompt == prompt_id]
    first, last = (places[0], places[-1] + 1) if places else (0, 0)
    chosen = pc.and_(pc.greater_equal(shard.votes["pair"], first), pc.less(shard.votes["pair"], last))
    votes = shard.votes.filter(chosen)
    at = votes.schema.get_field_index("pair")
    votes = votes.set_column(at, shard.votes.schema.field(at), pc.subtract(votes["pair"], first).cast("int32"))
    kept = np.flatnonzero(chosen.to_numpy(zero_copy_only=False)).tolist()
    return ShardVotes(
        shard.comparison_ids[first:last], shard.prompt_ids[first:last], shard.label_in[first:last], votes,
        [shard.annotation_ids[row] for row in kept],
    )  # fmt: skip


def worths(shard: ShardVotes, place: int, model: LabelModel, rules: Rules) -> Worths:
    """Takes the decision on the comparison at a place of a shard (or of `of_prompt`) apart.

    Each opinion's part is what the evidence gains when it alone is heard on this pair, so that it holds for any policy whose evidence
    is a sum; should a policy's not be one, the rest stands as a part of its own.
    """
    raw = beliefs_of(shard, model)[place]
    final = by_gold(raw, rules)[0] if raw.opinions else raw
    votes = votes_of([shard.votes])
    found = np.flatnonzero(np.unique(shard.votes["pair"].to_numpy()) == place)
    if not len(found):
        return Worths((), final, 1.0, 0)
    case = _Case(model, votes, int(found[0]))
    parts = [*case.opinions()]
    parts += case.beside(math.fsum(part.log_odds for part in parts))
    if abs(_odds(final) - _odds(raw)) > _NOTHING:
        # Probabilities are rounded: what they round away belongs to nobody.
        parts.append(_thing("gold", _odds(final) - math.fsum(part.log_odds for part in parts)))
    return Worths(tuple(parts), final, case.slope, sum(part.heard for part in parts if part.who), not model.agreed)


class _Case:
    """One pair among those of its prompt: the evidence on it with some of its opinions left out."""

    def __init__(self, model: LabelModel, votes: Votes, pair: int) -> None:
        acts = acts_of(votes, model.voices)
        self._model, self._votes, self._pair = model, votes, pair
        self._acts = acts.keep(acts.voice >= 0)
        self._gold = gold_truth(votes) != NO_LABEL
        self._variant = variants(votes.fold, self._gold)
        self._told = evidence(model, self._acts, self._variant)
        self._silence = np.where((self._acts.pair == pair)[:, None], 0.0, self._told)
        total = summed(model, self._acts, self._told, self._variant, votes.sides)
        self.slope = float(slopes_of(model, self._acts, self._told, self._variant, votes.sides, total)[pair])

    def _odds(self, told: Floats) -> float:
        rest = summed(self._model, self._acts, told, self._variant, self._votes.sides)[self._pair]
        gold = of_gold(self._model, self._acts, told, self._variant)[self._pair]
        return self.slope * float(rest[0] - rest[1]) + float(gold[0] - gold[1])

    def opinions(self) -> Iterator[Worth]:
        """What the evidence gains by each opinion."""
        acts, model, before = self._acts, self._model, self._odds(self._silence)
        for act in np.flatnonzero(acts.pair == self._pair).tolist():
            one = self._silence.copy()
            one[act] = self._told[act]
            voice, gold = int(acts.voice[act]), bool(acts.gold[act])
            about = (
                int(acts.vote[act]),
                int(acts.cell[act]),
                gold,
                gold or not bool(model.silent[self._variant[self._pair], voice]),
            )
            yield Worth(model.voices.names[voice], "", model.voices.kinds[voice], *about, self._odds(one) - before)

    def beside(self, opinions: float) -> Iterator[Worth]:
        """What counts besides the opinions on this pair, which are worth so much together."""
        known = {
            what: self.slope * float(log_odds)
            for what, log_odds in _beside_of(self._model, self._acts, self._votes, self._gold, self._pair).items()
        }
        rest = self._odds(self._told) - opinions - math.fsum(known.values())
        for what, log_odds in (known | {"else": rest}).items():
            if abs(log_odds) > _NOTHING:
                yield _thing(what, log_odds)


def _beside_of(model: LabelModel, acts: Acts, votes: Votes, gold: Bools, pair: int) -> dict[str, float]:
    """What counts besides the opinions on a pair, in log-odds that a is better, before calibration."""
    sides, variant = votes.sides, variants(votes.fold, gold)[pair]
    known = {
        "elsewhere": float(from_elsewhere(model, acts, votes.fold, gold, sides)[pair]),
        "models": float(by_models(model, votes.fold, gold, sides)[pair]),
    }
    if model.beside is not None:
        known["length"] = model.beside.length[variant] * float(sides.length[pair])
        if model.beside.format:
            known["format"] = model.beside.format[variant] * float(sides.format[pair])
    return known


def _thing(what: str, log_odds: float) -> Worth:
    return Worth("", what, "", 0, 0, False, True, log_odds)


def _odds(beliefs: Beliefs) -> float:
    tiny = 1e-12
    return math.log(max(beliefs.p_a, tiny)) - math.log(max(beliefs.p_b, tiny))
