"""The stage consensus: what is published for each pair, and why.

prefcurate run CONFIG --stages consensus
prefcurate run CONFIG --stages consensus --runner=DataflowRunner --project=… --region=… --temp_location=gs://…
"""

import hashlib
from typing import Any

from prefcurate.pipelines.config import Config
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.consensus.consensus import READS, WRITES, Consensus
from prefcurate.transforms.consensus.options import ALGORITHM
from prefcurate.transforms.store.files import exists, read_bytes


def _settings(config: Config) -> Any:
    return {
        "algorithm": ALGORITHM,
        "consensus": config.consensus.model_dump(mode="json"),
        "gold": config.gold.model_dump(mode="json"),
        "overrides": _overrides_digest(config),
        "can_ask": config.route.can_ask,
    }


def _overrides_digest(config: Config) -> str | None:
    # An edited file is another configuration: the stage must run again.
    if config.overrides is None or not exists(config.overrides):
        return config.overrides
    return hashlib.sha256(read_bytes(config.overrides)).hexdigest()


STAGE = Stage(
    name="consensus",
    after=("ingest", "screen", "annotate"),
    reads=READS,
    writes=WRITES,
    settings=_settings,
    transform=lambda config, context: Consensus(
        context, config.consensus, config.gold, config.overrides, config.route.can_ask
    ),
)
