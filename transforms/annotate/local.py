"""One unit of an annotator that computes its answers here, and the fitting of those that learn first."""

from collections.abc import Iterable, Iterator
from itertools import islice

from prefcurate.transforms.annotate.annotator import FittedAnnotator, LocalAnnotator, annotation_rows
from prefcurate.transforms.annotate.examples import ExampleFile, read_examples, write_examples
from prefcurate.transforms.annotate.pending import Site, pending_parts
from prefcurate.transforms.annotate.questions import Work, answered, unanswered
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.files import join, read_bytes, write_by_hash
from prefcurate.transforms.store.parts import Part
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import Store

ANSWERED_AT_ONCE = 2048


def answer_unit(annotator: LocalAnnotator, work: Work, context: StageContext) -> Iterator[Part]:
    """Answers a unit's missing questions; an engine that runs it again writes the same parts again."""
    site = Site(
        context.store,
        context.stage,
        work.snapshot.run_id,
        work.unit(work.snapshot.run_id),
        work.shard,
        work.annotator,
        annotator.fingerprint(),
    )
    dead = [
        p.part
        for p in pending_parts(site.store, site.stage, "annotations", site.shard)
        if p.run_id != work.snapshot.run_id
    ]
    known = answered(annotator, work.snapshot, work.shard, dead)
    questions = unanswered(annotator, work.snapshot, work.shard, known, (work.first, work.last))
    artefact = None if work.artefact is None else read_bytes(work.artefact)
    while batch := list(islice(questions, ANSWERED_AT_ONCE)):
        answers = annotator.answer(work.snapshot, work.shard, batch, artefact)
        part = site.write("annotations", annotation_rows(annotator, answers))
        if part is not None:
            yield part


def examples_of(annotator: FittedAnnotator, snapshot: Snapshot, shard: int, folder: str) -> ExampleFile:
    """Writes what a shard gives an annotator to learn from."""
    return write_examples(annotator.examples(snapshot, shard), shard, folder)


def fit(annotator: FittedAnnotator, examples: Iterable[ExampleFile], seed: int, store: Store) -> str | None:
    """Fits an annotator to the examples of all shards and gives the address of the result; None when they are too few."""
    fitted = annotator.fit(read_examples(examples), seed)
    return None if fitted is None else write_by_hash(join(store.root, "_artefacts"), fitted, ".bin")
