"""How a stage's graph is run: the one place that knows runners."""

import difflib
import re
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from prefcurate.schemas.errors import SpokenError, WrongSetting

LOCAL_RUNNER = "FnApiRunner"
"""In one process. What Beam itself calls DirectRunner looks for a downloaded engine first."""
_WHERE = re.compile(r" \[while running '[^']*'\]$")
_LOCAL = frozenset({"directrunner", "fnapirunner", "bundlebaseddirectrunner", "switchingdirectrunner"})


class FlagError(WrongSetting):
    """A Beam flag cannot be used: the message names it and the remedy."""


class StageFailed(SpokenError):
    """A stage's job failed: the message names the stage and what was wrong."""


def pipeline_options(flags: Sequence[str]) -> PipelineOptions:
    """Beam's options from the flags that follow the configuration on the command line.

    Raises:
        FlagError: a flag is unknown to the local runner, is mistyped, or is known to corrupt data.
    """
    try:
        given = PipelineOptions(list(flags)).get_all_options(drop_default=True, retain_unknown_options=True)
    except SystemExit as error:
        raise FlagError(f"Beam does not understand the flags {' '.join(flags)}") from error
    runner = str(given.get("runner") or LOCAL_RUNNER)
    if runner.lower() not in _LOCAL:
        _check_runner(runner)
        return PipelineOptions(list(flags))
    _check_local(given)
    if runner.lower() == "directrunner":
        runner = LOCAL_RUNNER
    return PipelineOptions([*flags, f"--runner={runner}"])


def _check_runner(runner: str) -> None:
    # A name with a dot is somebody's own class, as Beam allows.
    known = sorted(StandardOptions.KNOWN_RUNNER_NAMES)
    spelled = {runner.lower(), f"{runner}runner".lower()}
    if "." not in runner and not spelled & {name.lower() for name in known}:
        near = difflib.get_close_matches(runner, known, n=1, cutoff=0)
        raise FlagError(
            f"--runner={runner}: Beam has no such runner; did you mean {near[0]}? known: {', '.join(known)}"
        )


def _check_local(given: dict[str, object]) -> None:
    if given.get("direct_running_mode") == "multi_threading":
        raise FlagError(
            "--direct_running_mode=multi_threading corrupts data in Beam's direct runner; use multi_processing with "
            "--direct_num_workers=2"
        )
    # A job server may know more flags than Beam's Python side; the local runner has none behind it.
    known = set(_quiet_defaults())
    for name in sorted(set(given) - known):
        near = difflib.get_close_matches(name, sorted(known), n=1)
        hint = f"did you mean --{near[0]}?" if near else "flags after the configuration go to Beam"
        raise FlagError(f"--{name} is no flag of prefcurate or Beam; {hint}")


def _quiet_defaults() -> dict[str, object]:
    return dict(PipelineOptions([]).get_all_options())


def launch(stage: str, transform: beam.PTransform, options: PipelineOptions) -> None:
    """Runs one stage's graph and waits for its end.

    Raises:
        StageFailed: the job failed in another way than by an error of ours, which is raised as it is where the runner
            keeps its class.
    """
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
