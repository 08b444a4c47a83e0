"""Which flags reach Beam, and which are refused before anything runs."""

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions

from prefcurate.pipelines.launch import FlagError, StageFailed, launch, pipeline_options
from prefcurate.transforms.store.store import CommitConflict


def runner(*flags: str) -> str:
    return pipeline_options(flags).view_as(StandardOptions).runner


def test_without_a_runner_everything_runs_in_this_process():
    assert runner() == "FnApiRunner"
    assert runner("--runner=DirectRunner") == "FnApiRunner"
    assert runner("--runner", "DirectRunner") == "FnApiRunner"
    assert runner("--runner=BundleBasedDirectRunner") == "BundleBasedDirectRunner"


def test_flags_pass_through():
    options = pipeline_options(["--direct_running_mode=multi_processing", "--direct_num_workers=2"])
    assert options.view_as(DirectOptions).direct_num_workers == 2
    assert (
        runner("--runner=SparkRunner", "--spark_master_url=spark://h:7077", "--known_to_a_job_server=3")
        == "SparkRunner"
    )


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (
            "--direct_num_worker=2",
            "--direct_num_worker is no flag of prefcurate or Beam; did you mean --direct_num_workers?",
        ),
        ("--runner=SparkRuner", "--runner=SparkRuner: Beam has no such runner; did you mean SparkRunner? known: "),
        ("--zzz", "--zzz is no flag of prefcurate or Beam; flags after the configuration go to Beam"),
        ("--direct_running_mode=multi_threading", "corrupts data"),
        ("--direct_num_workers=many", "Beam does not understand the flags --direct_num_workers=many"),
    ],
)
def test_wrong_flags_are_named(flag, message):
    with pytest.raises(FlagError, match=message.replace("?", r"\?")):
        pipeline_options([flag])


class _Raise(beam.PTransform):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        return root | beam.Create([self.error]) | beam.Map(_raise)


def _raise(error: Exception) -> None:
    raise error


def test_our_own_errors_come_back_as_they_are_and_others_name_the_stage():
    with pytest.raises(CommitConflict, match="^another run was faster$"):
        launch("embed", _Raise(CommitConflict("another run was faster")), pipeline_options(()))
    with pytest.raises(StageFailed, match="^stage embed: out of luck$"):
        launch("embed", _Raise(RuntimeError("out of luck")), pipeline_options(()))
