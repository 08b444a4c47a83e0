"""Spark and Flink: what the shortest command needs beside ``--runner=SparkRunner`` or ``--runner=FlinkRunner``."""

from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions, SparkRunnerOptions

from prefcurate.pipelines.launch.runner import Runner


def _spark_words(options: PipelineOptions) -> str:
    return f"on Spark at {options.view_as(SparkRunnerOptions).spark_master_url}"


def _flink_words(options: PipelineOptions) -> str:
    return f"on Flink at {options.view_as(FlinkRunnerOptions).flink_master}"


SPARK = Runner("SparkRunner", words=_spark_words)
FLINK = Runner("FlinkRunner", words=_flink_words)
