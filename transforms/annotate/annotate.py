"""The stage annotate: every configured annotator answers what it has not answered yet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import apache_beam as beam

from prefcurate.transforms.annotate.annotator import (
    Annotator,
    AskedAnnotator,
    FittedAnnotator,
    LocalAnnotator,
    check_distinct,
)
from prefcurate.transforms.annotate.asking import ask_unit
from prefcurate.transforms.annotate.examples import ExampleFile
from prefcurate.transforms.annotate.local import answer_unit, examples_of, fit
from prefcurate.transforms.annotate.money import Caps, Demand, divide, spent
from prefcurate.transforms.annotate.pending import pending_of_run, pending_parts
from prefcurate.transforms.annotate.questions import Work, answered, works
from prefcurate.transforms.annotate.remarks import Remark, remarks_of_unit, told
from prefcurate.transforms.annotate.reservations import settle_dead
from prefcurate.transforms.steps.commit import CommitStage, Finished
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.signs import to_do
from prefcurate.transforms.steps.units import Pin, ShardUnits, Unit
from prefcurate.transforms.store.files import join, remove
from prefcurate.transforms.store.parts import Part
from prefcurate.transforms.store.snapshot import Snapshot

READS = (
    "comparisons",
    "occurrences",
    "annotations",
    "materials",
    "embeddings",
    "attributes",
    "clusters",
    "screening",
    "gold",
    "rubrics",
    "criteria",
    "calls",
)
WRITES = ("annotations", "calls")
A = TypeVar("A", bound=Annotator)


@dataclass
class Annotate(beam.PTransform):
    """From a pipeline's root to the ledger entry: what is missing is planned, money divided, asked, answered, committed.

    What a dead run of the stage left finished is taken up before anybody is asked.

    Args:
        context: of the stage; it reads what the annotators need and writes annotations and calls.
        annotators: who is asked; no two may be the same annotator under two names.
        budget: USD for everything over the life of the store; None is without a cap.
        lanes: units that are asked side by side, each in one process with its share of the concurrency. One process
            asks some hundreds of requests a second.
    """

    context: StageContext
    annotators: tuple[Annotator, ...]
    budget: float | None = None
    lanes: int = 1

    def __post_init__(self) -> None:
        super().__init__()
        check_distinct(self.annotators)

    def expand(self, root: beam.Pipeline) -> beam.PCollection[str]:
        """From the root to the ledger entry's state."""
        pinned = root | Pin(self.context)
        units = pinned | "settle dead runs" >> beam.Map(_settle, self.context) | ShardUnits()
        planned = units | "what is missing" >> beam.FlatMap(_plan, self.context, self.annotators)
        computed = self._computed(units, planned)
        asked = self._asked(planned)
        outputs = (
            planned | "taken up" >> _Only(Part),
            computed | "computed parts" >> _Only(Part),
            asked | "asked parts" >> _Only(Part),
            *(
                some
                | f"remarks of the {name}" >> _Only(Remark)
                | f"tell of the {name}" >> _Tell(pinned, self.annotators)
                for name, some in (("computed", computed), ("asked", asked))
            ),
        )
        committed = outputs | "outputs" >> beam.Flatten() | CommitStage(self.context, pinned, paid=pending_of_run)
        return committed | "sweep" >> beam.Map(_sweep, self.context)

    def _computed(self, units: beam.PCollection, planned: beam.PCollection) -> beam.PCollection:
        fitted = tuple(a for a in self.annotators if isinstance(a, FittedAnnotator))
        local = _names(a for a in self.annotators if isinstance(a, LocalAnnotator) and a not in fitted)
        works = planned | "without fit" >> _Only(Work, local)
        if fitted:
            examples = units | "examples" >> beam.FlatMap(_examples, self.context, fitted)
            to_fit = planned | "to be fitted" >> _Only(Work, _names(fitted)) | "by annotator" >> beam.Map(_by_annotator)
            results = (
                {"works": to_fit, "examples": examples}
                | "learn from all" >> beam.CoGroupByKey()
                | "fit" >> beam.FlatMap(_fit, self.context, fitted).with_output_types(Work)
            )
            works = (works, results) | "with and without fit" >> beam.Flatten()
        return works | "spread" >> beam.Reshuffle() | "answer" >> beam.FlatMap(_answer, self.context, self.annotators)

    def _asked(self, planned: beam.PCollection) -> beam.PCollection:
        asking = tuple(a for a in self.annotators if isinstance(a, AskedAnnotator))
        caps = Caps(self.budget, {a.annotator: a.chat.budget for a in asking if a.chat.budget is not None})
        return (
            planned
            | "to be asked" >> _Only(Work, _names(asking))
            | "all of them" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
            | "divide the money" >> beam.FlatMap(_allot, self.context, caps, self.lanes)
            | "a lane each" >> beam.GroupByKey()
            | "ask" >> beam.FlatMap(_ask, self.context, asking, self.lanes)
        )


@dataclass
class _Only(beam.PTransform):
    """The elements of one class, and of works those of some annotators."""

    kind: type
    annotators: frozenset[str] | None = None

    def expand(self, elements: beam.PCollection) -> beam.PCollection:
        return elements | beam.Filter(_is, self.kind, self.annotators).with_output_types(self.kind)


def _is(element: object, kind: type, annotators: frozenset[str] | None) -> bool:
    return isinstance(element, kind) and (annotators is None or getattr(element, "annotator", None) in annotators)


@dataclass
class _Tell(beam.PTransform):
    """From the remarks of all units to what the ledger keeps."""

    pinned: beam.PCollection
    annotators: tuple[Annotator, ...]

    def expand(self, remarks: beam.PCollection) -> beam.PCollection:
        return (
            remarks
            | beam.Map(_by_who)
            | beam.GroupByKey()
            | beam.FlatMap(_tell, self.annotators, beam.pvalue.AsSingleton(self.pinned))
        )


def _by_who(remark: Remark) -> tuple[str, Remark]:
    return remark.annotator, remark


def _names(annotators: Iterable[Annotator]) -> frozenset[str]:
    return frozenset(annotator.annotator for annotator in annotators)


def _named(annotators: Iterable[A], name: str) -> A:
    return next(annotator for annotator in annotators if annotator.annotator == name)


def _settle(snapshot: Snapshot, context: StageContext) -> Snapshot:
    settle_dead(context.store, context.stage, living_run=snapshot.run_id)
    return snapshot


def _plan(unit: Unit, context: StageContext, annotators: tuple[Annotator, ...]) -> Iterator[Part | Work]:
    left = {
        table: [
            pending.part
            for pending in pending_parts(context.store, context.stage, table, unit.shard)
            # This run's own are its units' to give: planning again must give the same units.
            if pending.run_id != unit.snapshot.run_id
        ]
        for table in WRITES
    }
    for parts in left.values():
        yield from parts
    missing = [
        work
        for annotator in annotators
        for work in works(
            annotator, unit.snapshot, unit.shard, answered(annotator, unit.snapshot, unit.shard, left["annotations"])
        )
    ]
    to_do(context, unit.shard, sum(work.questions for work in missing))
    yield from missing


def _by_annotator(work: Work) -> tuple[str, Work]:
    return work.annotator, work


def _examples(
    unit: Unit, context: StageContext, annotators: tuple[FittedAnnotator, ...]
) -> Iterator[tuple[str, ExampleFile]]:
    for annotator in annotators:
        yield annotator.annotator, examples_of(annotator, unit.snapshot, unit.shard, _examples_folder(context))


def _fit(gathered: tuple[str, Any], context: StageContext, annotators: tuple[FittedAnnotator, ...]) -> list[Work]:
    name, found = gathered
    missing = sorted(set(found["works"]), key=_place)
    if not missing:
        return []
    artefact = fit(_named(annotators, name), found["examples"], context.seed, context.store)
    return [replace(work, artefact=artefact or "") for work in missing]


def _answer(work: Work, context: StageContext, annotators: tuple[Annotator, ...]) -> Iterator[Part | Remark]:
    annotator = _named(annotators, work.annotator)
    assert isinstance(annotator, LocalAnnotator)
    if work.artefact == "":
        yield Remark(work.annotator, "unfitted", work.questions)
        return
    silent = work.questions
    for part in answer_unit(annotator, work, context):
        silent -= part.rows
        yield part
    if isinstance(annotator, FittedAnnotator) and silent:
        # A fold outside of which too few labels lie: one cluster of prompts may hold nearly all.
        yield Remark(work.annotator, "unfitted", silent)


def _allot(
    missing: list[Work], context: StageContext, caps: Caps, lanes: int
) -> Iterator[tuple[tuple[str, int], Work]]:
    missing = sorted(set(missing), key=_place)
    if not missing:
        return
    demands = {
        work: Demand(work.annotator, f"{index:09d}", work.questions, work.worst_usd)
        for index, work in enumerate(missing)
    }
    snapshot = missing[0].snapshot
    already = spent(context.store, snapshot.version("calls"), except_run=snapshot.run_id)
    allotments = divide(list(demands.values()), caps, already)
    for index, work in enumerate(missing):
        lane = (work.annotator, index % lanes)
        yield lane, replace(work, allotment=allotments[demands[work].unit])


def _ask(
    lane: tuple[tuple[str, int], Iterable[Work]],
    context: StageContext,
    annotators: tuple[AskedAnnotator, ...],
    lanes: int,
) -> Iterator[Part | Remark]:
    (name, _), missing = lane
    annotator, down = _named(annotators, name), ""
    for work in sorted(set(missing), key=_place):
        if down:
            yield Remark(name, "endpoint", work.questions, down)
            continue
        asking = ask_unit(annotator, work, context, lanes)
        down = asking.account.down
        yield from asking.parts
        yield from remarks_of_unit(name, asking)


def _place(work: Work) -> tuple[str, int, tuple[str, str]]:
    return work.annotator, work.shard, work.first


def _tell(
    remarks: tuple[str, Iterable[Remark]], annotators: tuple[Annotator, ...], snapshot: Snapshot
) -> Iterator[Finished]:
    yield from told(_named(annotators, remarks[0]), remarks[1], snapshot)


def _examples_folder(context: StageContext) -> str:
    return join(context.store.root, "_artefacts", "examples", context.stage)


def _sweep(state: str, context: StageContext) -> str:
    remove(_examples_folder(context))
    return state
