"""What of each annotator's figures excludes chance, and is large enough to matter."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.report.quality.chance import (
    FALSE_ALARMS,
    FEWEST_PEERS,
    Usual,
    can_tell,
    corrected,
    unusual,
    upper,
    usual,
)
from prefcurate.transforms.report.quality.leanings import FIRST, FOLLOWS, FORMATTED, LONGER
from prefcurate.transforms.report.quality.measured import Measured, measure
from prefcurate.transforms.report.quality.opinions import FEWEST, Bools, Floats, Opinions

CHECKS = (
    "against_others", "guessing", "one_answer", "first_shown", "second_shown", "longer", "shorter", "formatted", "plain",
    "streaks", "alternating", "too_fast", "worse_later", "better_later", "copy",
)  # fmt: skip
"""What can be found, the gravest first."""
# With thousands of answers what is no matter excludes chance too: from these sizes on something is said.
_GUESSING = 0.5
_LEANS = 0.2
_STREAKS = 0.1
_ONE_ANSWER = 0.85
_DRIFTS = 0.25
_HASTY = 0.5
_Z = 1.645
_FULLY, _HALF = 0.8, 0.5
"""Sizes of effects that whoever is tested must be able to show."""


@dataclass(frozen=True, eq=False)
class Quality:
    """What is measured of the annotators, and what is found of each; one entry an annotator.

    Attributes:
        measured: the figures.
        q: by check, the false discovery rate at which it is called; NaN where it was not looked for.
        found: by check, whether it is: its rate is below `FALSE_ALARMS` and its size is worth a word.
    """

    measured: Measured
    q: Mapping[str, Floats]
    found: Mapping[str, Bools]


def find_quality(opinions: Opinions) -> Quality:
    """Everything about every annotator."""
    measured = measure(opinions)
    n, group = measured.opinions.counts, measured.group
    tested = _Tested.nothing(measured.opinions.many)
    for one in np.unique(group).tolist():
        among = (group == one) & (n >= FEWEST) & ~measured.pool
        _follows(measured, among, tested)
        _leans(measured, among, tested)
        _answers_alike(measured, among, tested)
        # A machine answers each question as if it were its first.
        if measured.opinions.annotators[int(np.argmax(group == one))][1] == "person":
            _in_streaks(measured, among, tested)
            _drifts(measured, among, tested)
    q = {check: corrected(p) for check, p in tested.p.items()} | {"copy": measured.copies.q}
    big = tested.big | {"copy": ~measured.pool}
    found = {check: big[check] & (np.nan_to_num(q[check], nan=1.0) < FALSE_ALARMS) for check in CHECKS}
    return Quality(measured, q, found)


def checks_of(quality: Quality, annotator: int) -> tuple[str, ...]:
    """What is found of one annotator, the gravest first."""
    return tuple(check for check in CHECKS if quality.found[check][annotator])


@dataclass(frozen=True, eq=False)
class _Tested:
    """By check and annotator: the p-value, NaN where it was not looked for, and whether the effect is large enough."""

    p: dict[str, Floats]
    big: dict[str, Bools]

    @classmethod
    def nothing(cls, many: int) -> "_Tested":
        return cls({c: np.full(many, np.nan) for c in CHECKS}, {c: np.zeros(many, bool) for c in CHECKS})

    def add(self, check: str, who: Bools, p: Floats, big: Bools) -> None:
        self.p[check][who] = p[who]
        self.big[check][who] = big[who]


def _follows(measured: Measured, among: Bools, tested: _Tested) -> None:
    """Who follows the others much less than is usual, or goes against them; and who is too quick to do as well as usual."""
    value, error = measured.leaning.value[:, FOLLOWS], measured.leaning.error[:, FOLLOWS]
    among = among & np.isfinite(error)
    middle = usual(value[among], error[among]).middle
    telling = can_tell(error, middle)
    if among.sum() < FEWEST_PEERS:
        # Among few, who differ, only who does not reach half of the middle is called.
        guessing = np.where(telling, upper((_GUESSING * middle - value) / error), np.nan)
    else:
        guessing = unusual(value, error, among, middle).low
    tested.add("guessing", among, guessing, value < _GUESSING * middle)
    tested.add("against_others", among & telling, upper(-value / error), value < 0)
    hurried = measured.hurried
    slips = (hurried.hasty > _HASTY * hurried.timed) & (value + _Z * error < middle)
    tested.add("too_fast", among & (hurried.timed >= FEWEST), hurried.p, slips)


def _leans(measured: Measured, among: Bools, tested: _Tested) -> None:
    """Who leans to a place, to length or to looks further than is usual; to a place that is drawn, than nobody should."""
    drawn = measured.opinions.drawn
    for column, up, down in (
        (FIRST, "first_shown", "second_shown"),
        (LONGER, "longer", "shorter"),
        (FORMATTED, "formatted", "plain"),
    ):
        for part, middle in ((among & drawn, 0.0), (among & ~drawn, None)) if column == FIRST else ((among, None),):
            _lean(measured, column, part, middle, (up, down), tested)


def _lean(
    measured: Measured, column: int, among: Bools, middle: float | None, checks: tuple[str, str], tested: _Tested
) -> None:
    leaning = measured.leaning
    value, error = leaning.value[:, column], leaning.error[:, column]
    own, own_error = leaning.own[:, column], leaning.own_error[:, column]
    if middle is None and among.sum() < FEWEST_PEERS:
        # Few annotators differ too much in all else for a usual one to be known: their own slopes are compared.
        value, error = own, own_error
    told = unusual(value, error, among, _FULLY, middle)
    further = value - told.usual.middle
    typical = usual(own[among], own_error[among], middle).middle
    # Who follows nobody leans less to what is better, and that is often the longer: own slopes must say so too.
    surely = (own - typical) / own_error
    up, down = checks
    tested.add(up, among, told.high, (further > _LEANS) & (surely > _Z) & (own > _LEANS / 2))
    tested.add(down, among, told.low, (further < -_LEANS) & (surely < -_Z) & (own < -_LEANS / 2))


def _answers_alike(measured: Measured, among: Bools, tested: _Tested) -> None:
    """Who gives nearly always one answer: the first, the second, or a tie."""
    share, n = measured.answered.share, measured.answered.n
    chances = []
    for answer in range(share.shape[1]):
        # Whose variance is the same whatever the share (Anscombe 1948).
        value = np.arcsin(np.sqrt((share[:, answer] * n + 0.375) / (n + 0.75)))
        error = 0.5 / np.sqrt(n + 0.5)
        known = usual(value[among], error[among])
        if among.sum() < FEWEST_PEERS:
            # Nothing is usual among few: it must surely be more than two answers of three.
            known = Usual(float(np.arcsin(np.sqrt(2 / 3))), 0.0)
        chance = upper((value - known.middle) / np.sqrt(error**2 + known.spread**2))
        chances.append(np.where(share[:, answer] >= _ONE_ANSWER, chance, 1.0))
    p = np.minimum(1.0, len(chances) * np.min(chances, axis=0))
    tested.add("one_answer", among, p, share.max(axis=1) >= _ONE_ANSWER)


def _in_streaks(measured: Measured, among: Bools, tested: _Tested) -> None:
    streak = measured.streak
    mine = among & (streak.steps >= FEWEST - 1)
    spread = usual(streak.excess[mine], streak.error[mine], 0.0).spread if mine.sum() >= FEWEST_PEERS else 0.0
    error = np.sqrt(streak.error**2 + spread**2)
    mine &= can_tell(error, _HALF)
    tested.add("streaks", mine, upper(streak.excess / error), streak.excess > _STREAKS)
    tested.add("alternating", mine, upper(-streak.excess / error), streak.excess < -_STREAKS)


def _drifts(measured: Measured, among: Bools, tested: _Tested) -> None:
    better, error = measured.drifted.late - measured.drifted.early, measured.drifted.error
    mine = among & can_tell(error, _FULLY)
    tested.add("worse_later", mine, upper(-better / error), better < -_DRIFTS)
    tested.add("better_later", mine, upper(better / error), better > _DRIFTS)
