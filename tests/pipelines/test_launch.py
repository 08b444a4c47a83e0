"""Which flags reach Beam, and which are refused before anything runs."""

from zipfile import ZipFile

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import DirectOptions, PortableOptions, PrismRunnerOptions, StandardOptions

from prefcurate.pipelines.launch import Engine, FlagError, Said, StageFailed
from prefcurate.transforms.store.store import CommitConflict


def engine(*flags: str, shards: int = 1, limit: int | None = None) -> Engine:
    return Engine(Said(flags, "store", shards, limit))


def runner(*flags: str) -> str:
    return engine(*flags).options.view_as(StandardOptions).runner


def test_without_a_runner_everything_runs_on_this_machine():
    assert runner() == "FnApiRunner"
    assert runner("--runner=DirectRunner") == "FnApiRunner"
    assert runner("--runner", "DirectRunner") == "FnApiRunner"
    assert runner("--runner=BundleBasedDirectRunner") == "BundleBasedDirectRunner"


def local(*flags: str, shards: int = 1, limit: int | None = None) -> tuple[str, int]:
    options = engine(*flags, shards=shards, limit=limit).options.view_as(DirectOptions)
    return options.direct_running_mode, options.direct_num_workers


def test_the_local_default_is_a_process_for_each_core_but_no_more_than_shards(monkeypatch):
    monkeypatch.setattr("prefcurate.pipelines.launch.local.cores", lambda: 4)
    assert local(shards=16) == ("multi_processing", 4)
    assert local(shards=2) == ("multi_processing", 2)
    assert local(shards=1) == local(shards=16, limit=50) == ("in_memory", 1)
    assert "in 4 processes on this machine" in engine(shards=16).words


def test_what_the_person_said_stands(monkeypatch):
    monkeypatch.setattr("prefcurate.pipelines.launch.local.cores", lambda: 4)
    assert local("--direct_num_workers=1", shards=16) == ("in_memory", 1)
    assert local("--direct_num_workers", "8", shards=16) == ("multi_processing", 8)
    assert local("--direct_running_mode=in_memory", shards=16)[0] == "in_memory"
    assert engine("--direct_num_workers=1", shards=16).words == "in this process"


def test_flags_pass_through():
    options = engine("--direct_running_mode=multi_processing", "--direct_num_workers=2").options
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
        engine(flag)


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
        engine().launch("embed", _Raise(CommitConflict("another run was faster")))
    with pytest.raises(StageFailed, match="^stage embed: RuntimeError: out of luck$|^stage embed: out of luck$"):
        engine().launch("embed", _Raise(RuntimeError("out of luck")))


def test_an_installed_prism_is_used_unless_another_is_named(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: f"/opt/{name}")
    found = engine("--runner=PrismRunner")
    assert found.options.view_as(PrismRunnerOptions).prism_location == "/opt/prism"
    assert found.words == "on Prism (/opt/prism), with workers in this process"
    named = engine("--runner=PrismRunner", "--prism_location=/my/prism").options
    assert named.view_as(PrismRunnerOptions).prism_location == "/my/prism"


def portable(*flags: str) -> PortableOptions:
    return engine(*flags).options.view_as(PortableOptions)


def test_what_is_written_for_spark_says_how_to_start_it_and_expects_workers_on_the_machines():
    master = "--spark_master_url=spark://127.0.0.1:7077"
    written = engine("--runner=SparkRunner", master, "--output_executable_path=job.jar")
    assert (written.written_to, written.start_with) == (
        "job.jar",
        "spark-submit --master spark://127.0.0.1:7077 job.jar",
    )
    assert (engine("--runner=SparkRunner", master).written_to, engine("--runner=SparkRunner").start_with) == ("", "")
    assert portable("--runner=SparkRunner", master).environment_type == "LOOPBACK"
    assert portable("--runner=SparkRunner", master, "--output_executable_path=job.jar").environment_type == "EXTERNAL"
    assert engine("--runner=FlinkRunner", "--output_executable_path=job.jar").start_with == "flink run job.jar"
    with pytest.raises(FlagError, match="LOOPBACK: this process is gone when a jar is run"):
        engine("--runner=SparkRunner", "--output_executable_path=job.jar", "--environment_type=LOOPBACK")


def staged(*flags: str) -> list[str]:
    return engine(*flags).options.get_all_options(retain_unknown_options=True)["files_to_stage"]


def test_of_spark_only_beams_part_is_sent_to_executors(tmp_path):
    jar, beams, sparks = tmp_path / "server.jar", tmp_path / "beam.jar", tmp_path / "jars" / "spark.jar"
    line = f"Class-Path: {beams.as_uri()} {sparks.as_uri()}"
    with ZipFile(jar, "w") as opened:
        opened.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\n{line[:40]}\r\n {line[40:]}\r\n")
    flags = ("--runner=SparkRunner", f"--spark_job_server_jar={jar}")
    assert staged(*flags) == [str(beams)]
    # A written job holds its server's jar already.
    assert staged(*flags, "--output_executable_path=job.jar") == [str(jar)]
    jar.write_bytes(b"no zip")
    with pytest.raises(FlagError, match="server.jar is no jar: "):
        engine(*flags)
