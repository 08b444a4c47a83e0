"""Acts: the votes of one family on one pair count once, however many members, samples and orders it has."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from prefcurate.transforms.consensus.copies import copies
from prefcurate.transforms.consensus.votes import Bools, Ints, Votes, distinct

CELLS = 5
BOTH, FIRST, SECOND, PLAIN, DIVIDED = range(CELLS)
"""How an act came about: the same answer in both orders; only one order asked and the first, or the second, shown
preferred; the order unknown; members or samples of different opinions. Each has a reliability of its own: that is how
position bias is discounted, since a biased judge says "the first" whatever it is shown."""

_AT_ONE = 0.6
"""Mean vote of a family from which it is of one opinion: of ten generations of a head two may dissent here and there, of two orders neither."""
_POOL_SHARE = 0.2


@dataclass(frozen=True)
class Voices:
    """Who counts as one: the families after copies are put together, and which names are crowds without names.

    Attributes:
        names: the voices, sorted.
        kinds: the kind of each.
        of_family: the voice of each family's name.
        pools: voices that are many people under one name: each judgement is an act of its own.
        copies: families that only count on pairs of which the voice's other families, with a smaller number or none, say nothing.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    of_family: dict[str, str]
    pools: frozenset[str]
    copies: dict[str, int] = field(default_factory=dict)

    def indices(self, votes: Votes) -> Ints:
        """The voice of each vote, as an index into `names`; -1 for a family that the fit did not see."""
        index = {name: i for i, name in enumerate(self.names)}
        by_annotator = np.array([index.get(self.of_family.get(f, f), -1) for f in votes.families], np.int64)
        return by_annotator[votes.annotator]


@dataclass(frozen=True, eq=False)
class Acts:
    """One entry an act, in the order of pairs: pair, voice, vote (+1, -1, 0), cell, judgement, whether it is gold."""

    pair: Ints
    voice: Ints
    vote: Ints
    cell: Ints
    judgement: Ints
    gold: Bools

    def keep(self, chosen: Bools) -> "Acts":
        """Some of the acts."""
        return Acts(
            self.pair[chosen], self.voice[chosen], self.vote[chosen],
            self.cell[chosen], self.judgement[chosen], self.gold[chosen],
        )  # fmt: skip


def acts_of(votes: Votes, voices: Voices) -> Acts:
    """Combines the votes of each voice on each pair; gold votes stay apart from others of the same voice."""
    votes = _originals(votes, voices)
    voice = voices.indices(votes)
    pool = np.array([name in voices.pools for name in voices.names] + [False], bool)[voice]
    act = np.where(pool, votes.judgement, 0)
    (pair, heard, gold, _), group = distinct(votes.pair, voice, votes.gold.astype(np.int64), act)
    acts = len(pair)
    size = np.bincount(group, minlength=acts)
    total = np.bincount(group, weights=votes.label, minlength=acts).astype(np.int64)
    ab = np.bincount(group[votes.order > 0], minlength=acts) > 0
    ba = np.bincount(group[votes.order < 0], minlength=acts) > 0
    unknown = np.bincount(group[votes.order == 0], minlength=acts) > 0
    vote = np.sign(total)
    one_order = np.where(unknown, PLAIN, np.where((vote > 0) == ab, FIRST, SECOND))
    cell = np.where(np.abs(total) < _AT_ONE * size, DIVIDED, np.where(ab & ba, BOTH, one_order))
    judgement = np.full(acts, np.iinfo(np.int64).max, np.int64)
    np.minimum.at(judgement, group, votes.judgement)
    return Acts(pair, heard, vote, cell.astype(np.int64), judgement, gold.astype(bool))


def _originals(votes: Votes, voices: Voices) -> Votes:
    """The votes without copies' on pairs of which the original, or an earlier copy, has spoken: what a copy adds is nothing."""
    if not voices.copies:
        return votes
    copy = np.array([voices.copies.get(family, 0) for family in votes.families], np.int64)[votes.annotator]
    _, act = distinct(votes.pair, voices.indices(votes), votes.gold.astype(np.int64))
    first = np.full(int(act.max(initial=-1)) + 1, np.iinfo(np.int64).max, np.int64)
    np.minimum.at(first, act, copy)
    return votes.of(copy == first[act])


def find_voices(votes: Votes) -> Voices:
    """Finds crowds without names, and copies (`copies.py`): an exact copy of an annotator under another name is no second opinion."""
    families = sorted(set(votes.families))
    index = {family: i for i, family in enumerate(families)}
    family = np.array([index[f] for f in votes.families], np.int64)[votes.annotator]
    kinds = dict(sorted(zip(votes.families, votes.kinds, strict=True), reverse=True))
    pools = crowds(family, votes.pair, votes.judgement, [kinds[f] for f in families])
    groups = copies(votes, families, family, [kinds[f] for f in families], pools)
    of_family = {f: f for f in families} | {families[i]: families[group[0]] for group in groups for i in group}
    names = sorted(set(of_family.values()))
    return Voices(
        tuple(names),
        tuple(kinds[n] for n in names),
        of_family,
        frozenset(name for name in names if pools[index[name]]),
        {families[i]: number for group in groups for number, i in enumerate(group) if number},
    )


def crowds(who: Ints, pair: Ints, judgement: Ints, kinds: Sequence[str]) -> Bools:
    """Names of people under which a fifth of the pairs have several judgements: crowds without names of their own.

    Args:
        who: of each vote, an index into ``kinds``.
        pair, judgement: of each vote.
        kinds: of each name.
    """
    judged, _ = distinct(who, pair, judgement)
    (whose, _), couple = distinct(*judged[:2])
    several = np.bincount(whose[np.bincount(couple, minlength=len(whose)) > 1], minlength=len(kinds))
    share = several / np.maximum(1, np.bincount(whose, minlength=len(kinds)))
    found: Bools = (np.array(kinds) == "person") & (share >= _POOL_SHARE)
    return found
