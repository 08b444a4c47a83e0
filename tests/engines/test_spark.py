"""The same command on a Spark cluster gives the bytes of the local run, through failures too, and leaves no process behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark
import pytest

from prefcurate.transforms.store.store import Store
from tests.e2e.line import config, contents, digest, rows, start
from tests.engines.cluster import Cluster, free_ports, standalone
from tests.engines.jars import job_server
from tests.engines.lines import QUICK, QUICK_EXECUTORS, QUICK_JVM, TASTE, WITHIN, ended, group, run, small

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "examples" / "quickstart.yaml"
QUICK_SUBMIT = ("--driver-java-options", QUICK_JVM, "--conf", QUICK_EXECUTORS)
pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A master with two workers; nothing of them is left at the end."""
    job_server("spark")
    with standalone(tmp_path_factory.mktemp("cluster")) as running:
        yield running
    assert not any(group(worker.pid) for worker in running.workers)


@pytest.fixture(scope="module")
def spark(cluster) -> tuple[str, ...]:
    """The flags that lead there."""
    jar = job_server("spark")
    quick = *QUICK, f"--job_server_jvm_properties=-D{QUICK_EXECUTORS}"
    return "--runner=SparkRunner", f"--spark_master_url={cluster.url}", f"--spark_job_server_jar={jar}", *quick


def test_a_small_line_on_a_spark_cluster(tmp_path, local, cluster, spark):
    before = cluster.applications()
    printed = run(small(tmp_path), TASTE, *spark)
    assert len(cluster.applications() - before) == 1, "all stages have the same executors"
    assert "on Spark at spark://127.0.0.1:" in printed
    assert "Traceback" not in printed
    assert contents(tmp_path / "store") == local


def test_an_error_of_ours_is_one_message_on_spark(spark):
    command = [sys.executable, "-m", "tests.pipelines.launched", "tell", "raise", *spark]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN)
    # The source's description is wrong.
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip() == "prefcurate: source 'a' is wrong:\nits second line says how"


@pytest.mark.slow
def test_a_killed_executor_changes_no_byte(tmp_path, local, cluster, spark):
    path = small(tmp_path)
    running = start("run", path, TASTE, *spark)
    try:
        # Of two units that embed, one is done.
        wait(running, lambda: "ingest" in ledger(path) and pending(path), "work begins")
        cluster.executors()[0].kill()
    except BaseException:
        os.killpg(running.pid, signal.SIGKILL)
        raise
    printed = ended(running, status=None)
    if running.returncode:
        # Spark may give the job up; then the next run goes on.
        assert "Traceback" not in printed
        run(path, TASTE, *spark)
    assert contents(tmp_path / "store") == local


def pending(path: str) -> bool:
    return any(each.is_file() for each in (Path(path).parent / "store" / "_pending").rglob("*"))


def wait(running: subprocess.Popen[str], done: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + WITHIN
    while not done():
        assert running.poll() is None and time.monotonic() < until, f"it ended before {what}"
        time.sleep(0.1)


@pytest.mark.slow
def test_a_written_job_runs_as_often_as_something_is_new(tmp_path, spark):
    """`spark-submit` of one jar on two evenings; a file comes between them."""
    votes, job, master = tmp_path / "votes", tmp_path / "job.jar", spark[1].partition("=")[2]
    sources = [{"name": "votes", "format": "hf_preference", "path": str(votes / "*.jsonl")}]
    path, plain = (config(tmp_path / name, sources, gold={}) for name in ("written", "plain"))
    write_votes(votes / "monday.jsonl")
    (port,) = free_ports(1)
    there = ("--environment_type=EXTERNAL", f"--environment_config=localhost:{port}", f"--output_executable_path={job}")
    printed = run(str(path), "--stages=ingest", *spark, *there)
    assert f"the job of stage ingest is written to {job}; nothing has run yet" in printed
    assert f"spark-submit --master {master} {job}" in printed
    assert ledger(path) == []
    with worker_pool(port) as environment:
        for file in ("monday", "tuesday"):
            write_votes(votes / f"{file}.jsonl")
            submit = [f"{environment['SPARK_HOME']}/bin/spark-submit", "--master", master, *QUICK_SUBMIT, str(job)]
            done = subprocess.run(submit, env=environment, capture_output=True, text=True, timeout=WITHIN)
            assert done.returncode == 0, done.stderr[-4000:]
    assert ledger(path) == ["ingest", "ingest"]
    assert "ingest" in run(str(path), "--stages=ingest")
    assert ledger(path) == ["ingest", "ingest"], "the command finds what the jar did"
    run(str(plain), "--stages=ingest")
    assert {name: digest(rows(stored(path), name)) for name in INGESTED} == {
        name: digest(rows(stored(plain), name)) for name in INGESTED
    }
    assert stored(path).dataset("comparisons").count_rows() == 6


INGESTED = ("comparisons", "occurrences", "annotations", "quarantine")


def write_votes(file: Path) -> None:
    """Three pairs that no other file has."""
    file.parent.mkdir(exist_ok=True)
    lines = [
        {"prompt": f"{file.stem} {number}?", "chosen": f"Yes, {number} it is.", "rejected": f"No, not {number}."}
        for number in range(3)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def stored(path: Path) -> Store:
    return Store.open(str(path.parent / "store"))


def ledger(path: str | Path) -> list[str]:
    """The stages that have ended."""
    begun = (Path(path).parent / "store" / "store.json").exists()
    return [entry.stage for entry in stored(Path(path)).ledger()] if begun else []


@contextmanager
def worker_pool(port: int) -> Iterator[dict[str, str]]:
    """What runs on every machine of a cluster, and the variables that it and spark-submit need."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", "--service_port", str(port)]
    pool = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        yield environment
    finally:
        os.killpg(pool.pid, signal.SIGKILL)
        pool.wait()


@pytest.mark.quickstart
def test_the_quick_start_on_a_spark_cluster(tmp_path, spark):
    folders = tmp_path / "local", tmp_path / "spark"
    for folder in folders:
        shutil.copytree(QUICKSTART.parent, folder / "examples")
    run(str(folders[0] / "examples" / "quickstart.yaml"))
    printed = run(str(folders[1] / "examples" / "quickstart.yaml"), *spark)
    assert "on Spark at spark://127.0.0.1:" in printed
    assert contents(folders[1] / "store") == contents(folders[0] / "store")
