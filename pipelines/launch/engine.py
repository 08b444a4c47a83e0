"""A stage's graph handed to a runner, and its end."""

import difflib
import shutil
from dataclasses import replace

import apache_beam as beam
from apache_beam.options.pipeline_options import StandardOptions

from prefcurate.pipelines.launch.dataflow import DATAFLOW
from prefcurate.pipelines.launch.failures import StageFailed, spoken
from prefcurate.pipelines.launch.flags import FlagError, Said
from prefcurate.pipelines.launch.local import BUNDLES, LOCAL
from prefcurate.pipelines.launch.prism import PRISM
from prefcurate.pipelines.launch.runner import Runner
from prefcurate.pipelines.launch.spark import FLINK, SPARK

_RUNNERS = {runner.name.lower(): runner for runner in (LOCAL, BUNDLES, PRISM, SPARK, FLINK, DATAFLOW)}
_ALSO = {"": LOCAL.name, "directrunner": LOCAL.name, "switchingdirectrunner": LOCAL.name}


class Engine:
    """A runner with its flags: a context in which stages are launched.

    Args:
        said: what follows the configuration on the command line, and what is known of the run.

    Attributes:
        options: Beam's, the runner's defaults among them.
        words: where it runs, for a person.
        written_to: the address that jobs are written to instead of being run; empty when they are run.
        start_with: the command that starts a job that was written; empty where that is no one command.

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
        self.written_to = self._runner.written_to(self.options)
        self.start_with = self._runner.start_with(self.options) if self.written_to else ""

    def __enter__(self) -> "Engine":
        self._around = self._runner.around(self.options)
        self._around.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._around.__exit__(*error)  # type: ignore[arg-type]

    def launch(self, stage: str, transform: beam.PTransform) -> None:
        """Runs one stage's graph and waits for its end.

        Raises:
            StageFailed: the job failed in another way than by an error of ours, which is raised as it is, from whichever
                process it came.
            FlagError: the runner is not installed.
        """
        # Made anew: runners write into the options of a job, such as the place where its files are staged.
        options = self._said.with_defaults({**self._defaults, **self._runner.of_stage(stage)})
        try:
            pipeline = beam.Pipeline(self._runner.made(options), options)
        except ImportError as error:
            raise FlagError(f"this runner is not installed: {error}") from error
        except ValueError as error:
            raise FlagError(f"Beam does not take the flags: {error}") from error
        try:
            _ = pipeline | transform
            _run(stage, pipeline)
        finally:
            # Beam removes it only where a pipeline is a `with` block, which hides how its job ended.
            shutil.rmtree(pipeline.local_tempdir, ignore_errors=True)


def _run(stage: str, pipeline: beam.Pipeline) -> None:
    try:
        state = pipeline.run().wait_until_finish()
    except Exception as error:  # noqa: BLE001 whatever the runner raises ends the stage, in words
        raise spoken(stage, error) from error
    if state is not None and state != "DONE":
        raise StageFailed(f"stage {stage}: the runner says that the job ended as {state}; see its log above")


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
