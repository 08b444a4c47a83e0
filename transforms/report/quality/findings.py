"""What is found of each annotator: every figure, and what of it excludes chance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from prefcurate.transforms.consensus.votes import distinct
from prefcurate.transforms.report.quality.chance import FEWEST_PEERS, Usual, can_tell, corrected, unusual, upper, usual
from prefcurate.transforms.report.quality.copies import ALIKE, twins
from prefcurate.transforms.report.quality.habits import (
    FEWEST,
    FIRST,
    FOLLOWS,
    FORMATTED,
    LONGER,
    Drift,
    Haste,
    Leanings,
    Shares,
    Streaks,
    drift,
    expected_answers,
    haste,
    leanings,
    shares,
    streaks,
)
from prefcurate.transforms.report.quality.opinions import Bools, Floats, Ints, Opinions
from prefcurate.transforms.report.quality.others import Others, what_others_say

FALSE_ALARMS = 0.05
"""The rate of false discoveries at which something is said of an annotator, for each sort of finding."""
CHECKS = (
    "against_others", "guessing", "one_answer", "first_shown", "second_shown", "longer", "shorter", "formatted", "plain",
    "streaks", "alternating", "too_fast", "worse_later", "better_later", "copy",
)  # fmt: skip
"""What can be found, the gravest first."""
_GUESSING = 0.5
_LEANS = 0.2
_STREAKS = 0.1
_ONE_ANSWER = 0.85
_DRIFTS = 0.25
_HASTY = 0.5
_Z = 1.645
_POOL_SHARE = 0.2
_FULLY, _HALF = 0.8, 0.5
"""Sizes of effects that whoever is tested must be able to show."""


@dataclass(frozen=True, eq=False)
class Quality:
    """All figures; one entry an annotator, in the order of `opinions.annotators`.

    Attributes:
        opinions, others, leaning, streak, answered, hurried, drifted: what they are computed from.
        q: by check, the false discovery rate at which it is called; NaN where it was not looked for.
        found: by check, whether it is: its rate is below `FALSE_ALARMS` and its size is worth a word.
        usual: by group of annotators, how far one usually follows the others.
        group: of each annotator: those of one source, kind and attribute are compared.
        pool: crowds under one name, who have given a pair several answers: nothing is said of them.
        placed: annotators of whose pairs it is known which response stands first.
        twin: of each annotator, whom it says the same as; -1 for nobody.
    """

    opinions: Opinions
    others: Others
    leaning: Leanings
    streak: Streaks
    answered: Shares
    hurried: Haste
    drifted: Drift
    q: Mapping[str, Floats]
    found: Mapping[str, Bools]
    usual: tuple[Usual, ...]
    group: Ints
    pool: Bools
    placed: Bools
    twin: Ints
    twin_shared: Ints
    twin_same: Ints


def find_quality(opinions: Opinions) -> Quality:
    """Everything about every annotator.

    Copies are looked for first and count as one from there on: two who guess alike would bear each other out.
    """
    group = _groups(opinions)
    others = what_others_say(opinions)
    leaning = leanings(opinions, others, group)
    copied = _copies(opinions, expected_answers(opinions, others, leaning))
    if (copied.twin >= 0).any():
        others = what_others_say(opinions, _merged(opinions, copied.twin))
        leaning = leanings(opinions, others, group)
    streak = streaks(opinions, expected_answers(opinions, others, leaning))
    answered, hurried, drifted = shares(opinions), haste(opinions, group), drift(opinions, others)
    made = Quality(
        opinions,
        others,
        leaning,
        streak,
        answered,
        hurried,
        drifted,
        {},
        {},
        (),
        group,
        _pools(opinions),
        _placed(opinions),
        copied.twin,
        copied.shared,
        copied.same,
    )
    return _called(made, copied.q)


def _pools(opinions: Opinions) -> Bools:
    """People's names under which a fifth of the pairs have answers of several acts: crowds without names of their own."""
    judged, _ = distinct(opinions.who, opinions.item, opinions.act)
    (who, _), pair = distinct(*judged[:2])
    several = np.bincount(who[np.bincount(pair, minlength=len(who)) > 1], minlength=opinions.many)
    person = np.array([kind == "person" for _, kind, *_ in opinions.annotators], bool)
    pools: Bools = person & (several >= _POOL_SHARE * np.maximum(1, np.bincount(who, minlength=opinions.many)))
    return pools


def _placed(opinions: Opinions) -> Bools:
    placed: Bools = opinions.sums((opinions.first != 0) * 1.0) > opinions.counts / 2
    return placed


def _groups(opinions: Opinions) -> Ints:
    keys = [(kind, source, attribute) for _, kind, source, attribute in opinions.annotators]
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.array([places[key] for key in keys], np.int64)


@dataclass(frozen=True, eq=False)
class _Copied:
    twin: Ints
    shared: Ints
    same: Ints
    q: Floats


def _copies(opinions: Opinions, expected: Floats) -> _Copied:
    found = twins(opinions, expected)
    q = corrected(found.p, np.ones(len(found.p), bool))
    twin, shared, same = (
        np.full(opinions.many, -1),
        np.zeros(opinions.many, np.int64),
        np.zeros(opinions.many, np.int64),
    )
    best = np.full(opinions.many, np.nan)
    told = (q < FALSE_ALARMS) & (found.same >= ALIKE * found.shared)
    for i in sorted(np.flatnonzero(told).tolist(), key=lambda i: (found.shared[i], found.same[i])):
        for one, other in ((found.one[i], found.other[i]), (found.other[i], found.one[i])):
            twin[one], shared[one], same[one], best[one] = other, found.shared[i], found.same[i], q[i]
    return _Copied(twin, shared, same, best)


def _merged(opinions: Opinions, twin: Ints) -> Ints:
    """Families with those of copies put together."""
    of = np.zeros(opinions.many, np.int64)
    of[opinions.who] = opinions.family
    root = np.arange(int(opinions.family.max()) + 1)
    for one in np.flatnonzero(twin >= 0).tolist():
        low, high = sorted((root[of[one]], root[of[twin[one]]]))
        root = np.where(root == high, low, root)
    merged: Ints = root[opinions.family]
    return merged


def _called(made: Quality, copied: Floats) -> Quality:
    opinions, n = made.opinions, made.opinions.counts
    many = opinions.many
    p = {check: np.full(many, np.nan) for check in CHECKS}
    big = {check: np.zeros(many, bool) for check in CHECKS}
    groups = []
    # A machine answers each question as if it were its first.
    by_people = {int(g) for g, (_, kind, *_) in zip(made.group, opinions.annotators, strict=True) if kind == "person"}
    for one in range(int(made.group.max()) + 1 if many else 0):
        among = (made.group == one) & (n >= FEWEST) & ~made.pool
        groups.append(_follows(made, among, p, big))
        _leans(made, among, p, big)
        _answers_alike(made, among, p, big)
        if one in by_people:
            _in_streaks(made, among, p, big)
            _drifts(made, among, p, big)
    everyone = np.ones(many, bool)
    q = {check: corrected(p[check], everyone) for check in CHECKS}
    q["copy"], big["copy"] = copied, np.isfinite(copied) & ~made.pool
    found = {check: big[check] & (np.nan_to_num(q[check], nan=1.0) < FALSE_ALARMS) for check in CHECKS}
    return replace(made, q=q, found=found, usual=tuple(groups))


def _follows(made: Quality, among: Bools, p: dict[str, Floats], big: dict[str, Bools]) -> Usual:
    """Who follows the others much less than is usual, or goes against them; and who is too quick to do as well as usual."""
    value, error = made.leaning.value[:, FOLLOWS], made.leaning.error[:, FOLLOWS]
    among = among & np.isfinite(error)
    middle = usual(value[among], error[among]).middle
    told = unusual(value, error, among, middle)
    few = among.sum() < FEWEST_PEERS
    # Among few, who differ, only who does not reach half of the middle is called.
    half = np.where(can_tell(error, middle), upper((_GUESSING * middle - value) / error), np.nan)
    p["guessing"][among] = (half if few else told.low)[among]
    against = among & can_tell(error, middle)
    p["against_others"][against] = upper(-value / error)[against]
    big["against_others"] |= among & (value < 0)
    big["guessing"] |= among & (value < _GUESSING * middle)
    hurried = among & (made.hurried.timed >= FEWEST)
    p["too_fast"][hurried] = made.hurried.p[hurried]
    big["too_fast"] |= hurried & (made.hurried.hasty > _HASTY * made.hurried.timed) & (value + _Z * error < middle)
    return told.usual


def _leans(made: Quality, among: Bools, p: dict[str, Floats], big: dict[str, Bools]) -> None:
    """Who leans to a place, to length or to looks further than is usual; to a place that is drawn, than nobody should."""
    drawn = made.opinions.sums(made.opinions.shown * 1.0) > made.opinions.counts / 2
    for column, up, down in (
        (FIRST, "first_shown", "second_shown"),
        (LONGER, "longer", "shorter"),
        (FORMATTED, "formatted", "plain"),
    ):
        value, error, own, own_error = (
            getattr(made.leaning, name)[:, column] for name in ("value", "error", "own", "own_error")
        )
        parts = ((among & drawn, 0.0), (among & ~drawn, None)) if column == FIRST else ((among, None),)
        for part, middle in parts:
            # Few annotators differ too much in all else for a usual one to be known: their own slopes are compared.
            few = middle is None and part.sum() < FEWEST_PEERS
            seen = own if few else value
            told = unusual(seen, own_error if few else error, part, _FULLY, middle)
            p[up][part], p[down][part] = told.high[part], told.low[part]
            further = seen - told.usual.middle
            typical = usual(own[part & np.isfinite(own_error)], own_error[part & np.isfinite(own_error)], middle).middle
            with np.errstate(invalid="ignore"):
                # Who follows nobody leans less to what is better, and that is often the longer: own slopes must say so too.
                surely = np.where(np.isfinite(own_error), (own - typical) / own_error, 0.0)
            big[up] |= part & (further > _LEANS) & (surely > _Z) & (own > _LEANS / 2)
            big[down] |= part & (further < -_LEANS) & (surely < -_Z) & (own < -_LEANS / 2)


def _answers_alike(made: Quality, among: Bools, p: dict[str, Floats], big: dict[str, Bools]) -> None:
    """Who gives nearly always one answer: the first, the second, or a tie."""
    for answer in range(made.answered.share.shape[1]):
        share, n = made.answered.share[:, answer], made.answered.n
        # Whose variance is the same whatever the share (Anscombe 1948).
        value = np.arcsin(np.sqrt((share * n + 0.375) / (n + 0.75)))
        error = 0.5 / np.sqrt(n + 0.5)
        known = usual(value[among], error[among])
        if among.sum() < FEWEST_PEERS:
            # Nothing is usual among few: it must surely be more than two answers of three.
            known = Usual(float(np.arcsin(np.sqrt(2 / 3))), 0.0)
        told = upper((value - known.middle) / np.sqrt(error**2 + known.spread**2))
        p["one_answer"][among] = np.fmin(p["one_answer"][among], np.minimum(1.0, 3 * told[among]))
        big["one_answer"] |= among & (share >= _ONE_ANSWER)


def _in_streaks(made: Quality, among: Bools, p: dict[str, Floats], big: dict[str, Bools]) -> None:
    streak = made.streak
    mine = among & (streak.steps >= FEWEST - 1) & np.isfinite(streak.z)
    spread = (
        usual(streak.excess[mine], (streak.excess / streak.z)[mine], 0.0).spread if mine.sum() >= FEWEST_PEERS else 0.0
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        together = np.sqrt(np.where(streak.z == 0, 1.0, streak.excess / streak.z) ** 2 + spread**2)
        z = streak.excess / together
    mine &= can_tell(together, _HALF)
    p["streaks"][mine], p["alternating"][mine] = upper(z)[mine], upper(-z)[mine]
    big["streaks"] |= mine & (streak.excess > _STREAKS)
    big["alternating"] |= mine & (streak.excess < -_STREAKS)


def _drifts(made: Quality, among: Bools, p: dict[str, Floats], big: dict[str, Bools]) -> None:
    drifted = made.drifted
    mine = among & np.isfinite(drifted.z) & can_tell(drifted.error, _FULLY)
    p["worse_later"][mine], p["better_later"][mine] = upper(-drifted.z)[mine], upper(drifted.z)[mine]
    big["worse_later"] |= mine & (drifted.late - drifted.early < -_DRIFTS)
    big["better_later"] |= mine & (drifted.late - drifted.early > _DRIFTS)


def checks_of(made: Quality, annotator: int) -> tuple[str, ...]:
    """What is found of one annotator, the gravest first."""
    return tuple(check for check in CHECKS if made.found[check][annotator])
