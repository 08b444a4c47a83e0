"""How far each annotator agrees with all others on the same pairs, and how far the annotators of a source agree with one another."""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.consensus.votes import distinct
from prefcurate.transforms.intervals import wilson
from prefcurate.transforms.report.alpha import PREFERENCES, Estimate, drawn, estimate
from prefcurate.transforms.report.quality.kappa import Kappa, mean_kappa, weighted_kappa
from prefcurate.transforms.report.quality.measured import Measured
from prefcurate.transforms.report.quality.opinions import Bools, Floats, Ints, Opinions

_CLEARNESS = 10
_SILENT = 1e-9
KAPPA_INTERVALS = 200
"""Annotators whose kappa has an interval: those with most opinions."""


@dataclass(frozen=True)
class Agreed:
    """How often an annotator takes the side that the others lean to.

    Attributes:
        compared: its preferences on pairs on which the others lean to one side.
        share, low, high: of those with that side; None where there are none.
        usual: how often its peers, the others of its group, do on pairs as clear; None where it has none.
    """

    compared: int
    share: float | None = None
    low: float | None = None
    high: float | None = None
    usual: float | None = None


@dataclass(frozen=True)
class AgainstAll:
    """Weighted kappa of an annotator and everybody else; None where chance would never disagree. Only the quadratic one has an interval."""

    linear: Estimate | None
    quadratic: Estimate | None


def with_others(measured: Measured) -> list[Agreed]:
    """One entry an annotator."""
    opinions, lean = measured.opinions, measured.others.lean
    counted = (opinions.label != 0) & (np.abs(lean) > _SILENT)
    same = counted & (opinions.label * lean > 0)
    n, right = opinions.sums(counted * 1.0), opinions.sums(same * 1.0)
    acts, usual = _acts(opinions, counted), _usual(measured, counted, same)
    found = []
    for i in range(opinions.many):
        agreed = Agreed(0)
        if n[i]:
            share = float(right[i] / n[i])
            peers = None if np.isnan(usual[i]) else float(usual[i])
            agreed = Agreed(int(n[i]), share, *wilson(share, float(acts[i])), peers)
        found.append(agreed)
    return found


def _usual(measured: Measured, counted: Bools, same: Bools) -> Floats:
    """How often each annotator's peers take the others' side on pairs as clear as its own; NaN where it has no peers there."""
    opinions = measured.opinions
    clearness = np.minimum((np.abs(measured.others.lean) * _CLEARNESS).astype(np.int64), _CLEARNESS - 1)
    _, as_clear = distinct(measured.group[opinions.who], clearness)
    (whose, _), own = distinct(opinions.who, clearness)
    cell = np.zeros(len(whose), np.int64)
    cell[own] = as_clear
    # Also those who are found out count for what is usual: they are few. One's own answers do not.
    asked, agreed = (
        np.bincount(as_clear, weights=values)[cell] - np.bincount(own, weights=values, minlength=len(whose))
        for values in (counted, same)
    )
    mine = np.bincount(own, weights=counted, minlength=len(whose)) * (asked > 0)
    hoped = mine * agreed / np.maximum(1, asked)
    total, comparable = (np.bincount(whose, weights=values, minlength=opinions.many) for values in (hoped, mine))
    return np.where(comparable > 0, total / np.maximum(1, comparable), np.nan)


def _acts(opinions: Opinions, counted: Bools) -> Ints:
    """How many acts each annotator's counted opinions come from: labels of one ranking tell as much as one."""
    some = np.unique(opinions.acts.of[counted])
    acts: Ints = np.bincount(opinions.acts.whose[some], minlength=opinions.many)
    return acts


def kappas_with_others(measured: Measured) -> list[AgainstAll]:
    """One entry an annotator.

    Cohen's (1968), of an annotator and the others taken together: each of their labels on a pair is one comparison. In couples few
    annotators share enough pairs. The interval is of a bootstrap of prompts.
    """
    opinions = measured.opinions
    label = opinions.label + 1
    others = np.zeros((len(label), len(PREFERENCES)))
    items = int(opinions.item.max(initial=-1)) + 1
    _, unit = distinct(opinions.item, measured.others.family)
    units = int(unit.max(initial=-1)) + 1
    for value in range(len(PREFERENCES)):
        said = label == value
        everybody = np.bincount(opinions.item[said], minlength=items)[opinions.item]
        others[:, value] = everybody - np.bincount(unit[said], minlength=units)[unit]
    order = np.argsort(opinions.who, kind="stable")
    start = np.searchsorted(opinions.who[order], np.arange(opinions.many + 1))
    most = set(np.argsort(-opinions.counts, kind="stable")[:KAPPA_INTERVALS].tolist())
    found = []
    for i in range(opinions.many):
        mine = order[start[i] : start[i + 1]]
        found.append(_against_all(label[mine], others[mine], opinions.prompt[mine], i in most))
    return found


def _against_all(label: Ints, others: Floats, prompt: Ints, with_interval: bool) -> AgainstAll:
    prompts, row = np.unique(prompt, return_inverse=True)
    k = len(PREFERENCES)
    tables = np.zeros((len(prompts) * k, k))
    np.add.at(tables, row * k + label, others)
    tables = tables.reshape(len(prompts), k * k)
    sums = drawn(prompts.astype(np.uint64), tables) if with_interval else tables.sum(axis=0)[None]
    linear, quadratic = (weighted_kappa(sums.reshape(-1, k, k), np.array(PREFERENCES), power) for power in (1, 2))
    return AgainstAll(estimate(linear[:1], len(prompts)), estimate(quadratic, len(prompts)))


def label_kappas(measured: Measured) -> dict[tuple[str, str, str], Kappa]:
    """Mean kappa of the couples of each source, kind and attribute; an annotator's orders and samples on a pair are one answer."""
    opinions = measured.opinions
    kept = ~measured.pool[opinions.who]
    (who, item), unit = distinct(opinions.who[kept], opinions.item[kept])
    value = np.sign(np.bincount(unit, weights=opinions.label[kept], minlength=len(who))).astype(np.int64) + 1
    prompt = np.zeros(len(who), np.int64)
    prompt[unit] = opinions.prompt[kept]
    found = {}
    for one in np.unique(measured.group).tolist():
        mine = measured.group[who] == one
        kappa = mean_kappa(who[mine], item[mine], prompt[mine], value[mine], np.array(PREFERENCES))
        if kappa is not None:
            _, kind, source, attribute = opinions.annotators[int(np.argmax(measured.group == one))]
            found[source, kind, attribute] = kappa
    return found
