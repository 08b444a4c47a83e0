"""Skewed input through the whole line: one prompt with a thousand pairs, prompts of one template. `tests/benchmarks/bench_skew.py`
measures more of it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from prefcurate.transforms.store.store import Store
from tests.benchmarks.bench_skew import Cost, prepared, rows, run

PAIRS = 1000
SECONDS, MEMORY, REPORT = 4.0, 1.6, 2.0
"""How many times what plain rows take is sane. What multiplies the pairs of a prompt with each other takes a thousand times."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[str, tuple[Path, dict[str, Cost]]]:
    """Of each kind of rows the store's folder and what each stage cost; all at once, since it is processor time that is compared."""
    folder = tmp_path_factory.mktemp("skew")

    def line(kind: str) -> tuple[Path, dict[str, Cost]]:
        path = prepared(folder / kind, kind, PAIRS, shards=2)
        return path.with_name("store"), run(path)

    kinds = ("plain", "one_prompt", "template")
    with ThreadPoolExecutor(len(kinds)) as threads:
        return dict(zip(kinds, threads.map(line, kinds), strict=True))


@pytest.mark.parametrize(("kind", "clusters"), [("one_prompt", 1), ("template", 1)])
def test_a_skewed_source_costs_no_more_than_a_plain_one(measured, kind, clusters):
    (plain, usual), (skewed, costs) = measured["plain"], measured[kind]
    assert {stage: c for stage, c in costs.items() if c.cpu > SECONDS * max(2.0, usual[stage].cpu)} == {}
    assert {stage: c for stage, c in costs.items() if c.peak > MEMORY * usual[stage].peak} == {}
    pages = [len((root / "report" / "index.html").read_bytes()) for root in (plain, skewed)]
    assert pages[1] < REPORT * pages[0]
    assert of_tables(skewed) == of_rows(kind) | {"clusters of prompts": clusters}


def of_rows(kind: str) -> dict[str, int]:
    """What tables must hold of rows that are all distinct."""
    made = list(rows(kind, PAIRS))
    prompts = len({row["question"] for row in made})
    votes = sum(len(row["votes"]) for row in made)
    pairs = dict.fromkeys(("comparisons", "occurrences", "clusters", "consensus"), PAIRS)
    return pairs | {"quarantine": 0, "prompts": prompts, "votes": votes}


def of_tables(root: Path) -> dict[str, int]:
    """How many rows the tables hold; `votes` are the annotations that came with the data."""
    store = Store.open(str(root))
    found = {name: store.rows(name) for name in ("comparisons", "occurrences", "clusters", "consensus", "quarantine")}
    for name, table, column, where in (
        ("prompts", "comparisons", "prompt_id", "true"),
        ("votes", "annotations", "annotation_id", "kind = 'person'"),
        ("clusters of prompts", "clusters", "prompt_cluster", "true"),
    ):
        relation = duckdb.arrow(store.dataset(table).to_table())
        found[name] = relation.filter(where).aggregate(f"count(distinct {column})").fetchall()[0][0]
    return found
