"""Beam counters with the same names in every stage."""

from typing import Literal

from apache_beam.metrics import Metrics

Counter = Literal["rows_in", "bytes_in", "rows_out", "bytes_out", "milliseconds"]


def count(stage: str, counter: Counter, amount: int) -> None:
    """Adds to a counter under the stage's name. Counters are for watching a run; accounts come from the tables."""
    Metrics.counter(f"prefcurate.{stage}", counter).inc(amount)
