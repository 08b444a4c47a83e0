"""What a stage is to the loop of `prefcurate.pipelines.curate`: what it builds on and how its graph is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from prefcurate.pipelines.config import Config
from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.steps.context import StageContext


@dataclass(frozen=True)
class Stage:
    """One stage job.

    Attributes:
        name: as in `--stages`.
        after: the stages that it builds on; it runs again when one of them changed its tables.
        spares: those of them that it does not need under a configuration.
        reads: tables that it reads.
        writes: tables that it commits.
        settings: what of the configuration can change its result, as JSON-able data (an algorithm version included); what
            lies in files that the configuration names is not part of it.
        transform: its graph, from a pipeline's root to the ledger entry.
        fingerprints: of what it makes facts under (models, annotators, describers): only these take part in views.
        files: what tells the state of the files outside the store that it reads, asked when the stage runs; None without any.
    """

    name: str
    after: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    settings: Callable[[Config], Any]
    transform: Callable[[Config, StageContext], beam.PTransform]
    fingerprints: Callable[[Config], tuple[str, ...]] = lambda config: ()
    spares: Callable[[Config], tuple[str, ...]] = lambda config: ()
    files: Callable[[Config], Callable[[], str] | None] = lambda config: None

    def builds_on(self, config: Config) -> tuple[str, ...]:
        """The stages that it builds on under a configuration."""
        spared = self.spares(config)
        return tuple(name for name in self.after if name not in spared)

    def fingerprint(self, config: Config) -> str:
        """Of the stage's part of the configuration, for the ledger."""
        return stable_hash("stage", self.name, config.seed, self.settings(config))
