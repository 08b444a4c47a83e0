"""Spark and Flink: what the shortest command needs beside ``--runner=SparkRunner`` or ``--runner=FlinkRunner``.

Both are reached through a job server of Beam's, a Java process that lives as long as the run and serves all of its stages.
"""

import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from socket import socket
from urllib.error import URLError
from urllib.parse import unquote, urlsplit
from zipfile import BadZipFile, ZipFile

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
    SparkRunnerOptions,
)
from apache_beam.runners.portability.flink_runner import FlinkJarJobServer
from apache_beam.runners.portability.job_server import JavaJarJobServer
from apache_beam.runners.portability.spark_runner import SparkJarJobServer
from apache_beam.runners.worker import sdk_worker

from prefcurate.pipelines.launch.flags import FlagError, Said, Setting
from prefcurate.pipelines.launch.runner import Runner
from prefcurate.pipelines.launch.watch import watched
from prefcurate.pipelines.launch.workers import without_broken_connections

POOL = "localhost:50000"
"""Where a worker pool listens on every machine of a cluster; see runbooks/spark.md."""
_OPENED = (
    "java.lang java.lang.invoke java.lang.reflect java.io java.net java.nio java.util java.util.concurrent "
    "java.util.concurrent.atomic sun.nio.ch sun.nio.cs sun.security.action sun.util.calendar"
)
"""Packages of Java 17 that Spark and Flink look into."""
_TIED = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no job server outlives its run
os.execvp(sys.argv[1], sys.argv[1:])
"""
_KEPT_MILLIS = 30_000
"""How long a Python worker is kept that has nothing to do: between the steps of a job, since each start imports everything
anew, and hardly longer, since the next stage's job has workers of its own."""
_ONE_APPLICATION = "-Dbeam.spark.test.reuseSparkContext=true"
"""Executors live as long as the job server, as in Beam's own tests: one application a run, instead of two new JVMs a stage and
the jars sent to each of them."""
_GONE = (
    "Beam's job server is gone; if nobody killed it, memory ran out: it runs beside this command. The store is whole: run again, and "
    "it goes on with what was finished"
)
_MANIFEST = "META-INF/MANIFEST.MF"


def _spark_defaults(said: Said) -> Mapping[str, Setting]:
    master = str(said.options["spark_master_url"]) if "spark_master_url" in said.names else "local[*]"
    jar = _jar(said, "spark_job_server_jar")
    staged = [] if jar is None else _beside_spark(jar)
    if staged and said.options["output_executable_path"]:
        # What is written holds its server's jar already.
        staged = [str(jar)]
    return {
        "spark_master_url": master,
        **_workers(said, one_machine=master.startswith("local") or _loopback(master)),
        **_endpoint(said),
        **({"files_to_stage": staged} if staged else {}),
    }


def _flink_defaults(said: Said) -> Mapping[str, Setting]:
    master = str(said.options["flink_master"]) if "flink_master" in said.names else "[local]"
    _jar(said, "flink_job_server_jar")
    return {
        "flink_master": master,
        **_workers(said, one_machine=master in ("[local]", "[auto]") or _loopback(master)),
        **_endpoint(said),
        # More lanes than shards have nothing to do.
        "parallelism": min(said.shards, 2) if master == "[local]" else said.shards,
    }


def _workers(said: Said, one_machine: bool) -> Mapping[str, Setting]:
    """Where Python runs: in this process where everything is on this machine, else in a pool on every machine of the cluster,
    or in a container where an image is named."""
    if said.options["output_executable_path"]:
        if said.options["environment_type"] == "LOOPBACK":
            raise FlagError(
                "--environment_type=LOOPBACK: this process is gone when a jar is run; leave the flag out for a worker pool at "
                f"{POOL} of each machine, or name an image with --sdk_container_image"
            )
    elif one_machine:
        return {"environment_type": "LOOPBACK", "environment_cache_millis": _KEPT_MILLIS}
    image = said.options.get("sdk_container_image")
    if image:
        return {
            "environment_type": "DOCKER",
            "environment_config": str(image),
            "environment_cache_millis": _KEPT_MILLIS,
        }
    return {"environment_type": "EXTERNAL", "environment_config": POOL, "environment_cache_millis": _KEPT_MILLIS}


def _endpoint(said: Said) -> Mapping[str, Setting]:
    if "job_endpoint" in said.names:
        return {}
    port = int(said.options["job_port"] or 0) or _free_port()
    return {"job_endpoint": f"localhost:{port}", "job_port": port}


def _free_port() -> int:
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _loopback(address: str) -> bool:
    return (urlsplit(address if "://" in address else f"//{address}").hostname or "") in (
        "localhost",
        "127.0.0.1",
        "::1",
    )


def _jar(said: Said, flag: str) -> str | None:
    jar = said.options[flag]
    if jar and "://" not in str(jar) and not Path(str(jar)).is_file():
        raise FlagError(
            f"--{flag}={jar}: there is no such file; `make test-engines` builds one into build/engines, and without the flag "
            "Beam's own is downloaded"
        )
    return None if not jar else str(jar)


def _beside_spark(jar: str) -> list[str]:
    """Of a jar that names others, those which executors lack: what lies in SPARK_HOME/jars they have, and it takes half a
    minute a job to send it to them all the same."""
    if not Path(jar).is_file():
        return []
    try:
        with ZipFile(jar) as opened:
            # A line of a manifest goes on where the next begins with a space.
            manifest = re.sub(r"\r?\n ", "", opened.read(_MANIFEST).decode())
    except (BadZipFile, KeyError) as error:
        raise FlagError(f"{jar} is no jar: {error}") from error
    named = re.search(r"^Class-Path: (.*)$", manifest, re.MULTILINE)
    paths = [Path(unquote(urlsplit(url).path)) for url in (named.group(1).split() if named else [])]
    return [str(path) for path in paths if path.parent.name != "jars"]


@contextmanager
def _job_server(
    make: Callable[[PipelineOptions], JavaJarJobServer], properties: Sequence[str], options: PipelineOptions
) -> Iterator[None]:
    """One job server for all stages of a run, gone with it even if it is killed."""
    server = options.view_as(JobServerOptions)
    if options.view_as(PortableOptions).job_endpoint != f"localhost:{server.job_port}":
        # Somebody else's.
        yield
        return
    java = server.job_server_java_launcher
    if shutil.which(java) is None:
        raise FlagError(
            f"Spark and Flink need Java (11 or 17), and there is no {java} in PATH; install it, or name it with "
            "--job_server_java_launcher"
        )
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED.split()]
    server.job_server_jvm_properties = ["-c", _TIED, java, *opens, *properties, *server.job_server_jvm_properties]
    server.job_server_java_launcher = sys.executable
    running = make(options)
    try:
        running.start()
    except (RuntimeError, URLError) as error:
        raise FlagError(
            f"Beam's job server does not start: {error}; where Beam's own cannot be downloaded, build one with "
            "`make engines` and name it with --spark_job_server_jar or --flink_job_server_jar"
        ) from error
    # Not put back: threads of workers in this process end after the server that they were connected to.
    threading.excepthook = without_broken_connections
    try:
        with watched(("localhost", server.job_port), _GONE), _pages_left_out():
            yield
    finally:
        running.stop()


@contextmanager
def _pages_left_out() -> Iterator[None]:
    """Workers in this process print the pages of each try's error, which the job brings back as well and which is told once."""
    vars(sdk_worker)["print"] = lambda *pages, **where: None
    try:
        yield
    finally:
        del vars(sdk_worker)["print"]


def _spark_words(options: PipelineOptions) -> str:
    return f"on Spark at {options.view_as(SparkRunnerOptions).spark_master_url}, {_where(options)}"


def _flink_words(options: PipelineOptions) -> str:
    return f"on Flink at {options.view_as(FlinkRunnerOptions).flink_master}, {_where(options)}"


def _where(options: PipelineOptions) -> str:
    portable = options.view_as(PortableOptions)
    told = {
        "LOOPBACK": "Python in this process",
        "EXTERNAL": f"Python in the worker pool at {portable.environment_config} of each machine",
        "DOCKER": f"Python in containers of {portable.environment_config}",
    }
    return told.get(str(portable.environment_type), f"environment {portable.environment_type}")


def _written_to(options: PipelineOptions) -> str:
    return options.view_as(PortableOptions).output_executable_path or ""


def _submit(options: PipelineOptions) -> str:
    return f"spark-submit --master {options.view_as(SparkRunnerOptions).spark_master_url} {_written_to(options)}"


def _flink_run(options: PipelineOptions) -> str:
    return f"flink run {_written_to(options)}"


SPARK = Runner(
    "SparkRunner",
    _spark_defaults,
    _spark_words,
    partial(_job_server, SparkJarJobServer, [_ONE_APPLICATION]),
    written_to=_written_to,
    start_with=_submit,
)
FLINK = Runner(
    "FlinkRunner",
    _flink_defaults,
    _flink_words,
    partial(_job_server, FlinkJarJobServer, []),
    written_to=_written_to,
    start_with=_flink_run,
)
