"""Beam's direct runners: everything on this machine."""

from collections.abc import Mapping

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from prefcurate.pipelines.launch.flags import FlagError, Said, Setting
from prefcurate.pipelines.launch.runner import Runner


def _defaults(said: Said) -> Mapping[str, Setting]:
    if said.options["direct_running_mode"] == "multi_threading":
        raise FlagError(
            "--direct_running_mode=multi_threading corrupts data in Beam's direct runner; use multi_processing with "
            "--direct_num_workers=2"
        )
    # A job server may know more flags than Beam's Python side; the local runner has none behind it.
    said.check_known()
    return {}


def _words(options: PipelineOptions) -> str:
    workers = options.view_as(DirectOptions).direct_num_workers
    return "in this process" if workers == 1 else f"in {workers} processes on this machine"


LOCAL = Runner("FnApiRunner", _defaults, _words)
"""What Beam itself calls DirectRunner looks for a downloaded engine first; this is the one that it falls back to."""

BUNDLES = Runner("BundleBasedDirectRunner", _defaults, lambda options: "in this process, bundle by bundle")
"""Tries a bundle again that raised: for tests of retries."""
