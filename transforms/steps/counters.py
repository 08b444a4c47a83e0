"""Beam counters with the same names in every stage.

They are counted by the first and the last step, which all stages share: ``rows_in`` and ``bytes_in`` of the tables that the stage
reads (of the source files, for ingest), ``rows_out`` and ``bytes_out`` of the parts that it commits, ``milliseconds`` from the first
step to the commit.
"""

from typing import Literal

from apache_beam.metrics import Metrics

Counter = Literal["rows_in", "bytes_in", "rows_out", "bytes_out", "milliseconds"]


def count(stage: str, counter: Counter, amount: int) -> None:
    """Adds to a counter under the stage's name. Counters are for watching a run; accounts come from the tables."""
    Metrics.counter(f"prefcurate.{stage}", counter).inc(amount)
