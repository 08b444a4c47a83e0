"""The stage consensus: what is published for each pair, and why.

prefcurate run CONFIG --stages consensus
prefcurate run CONFIG --stages consensus --runner=DataflowRunner --project=… --region=… --temp_location=gs://…
"""

from functools import partial
from typing import Any

from prefcurate.pipelines.config import Config
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.consensus.consensus import READS, WRITES, Consensus
from prefcurate.transforms.consensus.options import ALGORITHM
from prefcurate.transforms.consensus.overrides import overrides_digest


def _settings(config: Config) -> Any:
    return {
        "algorithm": ALGORITHM,
        "consensus": config.consensus.settings(),
        "gold": config.gold.model_dump(mode="json"),
        "can_ask": config.route.can_ask,
    }


STAGE = Stage(
    name="consensus",
    after=("ingest", "embed", "screen", "describe", "annotate"),
    spares=lambda config: ("embed",) if config.consensus.dynamics is None else (),
    reads=READS,
    writes=WRITES,
    settings=_settings,
    transform=lambda config, context: Consensus(
        context, config.consensus, config.gold, config.overrides, config.route.can_ask, config.embed.fingerprint()
    ),
    # An edited file is read again.
    files=lambda config: None if config.overrides is None else partial(overrides_digest, config.overrides),
)
