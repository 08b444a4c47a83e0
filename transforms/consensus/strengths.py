"""What is said of a response elsewhere: the other pairs of its prompt in which it is compared.

Who beats three others is likelier to beat the fourth (Bradley and Terry 1952). Of each response the mean of what is said of it in its other
pairs is taken: where all responses of a prompt are compared with each other that is the least-squares solution (Borda's count; Jiang
et al. 2011, HodgeRank), and elsewhere it is near, at the cost of a sum. A pair never speaks about itself.

How much that is worth is learned without gold: each act is predicted from what *other* voices say in *other* pairs, so that one annotator's
consistency with itself, or one ranking cut into pairs, proves nothing. It differs from Bradley and Terry in that strengths are not fitted by
likelihood, and in that one number for all prompts says how far to trust them.
"""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.consensus.acts import Acts
from prefcurate.transforms.consensus.calibrate import log_chance
from prefcurate.transforms.consensus.votes import Bools, Floats, Ints, Sides, distinct

_PRIOR_PAIRS = 1.0
"""Pairs' worth of no difference that every response starts with."""
_MOST = 3.0
"""What a pair says of its responses, in log-odds, is taken as this much at most."""
_NOTHING = 1e-9
_WORTHS = np.concatenate([[0.0], np.round(np.exp(np.linspace(np.log(0.1), np.log(10.0), 60)), 6)])
_RIDGE = 2.0


@dataclass(frozen=True, eq=False)
class _Sums:
    """What is said for each response, and in how many pairs."""

    said: Floats
    pairs: Floats


def leaning(margin: Floats, sides: Sides) -> Floats:
    """How far a pair's responses lean towards a in the other pairs of their prompt; 0 where there are none.

    Args:
        margin: of each pair, the log-odds that a is better by what is said of this pair; 0 where nothing is.
        sides: the responses of each pair.
    """
    a, b, responses = _numbered(sides)
    margin = np.clip(margin, -_MOST, _MOST)
    # Opinions that cancel out leave some last bits, which depend on the order of their names.
    heard = (np.abs(margin) > _NOTHING).astype(np.float64)
    total = _sums(a, b, margin, heard, responses)
    said = (total.said[a] - margin, total.said[b] + margin)
    pairs = (total.pairs[a] - heard, total.pairs[b] - heard)
    lean: Floats = said[0] / (pairs[0] + _PRIOR_PAIRS) - said[1] / (pairs[1] + _PRIOR_PAIRS)
    return lean


def fit_worth(acts: Acts, told: Floats, sides: Sides, chosen: Bools) -> float:
    """What a unit of leaning is worth, in log-odds: the value under which acts are likeliest, seen from other voices in other pairs.

    Args:
        acts: without gold.
        told: of each act, the log-odds that a is better.
        sides: the responses of each pair.
        chosen: the pairs whose acts are predicted: a sample, where there are very many.
    """
    seen = from_others(acts, told, sides)
    useful = (seen != 0) & (told != 0) & chosen[acts.pair]
    seen, told = seen[useful], told[useful]
    likelihood = [
        float(np.sum(np.logaddexp(log_chance(worth * seen) + log_chance(told), log_chance(-worth * seen) + log_chance(-told))))
        - _RIDGE * worth
        for worth in _WORTHS
    ]  # fmt: skip
    return float(_WORTHS[int(np.argmax(likelihood))])


def from_others(acts: Acts, told: Floats, sides: Sides) -> Floats:
    """The leaning of each act's pair by what other voices say in its responses' other pairs."""
    a, b, responses = _numbered(sides)
    heard = np.bincount(acts.pair, minlength=len(a))[acts.pair]
    share, said = 1.0 / heard, np.clip(told, -_MOST, _MOST) / np.sqrt(heard)
    left, right = a[acts.pair], b[acts.pair]
    everybody = _sums(left, right, said, share, responses)
    (_, _), voiced = distinct(np.concatenate([acts.voice, acts.voice]), np.concatenate([left, right]))
    of_left, of_right = voiced[: len(left)], voiced[len(left) :]
    own = _sums(of_left, of_right, said, share, int(voiced.max()) + 1)
    pair_said = np.bincount(acts.pair, weights=said, minlength=len(a))
    # A voice has one act a pair, or is a crowd whose acts are different people: both are taken out once.
    (_, _), at_pair = distinct(acts.voice, acts.pair)
    voice_said, voice_share = np.bincount(at_pair, weights=said)[at_pair], np.bincount(at_pair, weights=share)[at_pair]
    others_said, others_share = pair_said[acts.pair] - voice_said, 1.0 - voice_share
    for_a = everybody.said[left] - own.said[of_left] - others_said
    for_b = everybody.said[right] - own.said[of_right] + others_said
    pairs_a = everybody.pairs[left] - own.pairs[of_left] - others_share
    pairs_b = everybody.pairs[right] - own.pairs[of_right] - others_share
    found = for_a / (pairs_a + _PRIOR_PAIRS) - for_b / (pairs_b + _PRIOR_PAIRS)
    return np.where(np.maximum(pairs_a, pairs_b) > 1e-9, found, 0.0)


def _numbered(sides: Sides) -> tuple[Ints, Ints, int]:
    known, place = np.unique(np.concatenate([sides.a, sides.b]), return_inverse=True)
    return place[: len(sides.a)], place[len(sides.a) :], len(known)


def _sums(a: Ints, b: Ints, said: Floats, share: Floats, responses: int) -> _Sums:
    def both(sign: float, values: Floats) -> Floats:
        found: Floats = np.bincount(a, weights=values, minlength=responses) + sign * np.bincount(
            b, weights=values, minlength=responses
        )
        return found

    return _Sums(both(-1.0, said), both(1.0, share))
