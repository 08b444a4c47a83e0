"""A stage's graph handed to a runner, and its end."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from prefcurate.pipelines.launch.dataflow import DATAFLOW
from prefcurate.pipelines.launch.flags import FlagError, Said
from prefcurate.pipelines.launch.local import BUNDLES, LOCAL
from prefcurate.pipelines.launch.runner import Runner
from prefcurate.pipelines.launch.spark import FLINK, SPARK
from prefcurate.schemas.errors import SpokenError

_RUNNERS = {runner.name.lower(): runner for runner in (LOCAL, BUNDLES, SPARK, FLINK, DATAFLOW)}
_ALSO = {"": LOCAL.name, "directrunner": LOCAL.name, "switchingdirectrunner": LOCAL.name}
_WHERE = re.compile(r" \[while running '[^']*'\]$")


class StageFailed(SpokenError):
    """A stage's job failed: the message names the stage and what was wrong."""


class Engine:
    """A runner with its flags: a context in which stages are launched.

    Args:
        said: what follows the configuration on the command line, and what is known of the run.

    Attributes:
        options: Beam's, the runner's defaults among them.
        words: where it runs, for a person.

    Raises:
        FlagError: the runner or a flag is unknown, mistyped, missing or known to corrupt data; nothing ran.
    """

    def __init__(self, said: Said) -> None:
        self._runner = _runner(str(said.options["runner"] or ""))
        # The last of two flags counts: the name as Beam spells it.
        self._said = replace(said, flags=(*said.flags, f"--runner={self._runner.name}"))
        self._defaults = self._runner.defaults(self._said)
        self.options = self._said.with_defaults(self._defaults)
        self.words = self._runner.words(self.options)

    def __enter__(self) -> "Engine":
        self._around = self._runner.around(self.options)
        self._around.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._around.__exit__(*error)  # type: ignore[arg-type]

    def launch(self, stage: str, transform: beam.PTransform) -> None:
        """Runs one stage's graph and waits for its end.

        Raises:
            StageFailed: the job failed in another way than by an error of ours, which is raised as it is where the runner
                keeps its class.
        """
        # Made anew: runners write into the options of a job, such as the place where its files are staged.
        launch(stage, transform, self._said.with_defaults({**self._defaults, **self._runner.of_stage(stage)}))


def _runner(name: str) -> Runner:
    # A name with a dot is somebody's own class, as Beam allows.
    if "." in name:
        return Runner(name)
    known = {runner.lower(): runner for runner in StandardOptions.KNOWN_RUNNER_NAMES}
    spelled = next((s for s in (name.lower(), f"{name}runner".lower()) if s in known or s in _RUNNERS), None)
    if name.lower() in _ALSO or spelled in _ALSO:
        return _RUNNERS[_ALSO[spelled or ""].lower()]
    if spelled is None:
        near = difflib.get_close_matches(name, sorted(known.values()), n=1, cutoff=0)
        raise FlagError(
            f"--runner={name}: Beam has no such runner; did you mean {near[0]}? known: {', '.join(sorted(known.values()))}"
        )
    return _RUNNERS.get(spelled) or Runner(known[spelled])


def pipeline_options(flags: Sequence[str]) -> PipelineOptions:
    """Beam's options from flags.

    Raises:
        FlagError: a flag is unknown to the local runner, is mistyped, or is known to corrupt data.
    """
    return Engine(Said(tuple(flags))).options


def launch(stage: str, transform: beam.PTransform, options: PipelineOptions) -> None:
    """Runs one stage's graph and waits for its end; raises as `Engine.launch`."""
    try:
        pipeline = beam.Pipeline(options=options)
    except ImportError as error:
        raise FlagError(f"this runner is not installed: {error}") from error
    _ = pipeline | transform
    try:
        state = pipeline.run().wait_until_finish()
    except SpokenError as error:
        # Where in the graph it happened means nothing to those who must mend it.
        error.args = (_WHERE.sub("", str(error)),)
        raise
    except RuntimeError as error:
        if _last_line(str(error)).startswith("KeyboardInterrupt"):
            raise KeyboardInterrupt from error
        raise StageFailed(f"stage {stage}: {_WHERE.sub('', _last_line(str(error)))}") from error
    if state is not None and state != "DONE":
        raise StageFailed(f"stage {stage}: the runner says that the job ended as {state}; see its log above")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "the job failed without a word; see the log above"
