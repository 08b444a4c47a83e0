"""What all others say of the pair that an annotator labelled: the yardstick where there is no gold."""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.report.quality.opinions import NO_GOLD, Floats, Ints, Opinions

_ROUNDS = 8
_PRIOR_UNITS = 5.0
_MOST = 0.9
_GOLD = 0.95


@dataclass(frozen=True, eq=False)
class Others:
    """What the others say of the pair of each opinion; one entry an opinion.

    Attributes:
        lean: -1 to 1, what others believe towards a; gold that others gave counts as nearly certain; 0 where nobody else says anything.
        family: whose opinions count as one, and are no others to each other.
    """

    lean: Floats
    family: Ints


def what_others_say(opinions: Opinions, family: Ints) -> Others:
    """The leaning of everybody else on each opinion's pair, each weighed by how far it follows *its* others.

    Votes of one family on a pair count as one. The weights are those of a one-coin model (Dawid & Skene 1979, with one accuracy an
    annotator), fitted by leaving everybody out of its own yardstick instead of by EM; n votes on a pair weigh as the square root of n, since they
    share errors; nobody is believed the other way round. It is not the stage consensus's model: an annotator who is
    suspected must be measured by the others alone, on every attribute, and under whatever policy.

    Args:
        opinions: all of them.
        family: of each opinion; copies may be put together.
    """
    families = int(family.max()) + 1 if len(family) else 0
    keys, unit = np.unique(opinions.item * max(1, families) + family, return_inverse=True)
    item, whose = keys // max(1, families), keys % max(1, families)
    vote = np.bincount(unit, weights=opinions.label) / np.maximum(1, np.bincount(unit))
    gold = np.full(len(keys), NO_GOLD)
    gold[unit] = opinions.gold
    items = int(item.max()) + 1 if len(item) else 0
    others = np.bincount(item, minlength=items)[item] - 1
    weight = np.full(families, 1.0)
    lean = np.zeros(len(keys))
    for _ in range(_ROUNDS):
        own = weight[whose] * vote
        total = np.bincount(item, weights=own, minlength=items)[item]
        lean = np.tanh((total - own) / 2 / np.sqrt(np.maximum(1, others)))
        lean = np.where(gold == NO_GOLD, lean, _GOLD * gold)
        weight = _weights(vote, lean, whose, families)
    return Others(lean[unit], family)


def _weights(vote: Floats, lean: Floats, whose: Ints, families: int) -> Floats:
    followed, told = vote * lean, lean**2
    usual = float(np.clip(followed.sum() / max(told.sum(), 1e-9), 0.1, _MOST))
    by_family = [np.bincount(whose, weights=values, minlength=families) for values in (followed, told)]
    share = (by_family[0] + _PRIOR_UNITS * usual) / (by_family[1] + _PRIOR_UNITS)
    share = np.clip(share, 0.0, _MOST)
    weights: Floats = np.log((1 + share) / (1 - share))
    return weights
