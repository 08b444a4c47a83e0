"""The whole line at ten thousand, a hundred thousand and a million comparisons: rates, memory, bytes, exponents.

    python tests/benchmarks/bench_line.py [ROWS …] [--store FOLDER] [--stages ingest,screen,…] [--bare] [--again] [--flags "…"]

Each stage runs as its users run it, `prefcurate run CONFIG --stages X`, over two processes; what is printed is its time by the clock
and of the processors, rows a second, and memory and bytes of all its processes together (see `watching.py`), start-up
included. `exponent` is the slope of log(seconds) over log(rows) between the two largest sizes: 1 is flat cost a row. The rows
are those of `corpus.py`; shards grow with them, as `prefcurate plan` advises.

`--bare` runs beside each of ingest, screen, consensus and publish the loop of `bare.py` on the same rows: `of bare` is the stage's
rate as a share of the loop's. `--again` runs the whole line on the unchanged store, then adds a hundredth of new rows and
runs it once more.

Asking LLM judges and embedding a million comparisons are out of a CPU's reach (some forty texts a second), so there are no
annotators, and stages that are not named by `--stages` (embed, describe, rubrics and annotate by default) do not run: the ledger
says that they are done and found nothing, so that those after them go on.
"""

import argparse
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import yaml

from prefcurate.pipelines.config import load_config
from prefcurate.pipelines.curate import STAGES, stage_context
from prefcurate.transforms.store.store import Store
from tests.benchmarks.corpus import FIELDS, GSM8K, write_corpus
from tests.benchmarks.watching import Cost, watched

NAMES = tuple(stage.name for stage in STAGES)
MEASURED = ("ingest", "screen", "consensus", "route", "publish", "report")
BARE = ("ingest", "screen", "consensus", "publish")
SHARD_ROWS = 62_500
"""Rows of a shard: about 200 MB of text."""
TWO_PROCESSES = ["--direct_num_workers=2"]


@dataclass(frozen=True)
class Measured:
    """What a stage cost, and the bare loop beside it, where there is one."""

    stage: Cost
    bare: Cost | None = None


def write_config(folder: Path, count: int, shards: int | None = None) -> Path:
    """A configuration whose store lies beside it."""
    values = {
        "store": "store",
        "shards": shards or 2 ** max(1, math.ceil(math.log2(count / SHARD_ROWS))),
        "sources": [{"name": "made", "format": "mapping", "path": "rows", "licence": "MIT", "fields": FIELDS}],
        "benchmarks": [{"name": "gsm8k", "path": str(GSM8K), "text": "question"}],
        "gold": {"annotators": ["person:*/expert-*"], "audit": 0.4},
        "consensus": {"min_accuracy": 0.6},
        "route": {"budget": {"items": 200}},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def pass_over(config: Path, stages: Sequence[str]) -> None:
    """Says in the ledger that stages are done and found nothing."""
    read = load_config(str(config))
    store = Store.open(read.store)
    for stage in STAGES:
        if stage.name in stages:
            told = stage_context(read, stage, store, "benchmark")
            versions = store.versions(stage.writes)
            store.record(stage.name, "benchmark", told.settings, told.inputs(), versions, {})


def run(config: Path, stages: Sequence[str], flags: Sequence[str], log: str) -> Cost:
    """Runs stages to their end; what the command printed lies beside the configuration."""
    command = [str(Path(sys.executable).with_name("prefcurate")), "run", str(config), "--stages", ",".join(stages)]
    return watched([*command, *flags], config.with_name(f"{log}.log"), _environment())


def run_bare(config: Path, stage: str) -> Cost:
    """Runs the bare loop of a stage and clears away what it wrote."""
    out = config.with_name(f"bare-{stage}")
    command = [sys.executable, "-m", "tests.benchmarks.bare", stage, str(config), str(out)]
    cost = watched(command, config.with_name(f"bare-{stage}.log"), _environment())
    shutil.rmtree(out)
    return cost


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": sys.path[0]}


def measure(folder: Path, count: int, given: argparse.Namespace) -> dict[str, Measured]:
    """What each stage costs at one size; a store that is there already is gone on with."""
    if not (folder / "rows").exists():
        write_corpus(folder / "rows", count)
    config = write_config(folder, count)
    found = {}
    for stage in NAMES:
        if stage not in given.stages:
            if stage not in given.skip:
                pass_over(config, [stage])
            continue
        cost = run(config, [stage], given.flags, stage)
        print(line(count, stage, cost), flush=True)
        found[stage] = Measured(cost, run_bare(config, stage) if given.bare and stage in BARE else None)
        bare = found[stage].bare
        if bare is not None:
            print(line(count, "  bare loop", bare) + f"  stage is at {_share(bare, cost)}", flush=True)
    if given.again:
        again(config, count, given)
    return found


def again(config: Path, count: int, given: argparse.Namespace) -> None:
    """An unchanged rerun, and one with a hundredth of new rows."""
    stages = [stage for stage in NAMES if stage in given.stages]
    print(line(count, "unchanged", run(config, stages, given.flags, "unchanged")), flush=True)
    write_corpus(config.parent / "rows", count + count // 100, first=count)
    cost = Cost(0.0, 0.0, 0.0, 0.0, 0.0)
    for stage in NAMES:
        if stage in given.stages:
            more = run(config, [stage], given.flags, f"{stage}-again")
            print(line(count // 100, f"+1% {stage}", more), flush=True)
            cost = cost.and_then(more)
        else:
            pass_over(config, [stage])
    print(line(count // 100, "+1% all", cost), flush=True)


def line(count: int, what: str, cost: Cost) -> str:
    """One measurement in words."""
    return (
        f"{count:>9,} rows  {what:<14}{cost.wall:8.1f} s {count / cost.wall:8,.0f} rows/s {cost.cpu:8.1f} s of processors "
        f"{cost.peak:7,.0f} MiB  read {cost.read:8,.0f} MiB  written {cost.written:8,.0f} MiB"
    )


def table(found: dict[int, dict[str, Measured]]) -> Iterator[str]:
    """The table, a line a stage."""
    sizes = sorted(found)
    heads = "".join(f"{f'{size:,}: s':>14}{'rows/s':>8}{'MiB':>7}{'of bare':>9}" for size in sizes)
    yield f"{'stage':<11}{heads}{'exponent':>10}{'of cpu':>8}"
    for stage in found[sizes[0]]:
        each = [found[size][stage] for size in sizes]
        cells = "".join(_cells(size, measured) for size, measured in zip(sizes, each, strict=True))
        costs = [measured.stage for measured in each[-2:]]
        slopes = (_exponent(sizes[-2:], [c.wall for c in costs]), _exponent(sizes[-2:], [c.cpu for c in costs]))
        yield f"{stage:<11}{cells}{slopes[0]:>10}{slopes[1]:>8}"


def _share(bare: Cost, cost: Cost) -> str:
    return f"{bare.wall / cost.wall:.0%} by the clock, {bare.cpu / cost.cpu:.0%} by the processors"


def _cells(size: int, measured: Measured) -> str:
    cost = measured.stage
    share = "" if measured.bare is None else f"{measured.bare.wall / cost.wall:.0%}"
    return f"{cost.wall:>14.1f}{size / cost.wall:>8,.0f}{cost.peak:>7,.0f}{share:>9}"


def _exponent(sizes: Sequence[int], seconds: Sequence[float]) -> str:
    if len(sizes) < 2:
        return ""
    return f"{math.log(seconds[1] / seconds[0]) / math.log(sizes[1] / sizes[0]):.2f}"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--store", type=Path, help="keeps rows, stores and logs here; a temporary folder by default")
    parser.add_argument("--stages", type=lambda text: text.split(","), default=list(MEASURED))
    parser.add_argument("--skip", type=lambda text: text.split(","), default=[], help="as they stand in the store")
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--flags", type=str.split, default=TWO_PROCESSES, help="Beam's, in one argument")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = given.store or Path(temporary)
        found = {size: measure(root / str(size), size, given) for size in sorted(given.sizes)}
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
