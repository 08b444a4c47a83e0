"""The stage job rubrics: what makes an answer good, found in trusted labels and held out against others.

Alone: ``prefcurate run CONFIG --stages rubrics``; on Dataflow add ``--runner=DataflowRunner --project=… --region=…
--temp_location=gs://…``.
"""

from prefcurate.pipelines.config import Config
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.rubrics.build import READS, WRITES, BuildRubrics
from prefcurate.transforms.steps.context import StageContext


def _describers(config: Config) -> tuple[str, ...]:
    # A model that read the prompt names its task better than rules on words do.
    return tuple(reversed(config.describe.fingerprints()))


def _transform(config: Config, context: StageContext) -> BuildRubrics:
    return BuildRubrics(context, config.rubrics, config.gold, _describers(config), config.budget)


STAGE = Stage(
    name="rubrics",
    after=("ingest", "screen", "describe"),
    reads=READS,
    writes=WRITES,
    settings=lambda config: [config.rubrics.fingerprints(), config.gold.model_dump(mode="json"), _describers(config)],
    transform=_transform,
    fingerprints=lambda config: config.rubrics.fingerprints(),
)
