"""Dataflow: what the shortest command needs beside ``--runner=DataflowRunner``."""

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from prefcurate.pipelines.launch.runner import Runner


def _words(options: PipelineOptions) -> str:
    cloud = options.view_as(GoogleCloudOptions)
    return f"on Dataflow in project {cloud.project}, region {cloud.region}"


DATAFLOW = Runner("DataflowRunner", words=_words)
