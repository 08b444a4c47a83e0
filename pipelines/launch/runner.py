"""What prefcurate knows of one of Beam's runners."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners import PipelineRunner

from prefcurate.pipelines.launch.flags import Said, Setting


def _nothing(said: Said) -> Mapping[str, Setting]:
    return {}


@dataclass(frozen=True)
class Runner:
    """One of Beam's runners.

    Attributes:
        name: as Beam spells it.
        defaults: the flags that make the shortest command work, each added only where the person did not name it. Raises
            `FlagError`, before anything runs, where something must be said or was said wrongly.
        words: where and with how many workers it runs, for the first lines of a run.
        around: what must live while the stages' jobs run.
        of_stage: further defaults, of one stage's job.
        written_to: the address that a job is written to instead of being run; somebody else starts it. Empty when it is run.
        start_with: the command that starts a job that was written; empty where that is no one command.
        made: the runner itself, where it is not Beam's own of that name.
    """

    name: str
    defaults: Callable[[Said], Mapping[str, Setting]] = _nothing
    words: Callable[[PipelineOptions], str] = lambda options: ""
    around: Callable[[PipelineOptions], AbstractContextManager[None]] = lambda options: nullcontext()
    of_stage: Callable[[str], Mapping[str, Setting]] = lambda stage: {}
    written_to: Callable[[PipelineOptions], str] = lambda options: ""
    start_with: Callable[[PipelineOptions], str] = lambda options: ""
    made: Callable[[PipelineOptions], PipelineRunner | None] = lambda options: None
