"""The stage job embed: a vector for every prompt and response that has none.

Alone: ``prefcurate run CONFIG --stages embed``; on Dataflow workers with a GPU add ``--runner=DataflowRunner --project=…
--region=… --temp_location=gs://… --dataflow_service_options=worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver``
and a container image with torch.
"""

from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.embed.stage import READS, WRITES, Embed

STAGE = Stage(
    name="embed",
    after=("ingest",),
    reads=READS,
    writes=WRITES,
    settings=lambda config: config.embed.fingerprint(),
    transform=lambda config, context: Embed(context, config.embed),
    fingerprints=lambda config: (config.embed.fingerprint(),),
)
