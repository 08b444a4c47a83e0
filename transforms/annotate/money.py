"""The spending cap: what was spent over the life of a store, and how what is left is divided among those who would spend it.

What counts as spent: every row of `calls` (failed and lost ones too), whoever made it in whatever stage, and what lies pending of
dead runs. Each unit of work gets an allotment before it starts and never spends more (see `reservations`); what it leaves is
there for the next round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prefcurate.transforms.annotate.pending import pending_spend
from prefcurate.transforms.annotate.reservations import Purse, settle_dead
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.store import Store

LEAST_SHARE = 0.25
"""Where money is short a unit gets at least this share of its worst price, or nothing: worst prices count a token for each byte, real
ones are about a quarter of that."""


@dataclass(frozen=True)
class Caps:
    """The caps in USD over the life of a store: `total` for everything, `each` by annotator's name; None or absent is without."""

    total: float | None = None
    each: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, order=True)
class Demand:
    """What a unit of work could cost at worst. Sorted, demands are served in a fixed order."""

    annotator: str
    unit: str
    questions: int
    worst_usd: float


def spent(store: Store, calls_version: int | None = None, except_run: str = "") -> dict[str, float]:
    """USD spent by annotator, of all runs that were and of all stages.

    Args:
        store: the store.
        calls_version: the version of the table `calls`; the newest by default.
        except_run: a run whose pending calls are left out, since its units count them themselves.
    """
    calls = store.dataset("calls", calls_version)
    with connect() as connection:
        connection.register("calls", calls)
        rows = connection.sql("SELECT annotator, sum(price_usd) FROM calls GROUP BY annotator").fetchall()
    total = {str(annotator): float(usd or 0.0) for annotator, usd in rows}
    for annotator, usd in pending_spend(store, calls, except_run).items():
        total[annotator] = total.get(annotator, 0.0) + usd
    return total


def divide(demands: Sequence[Demand], caps: Caps, already: Mapping[str, float]) -> dict[str, float | None]:
    """The allotment of every unit, by its name; None is without a cap, 0 is nothing.

    Where everything fits each unit gets its worst price. Where money is short all get the same share of it, but at
    least `LEAST_SHARE`, in their order until it is used up; one that could not pay a single question gets nothing. The sum
    of the allotments is never above what is left.
    """
    wanted = _wanted(demands, caps, already)
    left = None if caps.total is None else max(0.0, caps.total - sum(already.values()))
    everything = sum(usd for usd, _ in wanted.values())
    scale = 1.0 if left is None or everything <= left else left / everything
    allotments: dict[str, float | None] = {}
    for annotator, (usd, capped) in sorted(wanted.items()):
        mine = sorted(demand for demand in demands if demand.annotator == annotator)
        if left is None and not capped:
            allotments.update({demand.unit: None for demand in mine})
        else:
            allotments.update(_served(mine, usd * scale))
    return allotments


def _wanted(demands: Sequence[Demand], caps: Caps, already: Mapping[str, float]) -> dict[str, tuple[float, bool]]:
    wanted: dict[str, tuple[float, bool]] = {}
    for annotator in sorted({demand.annotator for demand in demands}):
        worst = sum(demand.worst_usd for demand in demands if demand.annotator == annotator)
        cap = caps.each.get(annotator)
        if cap is None:
            wanted[annotator] = worst, False
        else:
            wanted[annotator] = min(worst, max(0.0, cap - already.get(annotator, 0.0))), True
    return wanted


def _served(demands: Sequence[Demand], available: float) -> dict[str, float | None]:
    worst = sum(demand.worst_usd for demand in demands)
    share = 1.0 if worst <= available else max(LEAST_SHARE, available / worst)
    served: dict[str, float | None] = {}
    for demand in demands:
        usd = min(available, demand.worst_usd * share)
        if demand.worst_usd > 0 and usd < demand.worst_usd / demand.questions:
            usd = 0.0
        available -= usd
        served[demand.unit] = usd
    return served


def purse_for(store: Store, stage: str, run_id: str, annotator: str, caps: Caps) -> Purse:
    """One purse with all that an asker may still spend, for stages that ask in one place (not in units side by side).

    Settles first what dead runs of the stage left. Whoever is asked at the same time elsewhere is not seen: use `divide` there.
    """
    settle_dead(store, stage, living_run=run_id)
    already = spent(store)
    lefts = [] if caps.total is None else [caps.total - sum(already.values())]
    if annotator in caps.each:
        lefts.append(caps.each[annotator] - already.get(annotator, 0.0))
    return Purse(max(0.0, min(lefts)) if lefts else None)
