"""Beam's direct runners: everything on this machine, by default on all of its cores."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners import PipelineRunner

from prefcurate.pipelines.launch.flags import FlagError, Said, Setting
from prefcurate.pipelines.launch.runner import Runner
from prefcurate.pipelines.launch.workers import WorkersRunner, warm

_PROCESSES = "multi_processing"
_QUOTA = "/sys/fs/cgroup/cpu.max"


def _checked(said: Said) -> Mapping[str, Setting]:
    if said.options["direct_running_mode"] == "multi_threading":
        raise FlagError(
            "--direct_running_mode=multi_threading corrupts data in Beam's direct runner; use multi_processing with "
            "--direct_num_workers=2"
        )
    # A job server may know more flags than Beam's Python side; the local runner has none behind it.
    said.check_known()
    return {}


def _defaults(said: Said) -> Mapping[str, Setting]:
    _checked(said)
    if "direct_num_workers" in said.names:
        workers = int(said.options["direct_num_workers"]) or cores()
    else:
        workers = workers_for(cores(), said.shards, said.limit)
    if workers == 1 and "direct_running_mode" not in said.names:
        return {}
    return {"direct_running_mode": _PROCESSES, "direct_num_workers": workers}


def workers_for(cores: int, shards: int, limit: int | None) -> int:
    """How many processes a run gets that says nothing of it.

    One a core, but no more than shards, which is what work is divided by; and one alone for a taste (`--limit`), which ends before
    others have started.
    """
    return 1 if limit is not None else max(1, min(cores, shards))


def cores() -> int:
    """The cores that this process may use: of those of the machine, what its affinity and its container's quota leave."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path(_QUOTA).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return allowed
    return allowed if quota == "max" else max(1, min(allowed, round(int(quota) / int(period))))


def _processes(options: PipelineOptions) -> int:
    direct = options.view_as(DirectOptions)
    return direct.direct_num_workers or cores() if direct.direct_running_mode == _PROCESSES else 1


def _words(options: PipelineOptions) -> str:
    workers = _processes(options)
    return (
        "in this process"
        if workers == 1
        else f"in {workers} processes on this machine (--direct_num_workers=1 for one)"
    )


def _around(options: PipelineOptions) -> AbstractContextManager[None]:
    return warm() if options.view_as(DirectOptions).direct_running_mode == _PROCESSES else nullcontext()


def _made(options: PipelineOptions) -> PipelineRunner | None:
    return WorkersRunner() if options.view_as(DirectOptions).direct_running_mode == _PROCESSES else None


LOCAL = Runner("FnApiRunner", _defaults, _words, _around, made=_made)
"""What Beam itself calls DirectRunner looks for a downloaded engine first; this is the one that it falls back to."""

BUNDLES = Runner("BundleBasedDirectRunner", _checked, lambda options: "in this process, bundle by bundle")
"""Tries a bundle again that raised: for tests of retries."""
