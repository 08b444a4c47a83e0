"""The stage job ingest: files of the configured sources that no earlier run has read.

Alone: ``prefcurate run CONFIG --stages ingest``; on Dataflow add ``--runner=DataflowRunner --project=… --region=…
--temp_location=gs://…``. The files are read by the workers, so their paths must be reachable from there.
"""

from functools import partial
from typing import Any

from prefcurate.pipelines.config import Config
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.ingest.ingest import TABLES_OF_INGEST, Ingest
from prefcurate.transforms.ingest.sources import listing_digest


def _settings(config: Config) -> Any:
    # The order of the sources in the YAML changes nothing.
    return [
        sorted([source.name, source.fingerprint(), source.licence or ""] for source in config.sources),
        config.limit,
    ]


STAGE = Stage(
    name="ingest",
    after=(),
    reads=(),
    writes=TABLES_OF_INGEST,
    settings=_settings,
    transform=lambda config, context: Ingest(context, config.sources, config.limit),
    # Unchanged files need not be read to know that they are unchanged.
    files=lambda config: partial(listing_digest, config.sources),
)
