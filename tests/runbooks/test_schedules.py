"""The schedules, as they lie in runbooks/schedules: what they run exists, and each exit status is answered as it should be."""

import os
import re
import runpy
import shlex
import subprocess
import sys
import time
import types
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from prefcurate.pipelines.curate import STAGES
from tests.runbooks.commands import ROOT, mistakes

SCHEDULES = ROOT / "runbooks" / "schedules"


class Retried(Exception):
    """Airflow's AirflowException."""


class Final(Exception):
    """Airflow's AirflowFailException."""


@pytest.fixture
def dag(monkeypatch):
    """The DAG's module, with a stand-in for Airflow that notes the order of the tasks (that it parses with Airflow itself, and
    that a run of it ends, was seen by hand: see runbooks/schedules.md)."""
    order: list[str] = []
    sdk = types.ModuleType("airflow.sdk")
    sdk.dag = lambda **settings: lambda make: make
    sdk.task = lambda task_id: lambda run: lambda stage: task_id
    sdk.chain = lambda *tasks: order.extend(tasks)
    exceptions = types.ModuleType("airflow.sdk.exceptions")
    exceptions.AirflowException, exceptions.AirflowFailException = Retried, Final
    for name, module in {"airflow": types.ModuleType("airflow"), "airflow.sdk": sdk}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "airflow.sdk.exceptions", exceptions)
    monkeypatch.setenv("PREFCURATE_ENGINE", "--runner=SparkRunner --spark_master_url=spark://master:7077")
    monkeypatch.setenv("PREFCURATE_CONFIG", "/etc/c.yaml")
    found = types.SimpleNamespace(**runpy.run_path(str(SCHEDULES / "airflow_dag.py")))
    assert order == [stage.name for stage in STAGES]
    return found


def test_the_dag_runs_every_stage_with_commands_that_exist(dag):
    for stage in STAGES:
        name, *arguments = dag.command(stage.name)
        assert (name, list(mistakes(arguments))) == ("prefcurate", [])
    assert dag.command("embed")[-1] == "--spark_master_url=spark://master:7077"
    assert dag.command("annotate") == ["prefcurate", "run", "/etc/c.yaml", "--stages", "annotate"]


@pytest.mark.parametrize(("status", "raised"), [(0, None), (1, Retried), (2, Final), (137, Retried)])
def test_the_dag_tries_again_what_may_end_otherwise(dag, status, raised, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda command, check: subprocess.CompletedProcess(command, status))
    if raised is None:
        dag.run("embed")
    else:
        with pytest.raises(raised, match="embed: "):
            dag.run("embed")


def test_the_cron_job_is_one_that_kubernetes_takes():
    job = yaml.safe_load((SCHEDULES / "kubernetes.yaml").read_text(encoding="utf-8"))
    kubernetes_validate.validate(job, "1.31", strict=True)
    spec = job["spec"]["jobTemplate"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert list(mistakes(container["command"][1:])) == []
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    # The policy on exit statuses asks for this, and names the container.
    assert pod["restartPolicy"] == "Never"
    final = {"containerName": container["name"], "operator": "In", "values": [2]}
    assert {"action": "FailJob", "onExitCodes": final} in spec["podFailurePolicy"]["rules"]
    assert spec["backoffLimit"] > 0
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert [source for source in container["envFrom"] if "secretRef" in source]


@pytest.fixture
def nightly(tmp_path):
    """Runs nightly.sh with a command that ends with the given statuses, one after the other."""
    (tmp_path / "bin").mkdir()
    stand_in = tmp_path / "bin" / "prefcurate"
    stand_in.write_text(
        f'#!/bin/sh\necho "$@ key=$SOME_KEY" >> {tmp_path}/calls\n'
        f"sleep ${{PAUSE_OF_TEST:-0}}\nset -- $(head -1 {tmp_path}/statuses)\n"
        f"sed -i 1d {tmp_path}/statuses\nexit $1\n"
    )
    stand_in.chmod(0o755)
    (tmp_path / "keys").write_text("export SOME_KEY=secret\n")
    environment = {
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "PREFCURATE_LOGS": str(tmp_path / "logs"),
        "PREFCURATE_KEYS": str(tmp_path / "keys"), "PREFCURATE_PAUSE": "0", "HOME": str(tmp_path),
    }  # fmt: skip

    def start(*statuses: int, **more: str) -> subprocess.Popen[str]:
        (tmp_path / "statuses").write_text("".join(f"{status}\n" for status in statuses))
        command = [str(SCHEDULES / "nightly.sh"), "c.yaml", "--runner=FlinkRunner"]
        return subprocess.Popen(
            command, env=environment | more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    return start


@pytest.mark.parametrize(("statuses", "ended", "tries"), [([0], 0, 1), ([1, 0], 0, 2), ([1, 1, 1], 1, 3), ([2], 2, 1)])
def test_cron_tries_again_what_failed_and_not_what_is_wrong(nightly, tmp_path, statuses, ended, tries):
    process = nightly(*statuses)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == ended
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["run c.yaml --runner=FlinkRunner key=secret"] * tries
    assert (printed == "") == (ended == 0)
    assert "secret" not in printed + "".join(log.read_text() for log in (tmp_path / "logs").glob("*.log"))


def test_cron_starts_no_second_run(nightly, tmp_path):
    first = nightly(0, PAUSE_OF_TEST="3")
    while not (tmp_path / "calls").exists():
        time.sleep(0.05)
    second = nightly(0)
    printed, _ = second.communicate(timeout=60)
    assert second.returncode == 75 and "an earlier run is still going" in printed
    assert first.wait(timeout=60) == 0


def test_the_crontab_calls_the_script_that_is_there():
    lines = [line for line in (SCHEDULES / "crontab").read_text().splitlines() if line and not line.startswith("#")]
    settings = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    (entry,) = [line for line in lines if not re.match(r"[A-Z_]+=", line)]
    fields = shlex.split(entry)
    assert all(re.fullmatch(r"[\d*/,-]+", field) for field in fields[:5])
    assert Path(fields[5]).name == "nightly.sh" and os.access(SCHEDULES / "nightly.sh", os.X_OK)
    script = (SCHEDULES / "nightly.sh").read_text()
    assert all(f"{{{name}:-" in script for name in settings if name.startswith("PREFCURATE_"))
