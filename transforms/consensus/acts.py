"""Acts: the votes of one family on one pair count once, however many members, samples and orders it has."""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.consensus.votes import Bools, Ints, Votes, distinct

CELLS = 5
BOTH, FIRST, SECOND, PLAIN, DIVIDED = range(CELLS)
"""How an act came about: the same answer in both orders; only one order asked and the first, or the second, shown
preferred; the order unknown; members or samples of different opinions. Each has a reliability of its own: that is how
position bias is discounted, since a biased judge says "the first" whatever it is shown."""

_POOL_SHARE = 0.2
_COPY_SHARED = 30
_COPY_AGREEMENT = 0.99
_COPY_VOTERS = 60


@dataclass(frozen=True)
class Voices:
    """Who counts as one: the families after copies are put together, and which names are crowds without names.

    Attributes:
        names: the voices, sorted.
        kinds: the kind of each.
        of_family: the voice of each family's name.
        pools: voices that are many people under one name: each judgement is an act of its own.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    of_family: dict[str, str]
    pools: frozenset[str]

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
    cell = np.where(np.abs(total) < size, DIVIDED, np.where(ab & ba, BOTH, one_order))
    judgement = np.full(acts, np.iinfo(np.int64).max, np.int64)
    np.minimum.at(judgement, group, votes.judgement)
    return Acts(pair, heard, vote, cell.astype(np.int64), judgement, gold.astype(bool))


def find_voices(votes: Votes) -> Voices:
    """Finds crowds without names, and copies: voices that say the same on at least 30 shared pairs, 99 times of 100.

    An exact copy of an annotator under another name is no second opinion.
    """
    families = sorted(set(votes.families))
    kinds = dict(sorted(zip(votes.families, votes.kinds, strict=True), reverse=True))
    pools = _pools(votes, families, kinds)
    apart = Voices(tuple(families), tuple(kinds[f] for f in families), {f: f for f in families}, pools)
    merged = _copies(acts_of(votes, apart), apart)
    names = sorted({merged[f] for f in families})
    return Voices(tuple(names), tuple(kinds[n] for n in names), merged, pools)


def _pools(votes: Votes, families: list[str], kinds: dict[str, str]) -> frozenset[str]:
    index = {family: i for i, family in enumerate(families)}
    family = np.array([index[f] for f in votes.families], np.int64)[votes.annotator]
    judged, _ = distinct(family, votes.pair, votes.judgement)
    (who, _), pair = distinct(*judged[:2])
    several = np.bincount(who[np.bincount(pair, minlength=len(who)) > 1], minlength=len(families))
    share = several / np.maximum(1, np.bincount(who, minlength=len(families)))
    return frozenset(f for f in families if kinds[f] == "person" and share[index[f]] >= _POOL_SHARE)


def _copies(acts: Acts, voices: Voices) -> dict[str, str]:
    pool = np.array([name in voices.pools for name in voices.names], bool)
    acts = acts.keep(~pool[acts.voice] & ~acts.gold)
    voters = np.bincount(acts.pair, minlength=1)
    acts = acts.keep(voters[acts.pair] <= _COPY_VOTERS)
    shared: dict[tuple[int, int], list[int]] = {}
    # Acts lie in the order of pairs: those of one pair are neighbours.
    for step in range(1, int(np.max(np.bincount(acts.pair, minlength=1)))):
        same_pair = acts.pair[step:] == acts.pair[:-step]
        left, right = acts.voice[:-step][same_pair], acts.voice[step:][same_pair]
        agree = acts.vote[:-step][same_pair] == acts.vote[step:][same_pair]
        (lefts, rights), inverse = distinct(left, right)
        counts = np.bincount(inverse, minlength=len(lefts))
        agreed = np.bincount(inverse, weights=agree, minlength=len(lefts))
        columns = (lefts.tolist(), rights.tolist(), counts.tolist(), agreed.tolist())
        for one, other, count, agreement in zip(*columns, strict=True):
            tally = shared.setdefault((one, other), [0, 0])
            tally[0] += count
            tally[1] += int(agreement)
    root = list(range(len(voices.names)))
    for (left_voice, right_voice), (count, agreement) in sorted(shared.items()):
        if count >= _COPY_SHARED and agreement >= _COPY_AGREEMENT * count:
            low, high = sorted((root[left_voice], root[right_voice]))
            root = [low if r == high else r for r in root]
    return {name: voices.names[root[i]] for i, name in enumerate(voices.names)}
