"""The stage report: one page and its figures, about everything that the store knows.

prefcurate run CONFIG --stages report
prefcurate run CONFIG --stages report --runner=DataflowRunner --project=… --region=… --temp_location=gs://…
"""

from typing import Any

from prefcurate.pipelines.config import Config
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.report.findings import ALGORITHM
from prefcurate.transforms.report.report import READS, WRITES, Report


def _settings(config: Config) -> Any:
    return {"algorithm": ALGORITHM, "gold": config.gold.model_dump(mode="json")}


STAGE = Stage(
    name="report",
    after=("ingest", "screen", "rubrics", "annotate", "consensus", "route", "publish"),
    reads=READS,
    writes=WRITES,
    settings=_settings,
    transform=lambda config, context: Report(context, config.gold),
)
