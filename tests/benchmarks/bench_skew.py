"""Skewed inputs through the whole line: time and memory of each stage, beside a plain input of the same size in the same run.

    python -m tests.benchmarks.bench_skew [ROWS …] [--kinds plain,one_prompt,empty_prompt,template,chain] [--store FOLDER]

- `one_prompt`: every pair belongs to one prompt.
- `empty_prompt`: every pair's prompt is empty.
- `template`: prompts of a long fixed text with a few words of their own, two pairs each: all are like all others.
- `chain`: each prompt shares eleven of its twelve sentences with the next one, two pairs each: a whole domain hangs together although
  its ends have nothing in common.
- `canned`: unlike prompts, to each of which one of the responses is a long fixed text with a few words of its own.
- `mixed`: a share of each of these.
- `plain`: prompts that have nothing in common, two pairs each.

Texts are real sentences, their words shuffled by a seed so that they are distinct. The line runs without a chat model, and with
hashes for vectors, since a CPU embeds some hundred texts a second. Seconds are of the processors, of all processes; memory is
what all processes held at the worst moment of a stage.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.benchmarks.corpus import FIELDS
from tests.benchmarks.watching import INTERVAL, Cost, Watch, alone
from tests.faults.stores import Ledger
from tests.transforms.screen.real import answers, generations

KINDS = ("plain", "one_prompt", "empty_prompt", "template", "chain", "canned", "mixed")
SKEWED = KINDS[1:-1]
_PEOPLE = 40


def rows(kind: str, count: int) -> Iterator[dict[str, Any]]:
    """Comparisons of a kind, seeded."""
    sentences = [s.split() for text in (*answers(), *generations()) for s in text.split(". ") if 40 < len(s) < 300]
    prompt, canned = _prompts(kind, sentences), _text(sentences, random.Random(-1), 12)
    for number in range(count):
        rng = random.Random(number)
        first, second = (_text(sentences, rng, rng.randint(2, 4)) for _ in range(2))
        if kind == "canned" or (kind == "mixed" and SKEWED[number % len(SKEWED)] == "canned"):
            first = f"{canned}. And besides, {' '.join(first.split()[:3])}."
        yield {"id": number, "question": prompt(number), "answer1": first, "answer2": second, "votes": _votes(rng)}


def _prompts(kind: str, sentences: Sequence[list[str]]) -> Callable[[int], str]:
    def sentence(number: int, length: int = 1) -> str:
        return _text(sentences, random.Random(-1 - number), length)

    fixed = _text(sentences, random.Random(0), 12)
    prompts: dict[str, Callable[[int], str]] = {
        "plain": lambda number: sentence(number // 2, 3),
        "canned": lambda number: sentence(number // 2, 3),
        "one_prompt": lambda number: fixed,
        "empty_prompt": lambda number: "",
        "template": lambda number: f"{fixed}. Now the same for {' '.join(sentence(number // 2).split()[:3])}?",
        "chain": lambda number: ". ".join(sentence(number // 2 + place) for place in range(12)),
    }
    if kind == "mixed":
        return lambda number: prompts[SKEWED[number % len(SKEWED)]](number // len(SKEWED))
    return prompts[kind]


def _text(sentences: Sequence[list[str]], rng: random.Random, count: int) -> str:
    return ". ".join(" ".join(rng.sample(words, len(words))) for words in rng.choices(sentences, k=count))


def _votes(rng: random.Random) -> list[dict[str, str]]:
    names = [f"worker-{rng.randrange(_PEOPLE)}" for _ in range(2)]
    names += [f"expert-{rng.randrange(3)}"] if rng.random() < 0.05 else []
    return [{"who": name, "kind": "person", "order": "unknown", "vote": rng.choice("1120")} for name in names]


def prepared(folder: Path, kind: str, count: int, shards: int = 4) -> Path:
    """A source of a kind and its configuration in a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows(kind, count))
    values = {
        "store": "store",
        "shards": shards,
        "sources": [{"name": "made", "path": "rows.jsonl", "licence": "MIT", "fields": FIELDS}],
        "gold": {"annotators": ["person:*/expert-*"], "audit": 0.4},
        "annotators": [
            {"name": "instructions", "kind": "checks"},
            {"name": "head", "kind": "reward_head", "members": 2},
        ],
        "consensus": {"min_accuracy": 0.6},
        "route": {"budget": {"items": 200}},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def run(config: Path) -> dict[str, Cost]:
    """Runs the whole line and gives what each stage cost.

    Raises:
        SystemExit: the command failed; what it printed lies beside the configuration.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    log, ledger = config.with_name("run.log"), Ledger(config.with_name("store"))
    with log.open("w") as printed:
        command = [sys.executable, "-m", "tests.benchmarks.hashed", "run", str(config), "--direct_num_workers=1"]
        root = Path(__file__).parents[2]
        child = subprocess.Popen(command, cwd=root, env=environment, stdout=printed, stderr=subprocess.STDOUT)
    found: dict[str, Cost] = {}
    watch, told, done = Watch(psutil.Process(child.pid), alone), _Told(), 0
    while child.poll() is None:
        watch.look()
        for stage in ledger.done()[done:]:
            found[stage], done = told.since(watch), done + 1
        time.sleep(INTERVAL)
    if child.returncode:
        raise SystemExit(f"{config} failed, see {log}:\n{log.read_text()[-2000:]}")
    for stage in ledger.done()[done:]:
        found[stage] = told.since(watch)
    return found


class _Told:
    """What was told of a watch so far."""

    def __init__(self) -> None:
        self._wall, self._sums = time.perf_counter(), (0.0, 0.0, 0.0)

    def since(self, watch: Watch) -> Cost:
        """What was used since the last time."""
        wall, sums = time.perf_counter(), watch.sums()
        cpu, read, written = (now - before for now, before in zip(sums, self._sums, strict=True))
        cost = Cost(wall - self._wall, cpu, watch.peak / 2**20, read / 2**20, written / 2**20)
        self._wall, self._sums, watch.peak = wall, sums, 0.0
        return cost


def table(found: dict[tuple[str, int], dict[str, Cost]]) -> Iterator[str]:
    """A line a stage: seconds and MiB of each kind, and how many times longer than plain rows."""
    for size in sorted({size for _, size in found}):
        kinds = [kind for kind, of in found if of == size]
        yield f"{size:,} rows".ljust(12) + "".join(f"{kind:>26}" for kind in kinds)
        for stage in next(iter(found.values())):
            costs = [found[kind, size][stage] for kind in kinds]
            plain = max(0.5, found["plain", size][stage].cpu) if ("plain", size) in found else 1.0
            yield stage.ljust(12) + "".join(f"{c.cpu:>9.1f} s{c.peak:>6.0f} MiB{c.cpu / plain:>5.1f}x" for c in costs)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", type=int, nargs="*", default=[5_000])
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=KINDS)
    parser.add_argument("--store", type=Path, help="keeps rows, stores and logs here; a temporary folder by default")
    given = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        for kind, size in itertools.product(given.kinds, given.sizes):
            folder = (given.store or Path(temporary)) / f"{kind}-{size}"
            found[kind, size] = run(prepared(folder, kind, size))
            told = ", ".join(f"{stage} {c.cpu:.1f} s {c.peak:.0f} MiB" for stage, c in found[kind, size].items())
            print(f"{kind} {size:,}: {told}", flush=True)
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
