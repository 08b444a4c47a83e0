"""The stage job screen: near duplicates, contradictions, benchmark contamination, bad responses, gold sides.

Alone: ``prefcurate run CONFIG --stages screen``; on Dataflow add ``--runner=DataflowRunner --project=… --region=…
--temp_location=gs://…``. Benchmarks are read by one worker, so their paths must be reachable from there.
"""

from functools import partial
from typing import Any

from prefcurate.pipelines.config import Config
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.ingest.benchmarks import benchmarks_digest
from prefcurate.transforms.screen.stage import READS, WRITES, Screen, settings


def _settings(config: Config) -> Any:
    return settings(config.screen, config.benchmarks, config.gold, config.embed.fingerprint())


STAGE = Stage(
    name="screen",
    after=("ingest", "embed"),
    # Vectors tell rephrased benchmarks alone: without benchmarks it needs no model.
    spares=lambda config: () if config.benchmarks and config.screen.rephrased is not None else ("embed",),
    reads=READS,
    writes=WRITES,
    settings=_settings,
    transform=lambda config, context: Screen(
        context, config.screen, config.benchmarks, config.gold, config.embed.fingerprint()
    ),
    files=lambda config: partial(benchmarks_digest, config.benchmarks),
)
