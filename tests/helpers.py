"""Stores for tests, filled through the real ingest stage, and a way to run one stage's graph."""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import apache_beam as beam

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.records import (
    Auxiliary,
    GivenLabel,
    GivenMaterial,
    GivenPair,
    InputRow,
    Message,
    Order,
    Pairs,
    Verdict,
)
from prefcurate.transforms.accounts import SourceAccount, source_accounts, used_rows
from prefcurate.transforms.ingest.ingest import TABLES_OF_INGEST, Ingest
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import Store

INGEST = "test-sources"


class PickleReader(Reader):
    """Pairs (or what is said of a prompt alone) that a test made, one input row each: a row is its pair, whatever its place."""

    format: ClassVar[str] = "pickle"
    suffixes: ClassVar[tuple[str, ...]] = (".pickle",)

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        with open_file(unit.file) as stream:
            pairs = pickle.load(stream)  # noqa: S301 written by the test itself
        for line, pair in enumerate(pairs, 1):
            yield InputRow(line, repr(pair), pair if isinstance(pair, Auxiliary) else Pairs((pair,)))


def user(text: str) -> tuple[Message, ...]:
    return (Message.of_text("user", text),)


def assistant(text: str) -> tuple[Message, ...]:
    return (Message.of_text("assistant", text),)


def label(
    verdict: str | None, annotator: str = "ann", kind: str = "person", order: str = "unknown", **more
) -> GivenLabel:
    """`label("first", "gpt4", "llm_judge", order="12")`."""
    return GivenLabel(annotator, kind, None if verdict is None else Verdict(verdict), Order(order), **more)


def pair(prompt: str, first: str, second: str, *labels: GivenLabel, reference: str | None = None, **more) -> GivenPair:
    materials = (GivenMaterial("reference", reference),) if reference is not None else ()
    return GivenPair(user(prompt), assistant(first), assistant(second), labels, materials=materials, **more)


def told(prompt: str, reference: str) -> Auxiliary:
    """A row that gives a prompt a reference answer, and no pair."""
    return Auxiliary(user(prompt), (GivenMaterial("reference", reference),))


def source(
    tmp_path: Path, name: str, pairs: Sequence[GivenPair | Auxiliary], licence: str | None = "MIT"
) -> SourceOptions:
    """A source of one file that holds the pairs."""
    path = tmp_path / f"{name}.pickle"
    path.write_bytes(pickle.dumps(list(pairs)))
    return SourceOptions(name=name, path=str(path), licence=licence, reader=PickleReader())


def make_store(
    tmp_path: Path,
    sources: Mapping[str, Sequence[GivenPair | Auxiliary]] | Sequence[GivenPair | Auxiliary],
    shards: int = 2,
) -> Store:
    """A store with the pairs ingested, as source `data` or under the names of a mapping; running twice adds what is new."""
    named = sources if isinstance(sources, Mapping) else {"data": sources}
    options = [source(tmp_path, name, pairs) for name, pairs in named.items()]
    return ingest(tmp_path / "store", options, shards)


def ingest(
    root: Path, sources: Sequence[SourceOptions], shards: int = 2, limit: int | None = None, run_id: str = "run"
) -> Store:
    """Runs the ingest stage on sources."""
    store = Store(str(root), shards)
    store.create()
    run_stage(Ingest(context(store, "ingest", (), TABLES_OF_INGEST, run_id=run_id), tuple(sources), limit))
    return store


def context(
    store: Store,
    stage: str,
    reads: Sequence[str],
    writes: Sequence[str],
    fingerprints: Sequence[str] = (),
    run_id: str = "run",
) -> StageContext:
    """A stage's context on a test's store; `run_id` must differ between runs of one stage on one store."""
    run = f"{run_id}-{len(store.ledger())}"
    return StageContext(
        store,
        stage,
        tuple(reads),
        tuple(writes),
        INGEST,
        INGEST,
        makes=tuple(sorted(fingerprints)),
        fingerprints=tuple(fingerprints),
        run_id=run,
    )


def run_stage(transform: beam.PTransform, *flags: str) -> None:
    """Runs one stage's graph in this process and waits for it."""
    # A tenth of the time of a small stage; whole lines run with the checks (tests/e2e).
    unchecked = ["--runner=FnApiRunner", "--no_pipeline_type_check"]
    options = beam.options.pipeline_options.PipelineOptions([*unchecked, *flags])
    with beam.Pipeline(options=options) as pipeline:
        _ = pipeline | transform


def row_accounts(snapshot: Snapshot) -> list[SourceAccount]:
    """The accounts of all sources, shard after shard in this process."""
    shards = range(snapshot.store.shards)
    return source_accounts(snapshot, (rows for shard in shards for rows in used_rows(snapshot, shard)))
