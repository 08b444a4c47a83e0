"""One unit of an annotator that computes its answers here, and the fitting of those that learn first."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
import pyarrow.ipc as ipc

from prefcurate.transforms.annotate.annotator import FittedAnnotator, LocalAnnotator, annotation_rows
from prefcurate.transforms.annotate.pending import Site, pending_parts
from prefcurate.transforms.annotate.questions import Work, answered, unanswered
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.files import exists, join, read_bytes, write_bytes
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


@dataclass(frozen=True, order=True)
class Examples:
    """What one shard gives an annotator to learn from: a file of the store."""

    shard: int
    path: str


def write_examples(annotator: FittedAnnotator, snapshot: Snapshot, shard: int, folder: str) -> Examples:
    """Writes a shard's examples, named by their bytes."""
    sink = pa.BufferOutputStream()
    table = annotator.examples(snapshot, shard)
    with ipc.new_file(sink, table.schema, options=ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return Examples(shard, _written(folder, sink.getvalue().to_pybytes(), ".arrow"))


def fit(annotator: FittedAnnotator, examples: Iterable[Examples], seed: int, store: Store) -> str | None:
    """Fits an annotator to the examples of all shards and gives the address of the result; None when they are too few."""
    tables = [ipc.open_file(pa.BufferReader(read_bytes(found.path))).read_all() for found in sorted(set(examples))]
    fitted = annotator.fit(pa.concat_tables(tables), seed)
    return None if fitted is None else _written(join(store.root, "_artefacts"), fitted, ".bin")


def _written(folder: str, content: bytes, suffix: str) -> str:
    path = join(folder, hashlib.sha256(content).hexdigest() + suffix)
    if not exists(path):
        write_bytes(path, content)
    return path
