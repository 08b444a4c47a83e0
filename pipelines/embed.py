"""The stage job embed: a vector for every prompt and response that has none.

Alone: ``prefcurate run CONFIG --stages embed``; on Dataflow workers with a GPU add ``--runner=DataflowRunner --project=…
--region=… --temp_location=gs://… --dataflow_service_options=worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver``
and a container image with torch.
"""

from functools import partial
from typing import Any

from prefcurate.pipelines.config import Config
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.embed.stage import READS, WRITES, Embed
from prefcurate.transforms.ingest.benchmarks import benchmarks_digest, reading


def _settings(config: Config) -> Any:
    model = config.embed.fingerprint()
    return [model, reading(config.benchmarks)] if config.benchmarks else model


STAGE = Stage(
    name="embed",
    after=("ingest",),
    reads=READS,
    writes=WRITES,
    settings=_settings,
    transform=lambda config, context: Embed(context, config.embed, config.benchmarks),
    files=lambda config: partial(benchmarks_digest, config.benchmarks) if config.benchmarks else None,
    fingerprints=lambda config: (config.embed.fingerprint(),),
)
