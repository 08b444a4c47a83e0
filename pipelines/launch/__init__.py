"""How a stage's graph is run: the one place that knows runners.

`engine` hands graphs over; `flags` is what the person said. A runner of its own kind is one `runner.Runner`: its defaults (flags
that are added only where the person did not name them), its words, and what must live around its jobs. They stand in
`local`, `prism`, `spark` (Flink too) and `dataflow`.
"""

from prefcurate.pipelines.launch.engine import Engine
from prefcurate.pipelines.launch.failures import StageFailed
from prefcurate.pipelines.launch.flags import FlagError, Said

__all__ = ["Engine", "FlagError", "Said", "StageFailed"]
