"""The figures of each annotator as rows: of the table `annotator_quality`, and of the page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.intervals import Z
from prefcurate.transforms.report.alpha import Estimate
from prefcurate.transforms.report.quality.agreement import AgainstAll, Agreed, kappas_with_others, with_others
from prefcurate.transforms.report.quality.findings import CHECKS, Quality, checks_of
from prefcurate.transforms.report.quality.leanings import FIRST, FOLLOWS, FORMATTED, LONGER
from prefcurate.transforms.report.quality.words import sentence

_DIGITS = 6


@dataclass(frozen=True)
class AnnotatorQuality:
    """A row of the table `annotator_quality`; see the columns there."""

    annotator: str
    kind: str
    source: str
    attribute: str
    rank: int | None
    findings: tuple[str, ...]
    said: str
    n: int
    compared: int
    agreement: float | None
    agreement_low: float | None
    agreement_high: float | None
    usual_agreement: float | None
    kappa_linear: float | None
    kappa_quadratic: float | None
    kappa_low: float | None
    kappa_high: float | None
    follows: float | None
    follows_low: float | None
    follows_high: float | None
    first_leaning: float | None
    longer_leaning: float | None
    formatted_leaning: float | None
    first_share: float | None
    tie_share: float | None
    longest_run: int | None
    repeats: float | None
    usual_repeats: float | None
    seconds: float | None
    usual_seconds: float | None
    hasty_share: float | None
    early: float | None
    late: float | None
    order: str
    copy_of: str | None
    copy_shared: int | None
    false_discovery_rate: float | None


def annotator_rows(quality: Quality) -> tuple[AnnotatorQuality, ...]:
    """One row an annotator and attribute, in key order; crowds under one name have none."""
    measured = quality.measured
    agreed, kappas = with_others(measured), kappas_with_others(measured)
    places = [i for i in range(measured.opinions.many) if not measured.pool[i]]
    rank = {i: place for place, i in enumerate(_by_gravity(quality, places), 1)}
    return tuple(_row(quality, i, rank.get(i), agreed[i], kappas[i]) for i in places)


def quality_table(rows: Sequence[AnnotatorQuality]) -> pa.Table:
    """The rows of the table `annotator_quality`; they are about no prompt."""
    schema = TABLES["annotator_quality"].schema
    return pa.Table.from_pylist([asdict(row) | {"prompt_id": ""} for row in rows], schema=schema)


def _by_gravity(quality: Quality, places: Sequence[int]) -> list[int]:
    """Those of whom something is found: the gravest kind of finding first, of one kind the one with most opinions."""
    n = quality.measured.opinions.counts
    found = {i: checks_of(quality, i) for i in places}
    return sorted((i for i in places if found[i]), key=lambda i: (CHECKS.index(found[i][0]), -n[i], i))


def _row(quality: Quality, i: int, rank: int | None, agreed: Agreed, kappas: AgainstAll) -> AnnotatorQuality:
    measured = quality.measured
    name, kind, source, attribute = measured.opinions.annotators[i]
    findings = checks_of(quality, i)
    value = measured.leaning.value[i]
    # Infinite where its pairs cannot tell, and then there is no value either.
    error = measured.leaning.error[i]
    follows, wide = value[FOLLOWS], Z * error[FOLLOWS] if agreed.compared else np.inf
    drifted, streak, hurried = measured.drifted, measured.streak, measured.hurried
    steps, timed, copied = streak.steps[i], hurried.timed[i], measured.copies.of[i]
    linear, quadratic = kappas.linear or _UNKNOWN, kappas.quadratic or _UNKNOWN
    row = AnnotatorQuality(
        annotator=name,
        kind=kind,
        source=source,
        attribute=attribute,
        rank=rank,
        findings=findings,
        said="",
        n=int(measured.opinions.counts[i]),
        compared=agreed.compared,
        agreement=_told(agreed.share),
        agreement_low=_told(agreed.low),
        agreement_high=_told(agreed.high),
        usual_agreement=_told(agreed.usual),
        kappa_linear=_told(linear.value),
        kappa_quadratic=_told(quadratic.value),
        kappa_low=_told(quadratic.low),
        kappa_high=_told(quadratic.high),
        follows=_known(follows, wide),
        follows_low=_told(follows - wide),
        follows_high=_told(follows + wide),
        first_leaning=_known(value[FIRST], error[FIRST]),
        longer_leaning=_known(value[LONGER], error[LONGER]),
        formatted_leaning=_known(value[FORMATTED], error[FORMATTED]),
        first_share=_told(measured.answered.share[i, 0]) if measured.placed[i] else None,
        tie_share=_told(measured.answered.share[i, 1]),
        longest_run=int(streak.longest[i]) if steps else None,
        repeats=_told(streak.repeats[i] / steps) if steps else None,
        usual_repeats=_told(streak.repeats[i] / steps - streak.excess[i]) if steps else None,
        seconds=_told(hurried.median[i]),
        usual_seconds=_told(hurried.usual[i]),
        hasty_share=_told(hurried.hasty[i] / timed) if timed else None,
        early=_known(drifted.early[i], drifted.error[i]),
        late=_known(drifted.late[i], drifted.error[i]),
        order="time" if measured.opinions.timed[i] else "file",
        copy_of=measured.opinions.annotators[copied][0] if copied >= 0 else None,
        copy_shared=int(measured.copies.shared[i]) if copied >= 0 else None,
        false_discovery_rate=min((_told(quality.q[check][i]) or 0.0 for check in findings), default=None),
    )
    return replace(row, said=sentence(row))


_UNKNOWN = Estimate(float("nan"), None, None)


def _known(value: float, error: float) -> float | None:
    return _told(value) if np.isfinite(error) else None


def _told(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), _DIGITS)
