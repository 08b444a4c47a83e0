"""Dataflow: what the shortest command needs beside ``--runner=DataflowRunner``, and what would only fail on a worker.

The shortest command is ``prefcurate run CONFIG --runner=DataflowRunner --project=… --region=… --temp_location=gs://…``. From a
checkout the workers then install prefcurate and its extras as they start, which takes minutes; an image
(``--sdk_container_image``, see runbooks/dataflow) has them already. Nobody here has an account: what is proven and
what is not stands in runbooks/dataflow.md.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import requires
from pathlib import Path

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, WorkerOptions

from prefcurate.pipelines.launch.flags import FlagError, Said, Setting
from prefcurate.pipelines.launch.runner import Runner

_CHECKOUT = Path(__file__).parents[2]
_FROM_ENVIRONMENT = {"project": "GOOGLE_CLOUD_PROJECT", "region": "CLOUDSDK_COMPUTE_REGION", "temp_location": ""}
"""What must be said, and the variable that says it where no flag does."""
_EXAMPLES = {"project": "my-project", "region": "europe-west1", "temp_location": "gs://my-bucket/tmp"}
_SOFTWARE = frozenset(
    {
        "sdk_container_image", "worker_harness_container_image", "prebuild_sdk_container_engine", "setup_file",
        "requirements_file", "extra_package", "extra_packages",
    }
)  # fmt: skip
"""Flags that say how prefcurate comes to the workers."""
_EXTRAS = ("all", "gcp")
_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?")
_JOB = re.compile(r"[^a-z0-9]+")


def _defaults(said: Said) -> Mapping[str, Setting]:
    # No job server stands behind this runner that could know more flags.
    said.check_known()
    wrong = [*_missing(said), *_not_in_the_cloud(said)]
    if wrong:
        raise FlagError("\n".join(wrong))
    found = {name: value for name in _FROM_ENVIRONMENT if (value := _told(said, name))}
    # A stage has a unit of work for each shard: more workers than that would wait.
    return {**found, "max_num_workers": said.shards, **_software(said)}


def _told(said: Said, name: str) -> str:
    return str(said.options[name] or os.environ.get(_FROM_ENVIRONMENT[name]) or "")


def _missing(said: Said) -> Iterator[str]:
    for name, variable in _FROM_ENVIRONMENT.items():
        if not _told(said, name):
            or_else = f" (or set ${variable})" if variable else ""
            yield f"--{name}: Dataflow needs it, such as --{name}={_EXAMPLES[name]}{or_else}"
    for name in ("temp_location", "staging_location"):
        value = said.options[name]
        # Beam would make a bucket of its own choice instead.
        if value and not _BUCKET.fullmatch(str(value)):
            yield f"--{name}={value}: Dataflow takes an address such as gs://my-bucket/tmp alone"
    if said.options["streaming"]:
        yield "--streaming: every stage is a batch job; leave the flag out"


def _not_in_the_cloud(said: Said) -> Iterator[str]:
    for where, path in (("store", said.store), *said.paths):
        if path and _is_here(path):
            yield f"{where}: {path} lies on this machine, where Dataflow's workers cannot read it; put it at gs://…"


def _is_here(path: str) -> bool:
    scheme, found, _ = path.partition("://")
    return not found or scheme in ("file", "local", "memory")


def _software(said: Said) -> Mapping[str, Setting]:
    if said.names & _SOFTWARE:
        return {}
    setup = _CHECKOUT / "setup.py"
    if not setup.is_file():
        raise FlagError(
            "Dataflow's workers need prefcurate: name an image with --sdk_container_image=… (runbooks/dataflow has the "
            "Dockerfile), or the sdist with --extra_package=prefcurate-….tar.gz"
        )
    # `skip`: the workers fetch from the index; staging would send gigabytes from this machine.
    return {"setup_file": str(setup), "requirements_file": _requirements(), "requirements_cache": "skip"}


def _requirements() -> str:
    """A file with what the extras bring, which an sdist alone does not install."""
    lines = {line.partition(";")[0].strip() for line in requires("prefcurate") or () if _of_extras(line)}
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prefcurate"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "dataflow-requirements.txt"
    file.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")
    return str(file)


def _of_extras(line: str) -> bool:
    return any(f'extra == "{extra}"' in line.replace("'", '"') for extra in _EXTRAS)


def job_name(stage: str) -> str:
    """A name that no other job has: lower-case letters, digits and dashes, as Dataflow wants it."""
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    return f"prefcurate-{_JOB.sub('-', stage.lower())}-{moment}"


def _of_stage(stage: str) -> Mapping[str, Setting]:
    return {"job_name": job_name(stage)}


def _words(options: PipelineOptions) -> str:
    cloud, workers = options.view_as(GoogleCloudOptions), options.view_as(WorkerOptions)
    most = workers.max_num_workers or workers.num_workers
    return f"on Dataflow in project {cloud.project}, region {cloud.region}" + (
        f", {most} workers at most" if most else ""
    )


def _written_to(options: PipelineOptions) -> str:
    return options.view_as(GoogleCloudOptions).template_location or ""


DATAFLOW = Runner("DataflowRunner", _defaults, _words, of_stage=_of_stage, written_to=_written_to)
