"""The figures of each annotator as rows: of the table `annotator_quality`, and of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.consensus.votes import distinct
from prefcurate.transforms.intervals import wilson
from prefcurate.transforms.report.alpha import FEWEST_PROMPTS, PREFERENCES, replicates
from prefcurate.transforms.report.quality.findings import CHECKS, Quality, checks_of
from prefcurate.transforms.report.quality.habits import FEWEST, FIRST, FOLLOWS, FORMATTED, LONGER
from prefcurate.transforms.report.quality.kappa import Kappa, mean_kappa, weighted_kappa
from prefcurate.transforms.report.quality.opinions import Floats, Opinions
from prefcurate.transforms.report.quality.words import sentence

_DIGITS = 6
_Z = 1.959964
_CLEARNESS = 10
_BATCH = 4096
KAPPA_INTERVALS = 200
"""Annotators whose kappa has an interval: those with most opinions."""


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
    agreed, kappas = _agreement(quality), _kappas(quality)
    places = [i for i in range(quality.opinions.many) if not quality.pool[i]]
    rank = {i: place for place, i in enumerate(_by_gravity(quality, places), 1)}
    return tuple(_row(quality, i, rank.get(i), agreed[i], kappas[i]) for i in places)


def quality_table(rows: Sequence[AnnotatorQuality]) -> pa.Table:
    """The rows of the table `annotator_quality`; they are about no prompt."""
    schema = TABLES["annotator_quality"].schema
    return pa.Table.from_pylist([asdict(row) | {"prompt_id": ""} for row in rows], schema=schema)


def label_kappas(quality: Quality) -> dict[tuple[str, str, str], Kappa]:
    """Mean kappa of the couples of each source, kind and attribute; an annotator's orders and samples on a pair are one answer."""
    opinions = quality.opinions
    kept = ~quality.pool[opinions.who]
    (who, item), unit = distinct(opinions.who[kept], opinions.item[kept])
    value = np.sign(np.bincount(unit, weights=opinions.label[kept], minlength=len(who))).astype(np.int64) + 1
    prompt = np.zeros(len(who), np.int64)
    prompt[unit] = opinions.prompt[kept]
    found = {}
    for one in np.unique(quality.group).tolist():
        mine = quality.group[who] == one
        kappa = mean_kappa(who[mine], item[mine], prompt[mine], value[mine], np.array(PREFERENCES))
        if kappa is not None:
            _, kind, source, attribute = opinions.annotators[int(np.flatnonzero(quality.group == one)[0])]
            found[source, kind, attribute] = kappa
    return found


def _by_gravity(quality: Quality, places: Sequence[int]) -> list[int]:
    """Those of whom something is found: the gravest kind of finding first, of one kind the one with most opinions."""
    n = quality.opinions.counts
    found = {i: checks_of(quality, i) for i in places}
    return sorted((i for i in places if found[i]), key=lambda i: (CHECKS.index(found[i][0]), -n[i], i))


def _row(
    quality: Quality,
    i: int,
    rank: int | None,
    agreed: Mapping[str, Any],
    kappas: Mapping[str, Any],
) -> AnnotatorQuality:
    opinions = quality.opinions
    name, kind, source, attribute = opinions.annotators[i]
    findings = checks_of(quality, i)
    rates = [float(quality.q[check][i]) for check in findings]
    found: dict[str, Any] = {
        "annotator": name,
        "kind": kind,
        "source": source,
        "attribute": attribute,
        "rank": rank,
        "findings": findings,
        "said": "",
        "n": int(opinions.counts[i]),
        "order": "time" if opinions.timed[i] else "file",
        "false_discovery_rate": _told(min(rates)) if rates else None,
    }
    row = AnnotatorQuality(
        **found,
        **agreed,
        **kappas,
        **_leans(quality, i, int(agreed["compared"] or 0)),
        **_habits(quality, i),
        **_copied(quality, i),
    )
    return replace(row, said=sentence(row))


def _leans(quality: Quality, i: int, compared: int) -> dict[str, Any]:
    value, error = quality.leaning.value[i], quality.leaning.error[i]
    known = compared > 0 and bool(np.isfinite(error[FOLLOWS]))
    follows, wide = float(value[FOLLOWS]), _Z * float(error[FOLLOWS])
    leans = {"first_leaning": FIRST, "longer_leaning": LONGER, "formatted_leaning": FORMATTED}
    enough = quality.opinions.counts[i] >= FEWEST
    return {
        "follows": _told(follows) if known else None,
        "follows_low": _told(follows - wide) if known else None,
        "follows_high": _told(follows + wide) if known else None,
        **{name: _told(float(value[c])) if np.isfinite(error[c]) else None for name, c in leans.items()},
        "first_share": _told(float(quality.answered.share[i, 0])) if quality.placed[i] else None,
        "tie_share": _told(float(quality.answered.share[i, 1])),
        "early": _told(float(quality.drifted.early[i])) if enough else None,
        "late": _told(float(quality.drifted.late[i])) if enough else None,
    }


def _habits(quality: Quality, i: int) -> dict[str, Any]:
    streak, hurried = quality.streak, quality.hurried
    timed, steps = int(hurried.timed[i]), float(streak.steps[i])
    repeats = float(streak.repeats[i]) / steps if steps else None
    return {
        "longest_run": int(streak.longest[i]) if steps else None,
        "repeats": _told(repeats),
        "usual_repeats": None if repeats is None else _told(repeats - float(streak.excess[i])),
        "seconds": _told(float(hurried.median[i])) if timed else None,
        "usual_seconds": _told(float(hurried.usual[i])) if timed else None,
        "hasty_share": _told(float(hurried.hasty[i]) / timed) if timed else None,
    }


def _copied(quality: Quality, i: int) -> dict[str, Any]:
    twin = int(quality.twin[i])
    if twin < 0:
        return {"copy_of": None, "copy_shared": None}
    return {"copy_of": quality.opinions.annotators[twin][0], "copy_shared": int(quality.twin_shared[i])}


def _told(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, _DIGITS)


def _agreement(quality: Quality) -> list[dict[str, Any]]:
    """Of each annotator: preferences that can be compared, the share with the others' side, its interval, and what is usual."""
    opinions, lean = quality.opinions, quality.others.lean
    counted = (opinions.label != 0) & (np.abs(lean) > 1e-9)
    same = counted & (opinions.label * lean > 0)
    clear = (
        np.minimum((np.abs(lean) * _CLEARNESS).astype(np.int64), _CLEARNESS - 1)
        + _CLEARNESS * quality.group[opinions.who]
    )
    size = (int(quality.group.max(initial=0)) + 1) * _CLEARNESS
    # Every answer counts for what is usual, also those of who is found out: they are few.
    usual = np.bincount(clear[counted], weights=same[counted], minlength=size) / np.maximum(
        1, np.bincount(clear[counted], minlength=size)
    )
    n, right = opinions.sums(counted * 1.0), opinions.sums(same * 1.0)
    hoped = opinions.sums(counted * usual[clear])
    acts = _acts(opinions, counted)
    found: list[dict[str, Any]] = []
    names = ("agreement", "agreement_low", "agreement_high", "usual_agreement")
    for i in range(opinions.many):
        told: tuple[float | None, ...] = (None,) * len(names)
        if n[i]:
            share = float(right[i] / n[i])
            told = tuple(map(_told, (share, *wilson(share, float(acts[i])), float(hoped[i] / n[i]))))
        found.append({"compared": int(n[i]), **dict(zip(names, told, strict=True))})
    return found


def _acts(opinions: Opinions, counted: Floats) -> Floats:
    """How many acts each annotator's counted opinions come from: labels of one ranking tell as much as one."""
    (whose, _), _ = distinct(opinions.who[counted], opinions.act[counted])
    acts: Floats = np.bincount(whose, minlength=opinions.many)
    return acts


def _kappas(quality: Quality) -> list[dict[str, Any]]:
    """Linear and quadratic kappa of each annotator and everybody else on the same pairs, and the interval of the latter.

    Cohen's (1968), of an annotator and the others taken together: each of their labels on a pair is one comparison. In couples few
    annotators share enough pairs. The interval is of a bootstrap of prompts.
    """
    opinions = quality.opinions
    label = opinions.label + 1
    others = np.zeros((len(label), 3))
    items = int(opinions.item.max(initial=-1)) + 1
    _, unit = distinct(opinions.item, opinions.family)
    units = int(unit.max(initial=-1)) + 1
    for value in range(3):
        said = label == value
        everybody = np.bincount(opinions.item[said], minlength=items)[opinions.item]
        others[:, value] = everybody - np.bincount(unit[said], minlength=units)[unit]
    order = np.argsort(opinions.who, kind="stable")
    start = np.searchsorted(opinions.who[order], np.arange(opinions.many + 1))
    most = set(np.argsort(-opinions.counts, kind="stable")[:KAPPA_INTERVALS].tolist())
    found = []
    for i in range(opinions.many):
        mine = order[start[i] : start[i + 1]]
        found.append(_kappa_of(label[mine], others[mine], opinions.prompt[mine], i in most))
    return found


def _kappa_of(label: Floats, others: Floats, prompt: Floats, with_interval: bool) -> dict[str, Any]:
    prompts, row = np.unique(prompt, return_inverse=True)
    size = len(prompts) * 9
    columns = [np.bincount(row * 9 + label * 3 + value, weights=others[:, value], minlength=size) for value in range(3)]
    tables = np.sum(columns, axis=0).reshape(-1, 9)
    several = with_interval and len(prompts) >= FEWEST_PROMPTS and tables.sum() > 0
    drawn = _drawn(prompts, tables) if several else tables.sum(axis=0)[None]
    values = [_weighted(drawn.reshape(-1, 3, 3), power) for power in (1, 2)]
    linear, quadratic = (_told(float(value[0])) for value in values)
    if not several or quadratic is None:
        return {"kappa_linear": linear, "kappa_quadratic": quadratic, "kappa_low": None, "kappa_high": None}
    low, high = (_told(float(end)) for end in np.nanquantile(values[1][1:], [0.025, 0.975]))
    return {"kappa_linear": linear, "kappa_quadratic": quadratic, "kappa_low": low, "kappa_high": high}


def _drawn(prompts: Floats, tables: Floats) -> Floats:
    """The sums of the prompts' tables, as they are and in each replicate."""
    batches = (slice(start, start + _BATCH) for start in range(0, len(prompts), _BATCH))
    parts = [replicates(prompts[batch].astype(np.uint64)).T @ tables[batch] for batch in batches]
    # Whole numbers: floats add them exactly, in any order.
    found: Floats = np.sum(parts, axis=0)
    return found


def _weighted(tables: Floats, power: int) -> Floats:
    return weighted_kappa(tables, np.array(PREFERENCES), power)
