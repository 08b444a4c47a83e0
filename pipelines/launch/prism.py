"""Prism, Beam's own small engine: what the shortest command needs beside ``--runner=PrismRunner``."""

import shutil
from collections.abc import Mapping

from apache_beam.options.pipeline_options import PipelineOptions, PrismRunnerOptions

from prefcurate.pipelines.launch.flags import Said, Setting
from prefcurate.pipelines.launch.runner import Runner


def _defaults(said: Said) -> Mapping[str, Setting]:
    # Beam fetches one from its releases where none is named; one that is installed needs no network.
    installed = shutil.which("prism")
    # What it says to itself is nothing to those who read the run's lines.
    return {"prism_log_level": "error", **({"prism_location": installed} if installed else {})}


def _words(options: PipelineOptions) -> str:
    where = options.view_as(PrismRunnerOptions).prism_location
    return f"on Prism ({where or 'fetched by Beam'}), with workers in this process"


PRISM = Runner("PrismRunner", _defaults, _words)
