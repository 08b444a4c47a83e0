"""The stage route: who should look at which pair next.

prefcurate run CONFIG --stages route
prefcurate run CONFIG --stages route --runner=DataflowRunner --project=… --region=… --temp_location=gs://…
"""

from typing import Any

from prefcurate.pipelines.config import Config
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.route.options import ALGORITHM
from prefcurate.transforms.route.route import READS, WRITES, Route


def _settings(config: Config) -> Any:
    # Stores from before there was a rule of people's numbers are not routed again for it.
    left_out = {"people"} if config.route.people is None else set()
    told = {"algorithm": ALGORITHM, "route": config.route.model_dump(mode="json", exclude=left_out)}
    # Only the rule of people's numbers counts labels that came: gold says which of them.
    return told | ({} if config.route.people is None else {"gold": config.gold.model_dump(mode="json")})


STAGE = Stage(
    name="route",
    after=("ingest", "annotate", "consensus"),
    reads=READS,
    writes=WRITES,
    settings=_settings,
    transform=lambda config, context: Route(context, config.route, config.gold),
)
