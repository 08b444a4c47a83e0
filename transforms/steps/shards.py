"""The commonest stage: each shard on its own, from tables to parts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import apache_beam as beam

from prefcurate.transforms.steps.commit import Finished
from prefcurate.transforms.steps.units import Unit
from prefcurate.transforms.store.parts import Part


@dataclass
class MapShards(beam.PTransform):
    """Applies ``work`` to every unit; it reads the unit's shard and gives the parts that it wrote.

    Args:
        work: a picklable callable (a function of a module, or a frozen dataclass with ``__call__``). Engines may run it
            again for the same unit: it must write the same parts again.
    """

    work: Callable[[Unit], Iterable[Part | Finished]]

    def expand(self, units: beam.PCollection[Unit]) -> beam.PCollection[Part | Finished]:
        """From units to parts."""
        return units | "work" >> beam.FlatMap(self.work)
