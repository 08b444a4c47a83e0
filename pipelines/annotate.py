"""The stage job annotate: every configured annotator answers what it has not answered yet.

Alone: ``prefcurate run CONFIG --stages annotate``; on Dataflow add ``--runner=DataflowRunner --project=… --region=…
--temp_location=gs://…`` (the keys must be in the environment of the workers: see runbooks/judges.md).
"""

from typing import Any

from prefcurate.pipelines.config import Config
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.annotate.annotate import READS, WRITES, Annotate

# What changes how or where it is asked, never what is answered.
_MANNER = {"endpoint", "api_key_env", "price", "concurrency", "timeout", "tries"}


def _settings(config: Config) -> Any:
    return {
        # Budgets decide how much is asked: a raised one must not find the stage up to date.
        "budget": config.budget,
        "annotators": [
            [annotator.fingerprint(), annotator.model_dump(mode="json", exclude=_MANNER)]
            for annotator in config.annotators
        ],
    }


STAGE = Stage(
    name="annotate",
    after=("ingest", "embed", "screen", "describe", "rubrics"),
    reads=READS,
    writes=WRITES,
    settings=_settings,
    transform=lambda config, context: Annotate(context, config.annotators, config.budget),
    fingerprints=lambda config: tuple(annotator.fingerprint() for annotator in config.annotators),
)
