"""`prefcurate plan`: what a run would compute and ask, and the price, before anything is paid or written."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from prefcurate.pipelines import annotate, ingest
from prefcurate.pipelines.config import Config
from prefcurate.pipelines.curate import STAGES, active_fingerprints, stage_context, up_to_date
from prefcurate.pipelines.launch import Engine, Said
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.annotate.annotator import AskedAnnotator
from prefcurate.transforms.annotate.money import spent
from prefcurate.transforms.annotate.plan import PlannedCalls, plan_questions
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.files import exists, join
from prefcurate.transforms.store.store import Store, StoreError

SHARD_MB = 192
"""The middle of the 128 to 256 MB of text that a shard should hold."""


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        comparisons: pairs that it would work on.
        text_bytes: of the table of comparisons.
        stages: each with whether it would run.
        calls: what annotators that cost something would be asked.
        others: who else may spend money, and up to what.
        spent_usd: so far, of this store.
        budget_usd: the configuration's cap.
        shards, suggested_shards: as configured, and what the size suggests.
    """

    comparisons: int
    text_bytes: int
    stages: tuple[tuple[str, bool], ...]
    calls: tuple[PlannedCalls, ...]
    others: tuple[str, ...]
    spent_usd: float
    budget_usd: float | None
    shards: int
    suggested_shards: int


def plan(config: Config) -> Plan:
    """Counts what is missing. Files that are not in the store yet are read into a temporary folder for it.

    Raises:
        StoreError: the store does not fit the configuration.
    """
    kept = _kept(config)
    with _ingested(config, kept) as store:
        snapshot = _context(config, store).pin()
        asked = [annotator for annotator in config.annotators if isinstance(annotator, AskedAnnotator)]
        calls = plan_questions(snapshot, asked, known=_context(config, kept).pin() if kept else None)
        files = store.actions("comparisons")
        size = sum(files["size_bytes"].to_pylist())
        with snapshot.connect(["comparisons"]) as connection:
            comparisons = connection.sql("SELECT count(*) FROM comparisons").fetchall()[0][0]
    return Plan(
        comparisons,
        size,
        tuple((stage.name, kept is None or not _done(config, stage, kept)) for stage in STAGES),
        tuple(calls),
        tuple(_others(config)),
        math.fsum(spent(kept).values()) if kept else 0.0,
        config.budget,
        config.shards,
        _suggested(size),
    )


def _kept(config: Config) -> Store | None:
    """The store, where there is one already; checked against the configuration."""
    if not any(exists(join(config.store, name)) for name in ("store.json", "comparisons/_delta_log")):
        return None
    store = Store(config.store, config.shards)
    store.create()
    return store


@contextmanager
def _ingested(config: Config, kept: Store | None) -> Iterator[Store]:
    """The store itself where nothing is new at the sources, else a temporary one into which they were read."""
    if kept and _done(config, ingest.STAGE, kept):
        yield kept
        return
    with TemporaryDirectory(prefix="prefcurate-plan-") as folder:
        store = Store(folder, config.shards)
        store.create()
        context = stage_context(config, ingest.STAGE, store, "plan")
        with Engine(Said((), folder, config.shards, config.limit)) as engine:
            engine.launch(ingest.STAGE.name, ingest.STAGE.transform(config, context))
        yield store


def _done(config: Config, stage: Stage, store: Store) -> bool:
    try:
        return up_to_date(stage_context(config, stage, store, "plan"))
    except StoreError:
        return False


def _context(config: Config, store: Store) -> StageContext:
    """For reading what the stage annotate reads, whatever has run."""
    return StageContext(
        store,
        annotate.STAGE.name,
        annotate.STAGE.reads,
        annotate.STAGE.writes,
        ingest.STAGE.fingerprint(config),
        fingerprints=active_fingerprints(config, STAGES),
    )


def _others(config: Config) -> Iterator[str]:
    for name, asks in (("rubrics", config.rubrics.llm), ("describe", config.describe.llm)):
        if asks is not None:
            cap = "no cap of its own" if asks.budget is None else f"${asks.budget:.2f} at most"
            yield f"stage {name} asks {asks.model}: {cap}"


def _built_on(names: list[str]) -> list[str]:
    """The stages that read what the named ones write, and that are not among them."""
    found: list[str] = []
    for stage in STAGES:
        if stage.name not in names and set(stage.after) & {*names, *found}:
            found.append(stage.name)
    return found


def _suggested(size: int) -> int:
    """The power of two that puts about `SHARD_MB` of text into a shard."""
    return 1 << max(0, math.ceil(math.log2(max(1.0, size / (SHARD_MB * 1e6)))))


def render(found: Plan) -> str:
    """The plan in words, for a terminal."""
    return "\n".join(_lines(found))


def _lines(found: Plan) -> Iterator[str]:
    yield f"{found.comparisons:,} comparisons, {found.text_bytes / 1e6:.1f} MB on disk"
    would = [name for name, runs in found.stages if runs]
    yield f"would run: {', '.join(would)}" if would else "nothing to compute: every stage is up to date"
    if after := _built_on(would):
        yield f"and where these change something: {', '.join(after)}"
    for calls in found.calls:
        own = "" if calls.cap_usd is None else f"; its own cap is ${calls.cap_usd:.2f} over the life of the store"
        yield (
            f"{calls.annotator}: {calls.questions:,} questions, about {calls.tokens_in:,} tokens in and {calls.tokens_out:,} out, "
            f"about ${calls.expected_usd:.2f}, at worst ${calls.worst_usd:.2f}{own}"
        )
    yield from found.others
    if not found.calls and not found.others:
        yield "nobody who costs anything is asked"
    cap = "no cap for all together is set (budget)" if found.budget_usd is None else f"cap ${found.budget_usd:.2f}"
    yield f"spent so far: ${found.spent_usd:.2f}; {cap}"
    if found.suggested_shards > found.shards:
        yield f"shards: {found.shards} are configured; {found.suggested_shards} would put about {SHARD_MB} MB of text into each"
