"""Ten times the data through the whole line: time a row and memory of every stage, at two sizes.

    python tests/benchmarks/bench_line.py [ROWS …] [--store FOLDER] [--stages ingest,embed,…] [--shards 4] [--no-model]

Each stage runs as its users run it, `prefcurate run CONFIG --stages X` in a process of its own. Seconds are of the CPU, which
a neighbour on the machine hardly changes, less those of the same command right after, when the stage is up to date: start-up
grows with nothing. Memory is the largest process's peak. `time` is how many times longer a row takes at the larger size (1 is
flat, 10 is quadratic), `exponent` says the same for any two sizes (seconds grow like rows to this power), `memory` how many
times larger the peak is.

Comparisons are 2 to 3 KB of real sentences, their words shuffled by a seed so that texts are distinct, two pairs a prompt;
2% are exact copies of another row and 2% near duplicates; five opinions a pair: three of named people (one to two
hundred rows) and one judge in both orders; every twentieth pair has an expert, who is gold.
"""

import argparse
import json
import math
import os
import random
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import yaml

from prefcurate.pipelines import cli
from prefcurate.transforms.embed import stage as embed_stage
from prefcurate.transforms.embed.embedder import rounded
from tests.transforms.screen.real import DATA, answers, generations

STAGES = ("ingest", "embed", "screen", "describe", "rubrics", "annotate", "consensus", "route", "publish", "report")
ROWS_OF_A_FILE = 5000
PERSON_ROWS = 200
FIELDS = {
    "prompt": "question",
    "response_a": "answer1",
    "response_b": "answer2",
    "row_id": "id",
    "label": {
        "each": "votes",
        "path": "vote",
        "values": {"1": "a", "2": "b", "0": "tie"},
        "annotator": "who",
        "kind": "kind",
        "order": "order",
    },
}


@dataclass(frozen=True)
class Measured:
    """One run of the command, or what a stage took of it."""

    seconds: float  # of the CPU
    wall: float
    peak: float  # MiB


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Comparisons, seeded: the first rows of a larger count are those of a smaller one, but for who votes."""
    sentences = [s.split() for text in (*answers(), *generations()) for s in text.split(". ") if 40 < len(s) < 300]
    people = max(10, count // PERSON_ROWS)
    made: list[dict[str, Any]] = []
    for number in range(count):
        rng = random.Random(number)
        if number % 50 == 49:
            row = dict(rng.choice(made))
        elif number % 50 == 24:
            row = _nearly(rng.choice(made), rng)
        else:
            row = {
                "question": _text(sentences, random.Random(-1 - number // 2), 3) + "?",
                "answer1": _text(sentences, rng, rng.randint(6, 14)),
                "answer2": _text(sentences, rng, rng.randint(6, 14)),
            }
        if len(made) < 2000:
            made.append(row)
        yield row | {"id": number, "votes": _votes(row, rng, people)}


def _text(sentences: Sequence[list[str]], rng: random.Random, count: int) -> str:
    return ". ".join(" ".join(rng.sample(words, len(words))) for words in rng.choices(sentences, k=count))


def _nearly(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    words = row["answer1"].split()
    del words[rng.randrange(len(words))]
    return row | {"answer1": " ".join(words)}


def _votes(row: dict[str, Any], rng: random.Random, people: int) -> list[dict[str, Any]]:
    # The longer answer is the better one, but for noise: the reward head has something to learn.
    better = 1 if len(row["answer1"]) > len(row["answer2"]) else 2
    names = [f"worker-{rng.randrange(people)}" for _ in range(3)]
    if rng.random() < 0.05:
        names[0] = f"expert-{rng.randrange(3)}"
    said = [(name, "person", rng.choice(("ab", "ba")), 0.95 if name[0] == "e" else 0.75) for name in names]
    said += [("some-judge", "llm_judge", order, 0.8) for order in ("ab", "ba")]
    return [
        {"who": who, "kind": kind, "order": order, "vote": _vote(better, right, rng)}
        for who, kind, order, right in said
    ]


def _vote(better: int, right: float, rng: random.Random) -> str:
    if rng.random() < 0.05:
        return "0"
    return str(better if rng.random() < right else 3 - better)


def write_source(folder: Path, count: int) -> None:
    """The comparisons as JSONL files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    stream = None
    for number, row in enumerate(rows(count)):
        if number % ROWS_OF_A_FILE == 0:
            if stream is not None:
                stream.close()
            stream = (folder / f"{number:09}.jsonl").open("w", encoding="utf-8")
        assert stream is not None
        stream.write(json.dumps(row) + "\n")
    if stream is not None:
        stream.close()


def write_config(folder: Path, shards: int) -> Path:
    """A configuration in which every stage has work; its store lies beside it."""
    gsm8k = DATA / "benchmarks" / "gsm8k" / "test.jsonl.gz"
    values = {
        "store": "store",
        "shards": shards,
        "sources": [{"name": "made", "format": "mapping", "path": "rows", "licence": "MIT", "fields": FIELDS}],
        "benchmarks": [{"name": "gsm8k", "path": str(gsm8k), "text": "question"}],
        "gold": {"annotators": ["person:*/expert-*"], "audit": 0.4},
        "embed": {"max_tokens": 32},
        "annotators": [
            {"name": "instructions", "kind": "checks"},
            {"name": "head", "kind": "reward_head", "members": 8},
        ],
        "consensus": {"min_accuracy": 0.6},
        "route": {"budget": {"items": 200}},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


class HashedVectors:
    """Stands in for the model: vectors by a hash of the text. A CPU embeds some hundred texts a second."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """One vector of 384 numbers a text."""
        seeds = (zlib.crc32(text.encode()) for text in texts)
        found = [np.random.default_rng(seed).standard_normal(384) for seed in seeds]
        return rounded(np.array(found, np.float32).reshape(-1, 384))


def inside() -> None:
    """The command in this process, without the model."""
    sys.argv[0] = "prefcurate"
    embed_stage.embedder_of = lambda options: HashedVectors()
    os._exit(cli.status_of_command())


def run(config: Path, stage: str, no_model: bool = False) -> Measured:
    """Runs one stage to its end.

    Raises:
        SystemExit: the command failed; what it printed lies beside the configuration.
    """
    command = [str(Path(sys.executable).with_name("prefcurate")), "run", str(config), "--stages", stage]
    if no_model:
        command = [sys.executable, "-c", "from tests.benchmarks.bench_line import inside; inside()", *command[1:]]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": sys.path[0]}
    log = config.with_name(f"{stage}.log")
    start = time.perf_counter()
    with log.open("w") as stream:
        redirected = [(os.POSIX_SPAWN_DUP2, stream.fileno(), 1), (os.POSIX_SPAWN_DUP2, stream.fileno(), 2)]
        child = os.posix_spawn(command[0], command, environment, file_actions=redirected)
        _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"stage {stage} failed, see {log}:\n{log.read_text()[-2000:]}")
    return Measured(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def measure(folder: Path, count: int, given: argparse.Namespace) -> dict[str, Measured]:
    """Seconds beyond start-up, and memory, of each stage at one size; a store that is there already is gone on with."""
    if not (folder / "rows").exists():
        write_source(folder / "rows", count)
    config = write_config(folder, given.shards)
    found = {}
    for stage in given.stages:
        work = run(config, stage, given.no_model and stage == "embed")
        again = run(config, stage)
        took = Measured(max(0.01, work.seconds - again.seconds), max(0.0, work.wall - again.wall), work.peak)
        found[stage] = took
        print(
            f"  {count:>9,} rows  {stage:<9} {took.seconds:8.1f} s ({took.wall:.1f} by the clock) {took.peak:8.0f} MiB",
            flush=True,
        )
    return found


def table(found: dict[int, dict[str, Measured]], stages: Sequence[str]) -> Iterator[str]:
    """The table, a line a stage; ratios compare the largest size with the smallest."""
    sizes = sorted(found)
    heads = "".join(f"{f'{size:,}: s':>12}{'rows/s':>9}{'MiB':>7}" for size in sizes)
    yield f"{'stage':<10}{heads}{'time':>8}{'exponent':>10}{'memory':>8}"
    for stage in (*stages, "all"):
        each = [_total(found[size]) if stage == "all" else found[size][stage] for size in sizes]
        cells = "".join(
            f"{m.seconds:>12.1f}{size / m.seconds:>9.0f}{m.peak:>7.0f}" for size, m in zip(sizes, each, strict=True)
        )
        more, longer = sizes[-1] / sizes[0], each[-1].seconds / each[0].seconds
        exponent = math.log(longer) / math.log(more) if more > 1 else 1.0
        yield f"{stage:<10}{cells}{longer / more:>8.2f}{exponent:>10.2f}{each[-1].peak / each[0].peak:>8.2f}"


def _total(stages: dict[str, Measured]) -> Measured:
    found = stages.values()
    return Measured(sum(m.seconds for m in found), sum(m.wall for m in found), max(m.peak for m in found))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", type=int, nargs="*", default=[2_000, 20_000])
    parser.add_argument("--store", type=Path, help="keeps rows, stores and logs here; a temporary folder by default")
    parser.add_argument("--stages", type=lambda text: text.split(","), default=STAGES)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--no-model", action="store_true", help="embed without the model: its vectors are hashes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = given.store or Path(temporary)
        found = {size: measure(root / str(size), size, given) for size in sorted(given.sizes)}
    print("\n".join(table(found, given.stages)))


if __name__ == "__main__":
    main()
