"""An Airflow DAG (Airflow 3) that runs the line every night, one task for each stage.

Copy it into the folder of DAGs. What it needs comes from the environment of Airflow's workers:

PREFCURATE_CONFIG        the YAML file, a path that every worker has (default /etc/prefcurate/config.yaml)
PREFCURATE_COMMAND       the command, where it is not in PATH: /opt/prefcurate/bin/prefcurate
PREFCURATE_ENGINE        flags for the stages that compute, such as "--runner=SparkRunner --spark_master_url=spark://master:7077"
OPENAI_API_KEY and such  the keys that `api_key_env` names in the YAML; Airflow's own logs and tables never see them

The stages that ask a chat model wait for its answers and compute nothing: they run on Airflow's worker, where the keys are.
A stage with nothing to do takes a second. Exit status 2 (the configuration is wrong) fails the run at once; 1 (something failed and
is named) is tried again, and goes on where it ended.
"""

import os
import shlex
import subprocess
from datetime import datetime, timedelta

from airflow.sdk import chain, dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

CONFIG = os.environ.get("PREFCURATE_CONFIG", "/etc/prefcurate/config.yaml")
COMMAND = os.environ.get("PREFCURATE_COMMAND", "prefcurate")
ENGINE = shlex.split(os.environ.get("PREFCURATE_ENGINE", ""))
STAGES = (
    "ingest", "embed", "screen", "describe", "rubrics", "annotate", "consensus", "route", "publish", "report",
)  # fmt: skip
ASKING = {"describe", "rubrics", "annotate"}
WRONG = 2


def command(stage: str) -> list[str]:
    """What is run for a stage."""
    return [COMMAND, "run", CONFIG, "--stages", stage, *([] if stage in ASKING else ENGINE)]


def run(stage: str) -> None:
    """Runs a stage; its output goes to the task's log."""
    status = subprocess.run(command(stage), check=False).returncode
    if status == WRONG:
        raise AirflowFailException(
            f"{stage}: the configuration or a flag is wrong, nothing was paid; the log says what to mend"
        )
    if status:
        raise AirflowException(f"{stage}: exit status {status}; the log names what failed")


@dag(
    dag_id="prefcurate",
    schedule="15 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # One run at a time asks from one store.
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10), "execution_timeout": timedelta(hours=8)},
)
def prefcurate() -> None:
    """Raw comparisons in, a release out."""
    chain(*(task(task_id=stage)(run)(stage) for stage in STAGES))


prefcurate()
