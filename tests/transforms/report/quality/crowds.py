"""Made-up crowds whose truth is known, as rows of `OPINIONS`."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.report.quality.opinions import OPINIONS, Opinions, opinions_of

Answer = Callable[[dict, int, np.random.Generator], int]
"""From a pair (truth, first, longer, honest) and the answer's number to a label."""


def honest(pair: dict, _: int, rng: np.random.Generator) -> int:
    return pair["truth"] if rng.random() < 0.8 else -pair["truth"]


def guesses(_: dict, __: int, rng: np.random.Generator) -> int:
    return int(rng.choice([1, -1]))


FAULTS: dict[str, Answer] = {
    "guessing": guesses,
    "against_others": lambda pair, n, rng: -honest(pair, n, rng),
    "one_answer": lambda *_: 0,
    "first_shown": lambda pair, n, rng: pair["first"] if rng.random() < 0.7 else honest(pair, n, rng),
    "second_shown": lambda pair, n, rng: -pair["first"] if rng.random() < 0.7 else honest(pair, n, rng),
    "longer": lambda pair, n, rng: pair["longer"] if rng.random() < 0.8 else honest(pair, n, rng),
    "shorter": lambda pair, n, rng: -pair["longer"] if rng.random() < 0.8 else honest(pair, n, rng),
    "streaks": lambda pair, n, _: pair["first"] * (1 if (n // 8) % 2 else -1),
    "alternating": lambda pair, n, _: pair["first"] * (1 if n % 2 else -1),
    "too_fast": guesses,
    "worse_later": lambda pair, n, rng: pair["truth"] if n < 60 else guesses(pair, n, rng),
    "better_later": lambda pair, n, rng: pair["truth"] if n >= 60 else guesses(pair, n, rng),
}


def crowd(faults: dict[str, Answer], workers: int = 40, votes: int = 120, seed: int = 0) -> list[dict]:
    """Honest workers, right 80 times of 100, and one of each fault, `votes` answers each, to 300 pairs of 60 prompts."""
    rng = np.random.default_rng(seed)
    pairs = [
        {"item": i, "prompt": (i // 5) * 7919 + 1, "truth": int(rng.choice([1, -1])), "first": int(rng.choice([1, -1])),
         "characters": int(rng.integers(200, 2000))}
        for i in range(300)
    ]  # fmt: skip
    for pair in pairs:
        pair["longer"] = pair["truth"] * (1 if rng.random() < 0.6 else -1)
    names = [(f"honest-{i}", honest) for i in range(workers)] + [
        (f"planted-{name}", fault) for name, fault in faults.items()
    ]
    rows = []
    for name, answer in names:
        for number, place in enumerate(rng.choice(len(pairs), votes, replace=False).tolist()):
            pair = pairs[place]
            seconds = (
                pair["characters"] / 20 * float(rng.lognormal(0, 0.5)) * (0.1 if name == "planted-too_fast" else 1.0)
            )
            rows.append(opinion(name, pair, answer(pair, number, rng), number, seconds))
    return rows


def opinion(name: str, pair: dict, label: int, number: int, seconds: float | None = None, **more) -> dict:
    return {
        "annotator": f"person:made/{name}", "kind": "person", "source": "made", "family": f"made/{name}", "attribute": "overall",
        "item": pair["item"], "prompt": pair["prompt"], "act": int(stable_hash("act", name, pair["item"])[:12], 16), "label": label, "first": pair["first"],
        "shown": True, "longer": pair.get("longer", 0), "formatted": 0, "gold": 2, "seconds": seconds,
        "moment": None if seconds is None else 1_700_000_000 + 60 * number, "characters": pair.get("characters", 100),
        "file": "f", "row": number,
    } | more  # fmt: skip


def opinions(rows: list[dict], parts: int = 1) -> Opinions:
    tables = [pa.Table.from_pylist(rows[part::parts], schema=OPINIONS) for part in range(parts)]
    return opinions_of(tables)
