"""Real texts of examples/data for tests of this folder."""

import gzip
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from prefcurate.transforms.screen.people import Votes
from prefcurate.transforms.screen.rows import Row
from prefcurate.transforms.screen.sketch import Sketch
from prefcurate.transforms.screen.sketching import Sketcher

DATA = Path(__file__).parents[3] / "examples" / "data"


@cache
def answers() -> tuple[str, ...]:
    """Some hundred different answers by people and models, to some hundred questions; rewrites of one another among them."""
    with gzip.open(DATA / "finegrained-qa-feedback" / "dev_feedback.json.gz", "rt", encoding="utf-8") as stream:
        rows = json.load(stream)
    found = [row[f"prediction {i}"] for row in rows for i in range(1, 5)] + [row["gold"] for row in rows]
    lines = (DATA / "prd-lfqa" / "experts_pairwise_human_preferences.jsonl").read_text(encoding="utf-8").splitlines()
    found += [json.loads(line)[side] for line in lines for side in ("answer_a", "answer_b")]
    return tuple(sorted({text.strip() for text in found if text.strip()}))


@cache
def generations() -> tuple[str, ...]:
    """Answers of five models, long ones."""
    found = []
    for path in sorted((DATA / "prd-vicuna80" / "generations").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            found += [json.loads(line)["text"] for line in stream]
    return tuple(found)


def sketch_of(texts: Sequence[tuple[str, str, str]], leanings: Sequence[int] = (), shortest: int = 80) -> Sketch:
    """The sketch of comparisons (prompt, response_a, response_b) in the order of their ids; what people said is 1, -1 or 0."""
    rows = [_row(number, *of) for number, of in enumerate(texts)]
    sketcher = Sketcher(shortest)
    sketcher.add(rows)
    said = zip(rows, leanings, strict=False)
    return sketcher.sketch({row.comparison_id: Votes(max(0, to), max(0, -to)) for row, to in said})


def _row(number: int, prompt: str, a: str, b: str) -> Row:
    name = f"{number:032x}"
    return Row(name, name, name, prompt, (), a, b)
