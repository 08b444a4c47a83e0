"""The job of one stage as a file that somebody else finds and starts, where a cluster takes jars and nobody waits here."""

from collections.abc import Callable, Sequence

import apache_beam as beam

from prefcurate.pipelines.launch import Engine, FlagError
from prefcurate.pipelines.progress import Progress
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.store.store import Store


def write_job(
    engine: Engine, store: Store, progress: Progress, stages: Sequence[Stage], graph: Callable[[Stage], beam.PTransform]
) -> None:
    """Writes the job to where the engine's flags say: no lease is taken, nothing is computed here.

    Args:
        engine: one whose `written_to` is set.
        store: that the job works on.
        progress: is told what happens.
        stages: that were asked for.
        graph: a stage's, with a context that names no run: each time that the job is started is one.

    Raises:
        FlagError: more or fewer stages than one were asked for.
    """
    if len(stages) != 1:
        raise FlagError(f"what is written to {engine.written_to} is one job, so one stage: name it with --stages")
    (stage,) = stages
    store.create()
    with engine:
        engine.launch(stage.name, graph(stage))
    progress.say(f"the job of stage {stage.name} is written to {engine.written_to}; nothing has run yet")
    if engine.start_with:
        progress.say(f"start it, as often as there is something new, with: {engine.start_with}")
