"""How many rephrased items of a benchmark are found, at how many false ones: similarity with numbers beside similarity alone.

    python tests/benchmarks/bench_contamination.py [SHARED_DATA]      (needs the extras embed and offline)

GSM8K's 1,319 items and their twins, rephrased by an LLM (Yang et al. 2023, arXiv:2311.04850), from `shared/data/benchmarks`: `twins` is the share
found, and found as the right item; `same benchmark` the share of items said to be another item of GSM8K (some are variants of one);
`other prompts` the share of prompts of MT-bench, Arena-Hard, IFEval and PRD's questions said to be one. Intervals are Wilson's (1927). Each row is also
told for the odd and the even items, since the rule's two settings were chosen on all of them.
"""

import gzip
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from prefcurate.transforms.embed.embedder import embedder_of
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.intervals import wilson
from prefcurate.transforms.screen.rephrased import RephrasedIndex, numbers, rephrased_flag

SHARED = Path(__file__).parents[3] / "shared" / "data"


def rows(path: Path) -> list[dict]:
    """The objects of a JSON Lines file."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream if line.strip()]


def texts(data: Path) -> tuple[list[str], list[str], list[str]]:
    """Items, twins and other prompts."""
    gsm = data / "benchmarks" / "gsm8k"
    items = [row["question"] for row in rows(gsm / "test.jsonl.gz")]
    twins = [
        re.sub(r"\nAnswer:.*", "", row["text"], flags=re.S).removeprefix("Question: ")
        for row in rows(gsm / "rephrase_gsm8k.jsonl.gz")
    ]
    others = [row["turns"][0] for row in rows(data / "benchmarks" / "mt-bench" / "question.jsonl")]
    for name in ("arena-hard-v0.1", "arena-hard-v2.0"):
        for row in rows(data / "benchmarks" / "arena-hard" / name / "question.jsonl.gz"):
            others.append(row["turns"][0]["content"] if "turns" in row else row["prompt"])
    others += [row["prompt"] for row in rows(data / "benchmarks" / "ifeval" / "ifeval_input_data.jsonl")]
    others += [row["question"] for row in rows(data / "prd-lfqa" / "experts_pairwise_human_preferences.jsonl")]
    return items, twins, list(dict.fromkeys(others))


def share(found: int, of: int) -> str:
    """A share with its interval."""
    low, high = wilson(found / of, of)
    return f"{found / of:.4f} [{low:.4f}, {high:.4f}]"


def with_numbers(prompts: Sequence[str], similar: np.ndarray, index: RephrasedIndex) -> list[int]:
    """The item of each prompt (its number) by the stage's rule; -1 for none."""
    flags = (rephrased_flag(prompt, row, index, 0.8) for prompt, row in zip(prompts, similar, strict=True))
    return [-1 if flag is None else int(flag.matched_id) for flag in flags]


def alone(similar: np.ndarray) -> list[int]:
    """The same by a similarity of .8 alone."""
    best = similar.argmax(axis=1)
    return [int(item) if row[item] >= 0.8 else -1 for item, row in zip(best, similar, strict=True)]


def main() -> None:
    """Prints the table."""
    items, twins, others = texts(Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED)
    embedder = embedder_of(EmbedOptions())
    vectors = embedder.encode(items)
    index = RephrasedIndex(vectors, tuple(("gsm8k", n) for n in range(len(items))), tuple(map(numbers, items)))
    itself = vectors @ vectors.T
    np.fill_diagonal(itself, -1)
    similar = {
        "twins": embedder.encode(twins) @ vectors.T,
        "same": itself,
        "other": embedder.encode(others) @ vectors.T,
    }
    rules = {
        "similarity .80 alone": {name: alone(of) for name, of in similar.items()},
        "similarity and numbers": {
            name: with_numbers(prompts, similar[name], index)
            for name, prompts in (("twins", twins), ("same", items), ("other", others))
        },
    }
    print(f"{'':26} {'items':6} {'twins':25} {'as the right item':25} {'same benchmark':25} other prompts")
    for rule, found in rules.items():
        for part, step in (("all", slice(None)), ("even", slice(0, None, 2)), ("odd", slice(1, None, 2))):
            numbers_of = range(len(items))[step]
            cells = [
                share(sum(found["twins"][n] >= 0 for n in numbers_of), len(numbers_of)),
                share(sum(found["twins"][n] == n for n in numbers_of), len(numbers_of)),
                share(sum(found["same"][n] >= 0 for n in numbers_of), len(numbers_of)),
                share(sum(item >= 0 for item in found["other"][step]), len(found["other"][step])),
            ]
            print(f"{rule:26} {part:6} " + " ".join(f"{cell:25}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
