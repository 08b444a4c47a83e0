"""The stage job describe: what kind of prompt it is.

Alone: ``prefcurate run CONFIG --stages describe``; on Dataflow add ``--runner=DataflowRunner --project=… --region=…
--temp_location=gs://…``.
"""

from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.describe.describe import READS, WRITES, Describe

STAGE = Stage(
    name="describe",
    after=("ingest",),
    reads=READS,
    writes=WRITES,
    settings=lambda config: config.describe.fingerprints(),
    transform=lambda config, context: Describe(context, config.describe, config.budget),
    fingerprints=lambda config: config.describe.fingerprints(),
)
