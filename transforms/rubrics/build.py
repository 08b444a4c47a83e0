"""The stage rubrics: from trusted labels to the rubrics of the store and of each theme."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import apache_beam as beam

from prefcurate.transforms.annotate.maker import TABLES_OF_ASKING, Maker
from prefcurate.transforms.annotate.pending import pending_of_run
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.rubrics.collect import Collect
from prefcurate.transforms.rubrics.contrasts import Contrast, tabulate
from prefcurate.transforms.rubrics.generate import Plan, plan
from prefcurate.transforms.rubrics.library import LIBRARY, LONGER
from prefcurate.transforms.rubrics.mine import Mined, mine
from prefcurate.transforms.rubrics.options import GeneratorOptions, RubricOptions
from prefcurate.transforms.rubrics.rows import RubricRows, Scope, rubric_rows, write_rubrics
from prefcurate.transforms.rubrics.written import Writer, read_texts
from prefcurate.transforms.steps.commit import CommitStage, Finished
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.units import Pin, ShardUnits
from prefcurate.transforms.store.parts import Part
from prefcurate.transforms.store.snapshot import Snapshot

MAKER = "rubrics"
"""Rubrics by a chat model stand in `calls` and `annotations` under this name and the model's."""
READS = ("comparisons", "annotations", "attributes", "clusters", "gold")
WRITES = ("rubrics", "criteria")


@dataclass(frozen=True)
class Plans:
    """The plans of all themes, on their way to where they are asked."""

    plans: tuple[Plan, ...]


@dataclass
class BuildRubrics(beam.PTransform):
    """Criteria that trusted labels bear out, as rubrics with their numbers: of the library, and of a chat model where one is set.

    What travels is ids and a signed byte for each criterion; one worker decides in order of the ids.

    Args:
        context: the stage; it reads `READS` and writes `WRITES`.
        options: how strict to be.
        gold: whose labels are gold.
        describers: fingerprints of whoever names a prompt's task, the most believed first.
        budget: USD that all stages may spend over the life of the store.
    """

    context: StageContext
    options: RubricOptions = field(default_factory=RubricOptions)
    gold: GoldOptions = field(default_factory=GoldOptions)
    describers: tuple[str, ...] = ()
    budget: float | None = None

    def expand(self, root: beam.Pipeline) -> beam.PCollection[str]:
        """From a pipeline's root to the ledger entry's state."""
        context, options = self.context, self.options
        if options.llm is not None:
            # What is asked is kept in these tables; without a chat model the stage does not touch them.
            context = replace(context, writes=(*WRITES, *TABLES_OF_ASKING))
        pinned = root | Pin(context)
        collect = Collect(self.gold, context.seed, options.max_pairs, self.describers)
        made = (
            pinned
            | ShardUnits()
            | "trusted labels" >> beam.FlatMap(collect)
            | "together" >> beam.Map(_together)
            | "gather" >> beam.GroupByKey()
            | "mine" >> beam.FlatMap(Build(context, options))
            # What is paid for must not be asked again because the step before is run again.
            | "once" >> beam.Reshuffle()
            | "write" >> beam.FlatMap(write_plans, beam.pvalue.AsSingleton(pinned), context, options, self.budget)
        )
        # Answers that another run has pending were paid for.
        return made | CommitStage(context, pinned, paid=pending_of_run)


def _together(contrasts: tuple[Contrast, ...]) -> tuple[str, tuple[Contrast, ...]]:
    return "", contrasts


@dataclass(frozen=True)
class Build:
    """Makes the measured rubrics of all scopes from the contrasts of all shards, and the plans of those to be written."""

    context: StageContext
    options: RubricOptions

    def __call__(self, gathered: tuple[str, Iterable[tuple[Contrast, ...]]]) -> Iterator[Part | Finished | Plans]:
        """Parts of rubrics and criteria, the remarks that name them, and the plans as one element."""
        contrasts = sorted(contrast for shard in gathered[1] for contrast in shard)
        seed = self.context.seed
        yield from write_rubrics(self.context.store, measured(contrasts, self.options, seed))
        if self.options.llm is not None:
            yield Plans(tuple(planned(contrasts, self.options.llm, self.options.min_pairs, seed)))


def write_plans(
    made: Part | Finished | Plans,
    snapshot: Snapshot,
    context: StageContext,
    options: RubricOptions,
    budget: float | None,
) -> Iterator[Part | Finished]:
    """Parts and remarks pass through; for plans, which are one element so that the purse is one, what came of them.

    That is the written rubrics, remarks on those that are unfinished, and everything that was paid for.
    """
    if not isinstance(made, Plans):
        yield made
        return
    llm = options.llm
    assert llm is not None
    name = f"{MAKER}:{llm.model}"
    maker = Maker(llm, name, context, snapshot, llm.max_attempts, llm.fingerprint(), budget)
    writer = Writer(llm, maker, options.confidence, context.seed)
    outcomes = list(writer.write(made.plans, read_texts(snapshot, made.plans)))
    yield from write_rubrics(context.store, [rows for rows in outcomes if isinstance(rows, RubricRows)])
    yield from (remark for remark in outcomes if isinstance(remark, Finished))
    yield from maker.parts()


def planned(contrasts: Sequence[Contrast], llm: GeneratorOptions, fewest: int, seed: int) -> Iterator[Plan]:
    """What each theme's rubric is to be written from and held against; all pairs together where no theme has enough."""
    themes = by_theme(contrasts, fewest) or {"any": list(contrasts)}
    for theme in list(themes)[: llm.max_themes]:
        found = plan(theme, themes[theme], llm.contrasts, llm.held_out, seed)
        if found is not None:
            yield found


def measured(contrasts: Sequence[Contrast], options: RubricOptions, seed: int) -> list[RubricRows]:
    """The measured rubrics: one of the store, and one of each theme with enough labels, whose parent is the store's.

    A scope in which nothing held has a rubric too: a rejected one, whose criteria tell why.
    """
    if len(contrasts) < options.min_pairs:
        return []
    whole = rubric_rows(Scope("store"), _mined(contrasts, options, seed), options.fingerprint())
    rubrics = [whole]
    for theme, members in by_theme(contrasts, options.min_pairs).items():
        scope = Scope("theme", theme, whole.rubric_id)
        rubrics.append(rubric_rows(scope, _mined(members, options, seed), options.fingerprint()))
    return rubrics


def by_theme(contrasts: Sequence[Contrast], fewest: int) -> dict[str, list[Contrast]]:
    """The contrasts of each theme that has enough, the largest theme first."""
    sizes = Counter(contrast.theme for contrast in contrasts if contrast.theme)
    ranked = sorted(sizes, key=lambda theme: (-sizes[theme], theme))
    return {theme: [c for c in contrasts if c.theme == theme] for theme in ranked if sizes[theme] >= fewest}


def _mined(contrasts: Sequence[Contrast], options: RubricOptions, seed: int) -> Mined:
    return mine(tabulate(contrasts, seed, LONGER), LIBRARY, options)
