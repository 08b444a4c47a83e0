"""The same command on Spark and on Flink gives the bytes of the local run, and leaves no process behind."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.e2e.line import SOURCES, config, contents, start
from tests.engines.jars import job_server

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.yaml"
_WITHIN = 1500
pytestmark = pytest.mark.engines


def run(*arguments: str, status: int = 0) -> str:
    process = start("run", *arguments)
    try:
        printed, _ = process.communicate(timeout=_WITHIN)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == status, printed
    assert not group(process.pid), "processes are left behind"
    return printed


def group(leader: int) -> list[int]:
    """The processes of a group that still live."""
    found = subprocess.run(["ps", "-o", "pid=,stat=", "-g", str(leader)], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in found.splitlines() if "Z" not in line.split()[1]]


def test_the_quick_start_on_a_spark_cluster(tmp_path):
    from tests.engines.cluster import standalone

    jar = job_server("spark")
    settings = yaml.safe_load(QUICKSTART.read_text(encoding="utf-8"))
    # The model's vectors of beginnings: the whole texts take minutes on one core.
    settings["embed"]["max_tokens"] = 32
    folders = tmp_path / "local", tmp_path / "spark"
    paths = []
    for folder in folders:
        folder.mkdir()
        (folder / "data").symlink_to(QUICKSTART.parent / "data")
        paths.append(folder / "config.yaml")
        paths[-1].write_text(yaml.safe_dump(settings | {"store": "store"}), encoding="utf-8")
    run(str(paths[0]))
    with standalone(tmp_path / "cluster") as cluster:
        printed = run(
            str(paths[1]),
            "--runner=SparkRunner",
            f"--spark_master_url={cluster.url}",
            f"--spark_job_server_jar={jar}",
        )
        processes = [worker.pid for worker in cluster.workers]
    assert f"on Spark at {cluster.url}" in printed
    assert contents(folders[1] / "store") == contents(folders[0] / "store")
    assert not any(group(process) for process in processes)


def test_a_small_line_on_flink(tmp_path):
    jar = job_server("flink")
    paths = [config(tmp_path / name, SOURCES[:2]) for name in ("local", "flink")]
    run(str(paths[0]))
    run(str(paths[1]), "--runner=FlinkRunner", f"--flink_job_server_jar={jar}")
    assert contents(tmp_path / "flink" / "store") == contents(tmp_path / "local" / "store")
