"""Copies: a name that says what another name says is no further opinion, whatever family, kind or order it comes under."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.consensus.votes import Bools, Ints, Votes, distinct, neighbours

_SHARED, _AGREEMENT = 30, 0.99
"""On fewer pairs nobody can tell a copy from somebody else who is good at it, such as a person asked about the doubtful ones."""
_VOTERS = 60
_CHANNELS = 3
_WHOLE, _AB, _BA = range(_CHANNELS)
_MOST_OF = 0.9
_ORIGINALS = ("llm_judge", "person", "reward_model", "program")
"""Whose word it was, where two kinds said it equally often: models' verdicts are passed off as people's, heads are fitted to people's."""


@dataclass(frozen=True, eq=False)
class _Said:
    """What each name says of each pair: its votes together, and apart by the order shown where it was asked in both.

    Attributes:
        pair, name, channel: one entry each, in the order of pairs.
        vote: +1, -1 or 0.
        tally: all its votes of the pair as one number.
    """

    pair: Ints
    name: Ints
    channel: Ints
    vote: Ints
    tally: Ints

    def keep(self, chosen: Bools) -> "_Said":
        return _Said(self.pair[chosen], self.name[chosen], self.channel[chosen], self.vote[chosen], self.tally[chosen])


@dataclass(frozen=True, eq=False)
class _Shared:
    """Two names an entry: on how many pairs both say something, and the same, in the channel in which they agree best."""

    one: Ints
    other: Ints
    pairs: Ints
    agreed: Ints

    def keep(self, chosen: Bools) -> "_Shared":
        return _Shared(self.one[chosen], self.other[chosen], self.pairs[chosen], self.agreed[chosen])


def copies(votes: Votes, names: Sequence[str], name_of: Ints, kinds: Sequence[str], pools: Bools) -> list[list[int]]:
    """The names that are copies of each other, as indices, each group from the original on.

    Copies say the same on at least 30 shared pairs, 99 times of 100. Crowds without names say the same where all their votes
    are the same. The original is who voted most, who is one of several of a
    source, and whose orders are known, in this order.

    Args:
        votes: the vote matrix; gold is not looked at.
        names: of families.
        name_of: of each vote, an index into ``names``.
        kinds: of each name.
        pools: which names are crowds without names.
    """
    counted = ~votes.gold
    said = _said(votes, name_of, counted)
    shared = _shared(said, pools)
    root = list(range(len(names)))
    found = shared.keep((shared.pairs >= _SHARED) & (shared.agreed >= _AGREEMENT * shared.pairs))
    for one, other in zip(found.one.tolist(), found.other.tolist(), strict=True):
        low, high = sorted((root[one], root[other]))
        root = [low if r == high else r for r in root]
    size, ordered = (np.bincount(name_of[c], minlength=len(names)) for c in (counted, counted & (votes.order != 0)))
    groups: dict[int, list[int]] = {}
    for name, group in enumerate(root):
        groups.setdefault(group, []).append(name)
    known = {kind: place for place, kind in enumerate(_ORIGINALS)}
    sources = [name.partition("/")[0] for name in names]
    # A copy is most often under a name of its own; that it claims to know its orders, where one of many of a source does not, is no proof.
    beside = Counter(sources)

    def originality(name: int) -> tuple[int, int, int, int, str]:
        of_kind = known.get(kinds[name], len(known))
        return -int(size[name]), of_kind, -beside[sources[name]], -int(ordered[name]), names[name]

    return [sorted(group, key=originality) for group in groups.values() if len(group) > 1]


def _said(votes: Votes, name_of: Ints, counted: Bools) -> _Said:
    pair, name, label, order = (values[counted] for values in (votes.pair, name_of, votes.label, votes.order))
    orders = [np.bincount(name[order == o], minlength=int(name_of.max(initial=-1)) + 1) > 0 for o in (1, -1)]
    both = (orders[0] & orders[1])[name] & (order != 0)
    channel = np.concatenate([np.full(len(pair), _WHOLE), np.where(order > 0, _AB, _BA)[both]])
    pair, name, label = (np.concatenate([values, values[both]]) for values in (pair, name, label))
    (at, who, where), group = distinct(pair, name, channel)
    count = [np.bincount(group[label == vote], minlength=len(at)) for vote in (1, -1, 0)]
    base = int(max((int(c.max(initial=0)) for c in count), default=0)) + 1
    return _Said(at, who, where, np.sign(count[0] - count[1]), (count[0] * base + count[1]) * base + count[2])


def _shared(said: _Said, pools: Bools) -> _Shared:
    heard = np.bincount(said.pair, minlength=1)
    said = said.keep(heard[said.pair] <= _VOTERS * _CHANNELS)
    # Added up one distance after another: all meetings at once are several times the votes.
    found = [_counted(*_met(said, pools, left, right)) for left, right in neighbours(said.pair)]
    columns = zip(*found, strict=True) if found else [[np.zeros(0, np.int64)]] * 3
    keys, pairs, agreed = _counted(*(np.concatenate(column) for column in columns))
    two = keys // _CHANNELS**2
    most = np.zeros(len(keys), np.int64)
    _, place = np.unique(two, return_inverse=True)
    np.maximum.at(most, place, pairs)
    # A channel that hears little of what both say proves little.
    telling = pairs >= _MOST_OF * most[place]
    order = np.lexsort((keys, -agreed / pairs, ~telling, two))
    first = order[np.unique(two[order], return_index=True)[1]]
    return _Shared(two[first] // len(pools), two[first] % len(pools), pairs[first], agreed[first])


def _counted(key: Ints, pairs: Ints, agreed: Ints) -> tuple[Ints, Ints, Ints]:
    """Each key once, with the sums of what its entries count."""
    keys, inverse = np.unique(key, return_inverse=True)
    summed = [np.bincount(inverse, counts, len(keys)).astype(np.int64) for counts in (pairs, agreed)]
    return keys, summed[0], summed[1]


def _met(said: _Said, pools: Bools, left: Ints, right: Ints) -> tuple[Ints, Ints, Bools]:
    """Where two names speak of one pair: which, in which channels; one pair each; and whether they say the same."""
    meets = said.name[left] != said.name[right]
    left, right = left[meets], right[meets]
    one, other = said.name[left], said.name[right]
    key = ((one * len(pools) + other) * _CHANNELS + said.channel[left]) * _CHANNELS + said.channel[right]
    votes, tallies = (v[left] == v[right] for v in (said.vote, said.tally))
    return key, np.ones(len(key), np.int64), np.where(pools[one] | pools[other], tallies, votes)
