"""Beam's job servers for the tests: built once by Maven into build/engines, each with a small jar that adds the engine's own."""

import fcntl
import shutil
import subprocess
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / "build" / "engines"
_MAIN = {
    "spark": "org.apache.beam.runners.spark.SparkJobServerDriver",
    "flink": "org.apache.beam.runners.flink.FlinkJobServerDriver",
}
_LINE = 70


def job_server(engine: str) -> Path:
    """The jar for ``--spark_job_server_jar`` or ``--flink_job_server_jar``; skips the test where Java or Maven is missing."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        pytest.skip(
            f"engines are not tested: no {' and no '.join(missing)} in PATH (Debian: openjdk-17-jre-headless, maven)"
        )
    shaded = _shaded(engine)
    if engine == "flink":
        return shaded
    import pyspark

    jars = sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar"))
    target = BUILT / "spark-job-server.jar"
    _write_launcher(target, _MAIN[engine], [shaded, *jars])
    return target


def _shaded(engine: str) -> Path:
    pom, jar = HERE / "pom.xml", BUILT / engine / f"{engine}-job-server.jar"
    BUILT.mkdir(parents=True, exist_ok=True)
    # Of several test processes one builds.
    with (BUILT / f"{engine}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jar.exists() or jar.stat().st_mtime < pom.stat().st_mtime:
            command = ["mvn", "-B", "-ntp", "-q", "-f", str(pom), f"-P{engine}", "package"]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return jar


def _write_launcher(target: Path, main: str, jars: Iterable[Path]) -> None:
    lines = [
        "Manifest-Version: 1.0",
        f"Main-Class: {main}",
        f"Class-Path: {' '.join(jar.resolve().as_uri() for jar in jars)}",
    ]
    content = b"".join(_folded(line) for line in lines) + b"\r\n"
    with zipfile.ZipFile(target, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", content)


def _folded(line: str) -> bytes:
    """A line of a manifest: no longer than 72 bytes, going on after a space."""
    rest, folded = line.encode(), b""
    while len(rest) > _LINE:
        folded, rest = folded + rest[:_LINE] + b"\r\n", b" " + rest[_LINE:]
    return folded + rest + b"\r\n"


if __name__ == "__main__":
    for engine in _MAIN:
        print(job_server(engine))
