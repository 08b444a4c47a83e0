"""Publishes a release: splits, selection, sharded Parquet, card, manifest.

    prefcurate run CONFIG --stages publish
    prefcurate run CONFIG --stages publish --runner=DataflowRunner --project=P --region=R --temp_location=gs://B/tmp \\
        --setup_file=./setup.py
"""

import json
import re
from typing import Any

from prefcurate.pipelines.config import Config, as_written
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.publish.publish import READS, WRITES, Publish

ALGORITHM = 3
"""Raised by hand when the same store and settings would give another release."""

_SECRET = re.compile(r"(api_?key|password|secret|authorization|access_token|bearer)$", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def resolved(config: Config) -> dict[str, Any]:
    """The configuration with every default filled in, for a release's manifest: without keys, the order of sources, or
    the place of the store, none of which can change what is published.

    Keys belong in environment variables; should one stand in the YAML or in an address all the same, it is left out.
    """
    dumped = as_written(config).model_dump(mode="json", serialize_as_any=True, exclude={"store"})
    for source, told in zip(config.sources, dumped["sources"], strict=True):
        told["path"] = sorted(told["path"]) if isinstance(told["path"], list) else told["path"]
        told["reader"] = {"format": source.reader.title, **told["reader"]}
    # An alias may mean another policy tomorrow.
    dumped["consensus"]["policy"] = config.consensus.rules().title
    for named in ("sources", "benchmarks", "annotators"):
        dumped[named] = sorted(dumped[named], key=lambda item: str(item["name"]))
    shown: dict[str, Any] = _without_secrets(dumped)
    return shown


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: "(left out)" if _SECRET.search(k) and v else _without_secrets(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return _CREDENTIALS.sub("", value) if isinstance(value, str) else value


STAGE = Stage(
    name="publish",
    after=("ingest", "screen", "consensus"),
    reads=READS,
    writes=WRITES,
    settings=lambda config: [ALGORITHM, config.publish.model_dump(mode="json")],
    transform=lambda config, context: Publish(context, config.publish, json.dumps(resolved(config), sort_keys=True)),
)
