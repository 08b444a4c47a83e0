"""Forgetting by its command, on the whole line: what a person sees, what the next run makes of it, and a kill in its middle."""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from prefcurate.pipelines.query import query_store
from prefcurate.transforms.store.store import Store
from tests.e2e.line import DATA, SOURCES, config, prefcurate, start, tree
from tests.transforms.forget.bytes import holders

MARK = "Zxqmarker"
TEAM = {"name": "team", "licence": "MIT", "fields": SOURCES[2]["fields"] | {"annotator": "worker", "rationale": "why"}}


def team(folder: Path) -> str:
    """Twenty rows of another source: ten with a marker in prompt, answer and reason, ten pairs that it holds too; one unreadable."""
    lines = (DATA / "prd-lfqa" / "experts_pairwise_human_preferences.jsonl").read_text().splitlines()[:20]
    rows = [json.loads(line) | {"worker": "anna", "why": f"{MARK} since"} for line in lines]
    for row in rows[:10]:
        row |= {"question": f"{MARK} {row['question']}", "answer_a": f"{MARK} {row['answer_a']}"}
    path = folder / "team.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in [*rows, {"question": MARK, "worker": "anna"}]))
    return str(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The folder of a finished run over a source and the team's."""
    folder = tmp_path_factory.mktemp("forget")
    sources = [SOURCES[2], TEAM | {"path": team(folder)}]
    head = {"name": "head", "kind": "reward_head", "members": 2, "min_labels": 10}
    run(config(folder, sources, benchmarks=[], gold={"sources": ["lfqa"], "audit": 0.5}, annotators=[head]))
    return folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def run(path: Path) -> str:
    """The line in one process, the quickest where there is little to do."""
    return prefcurate("run", str(path), "--direct_num_workers=1")


def query(root: Path, sql: str) -> list[dict]:
    return query_store(Store.open(str(root)), sql).read_all().to_pylist()


def test_the_next_run_is_one_without_the_source(folder):
    store, path = folder / "store", folder / "config.yaml"
    counted = "SELECT count(*) AS n FROM embeddings WHERE text_id IN (SELECT response_a_id FROM comparisons)"
    printed = prefcurate("forget", str(store), "--source", "team", "--yes")
    assert "takes its place" in printed and "forgotten: " in printed and "is withdrawn" in printed
    assert holders(store, MARK, "anna") == []
    vectors = query(store, counted)
    printed = run(path)
    assert "source 'team' was forgotten in this store" in printed
    assert "quarantined: 21 rows of team: forgotten" in printed
    assert holders(store, MARK, "anna") == []
    accounts = {a["source"]: a for a in query(store, "SELECT * FROM accounts")}
    for a in accounts.values():
        assert a["rows"] == a["used"] + a["merged"] + a["auxiliary"] + a["quarantined"]
    assert (accounts["team"]["rows"], accounts["team"]["quarantined"]) == (21, 21)
    assert query(store, counted) == vectors, "no text is embedded twice"
    heads = "SELECT count(*) AS n FROM annotations WHERE annotator = 'reward_head:head'"
    assert query(store, heads) == query(store, "SELECT count(*) AS n FROM comparisons"), "fitted anew"
    before = tree(store)
    assert run(path).count("up to date") == 10
    assert tree(store) == before


def test_what_is_not_there_is_named_and_nothing_goes_unasked(folder):
    store = folder / "store"
    before = tree(store)
    prompt = query(store, "SELECT min(prompt_id) AS id FROM comparisons")[0]["id"]
    names = ["--source", "taem", "--annotator", "anna", "--prompt", prompt[:9]]
    told = prefcurate("forget", str(store), *names, status=2)
    assert "there is no source 'taem' in the store; nearest: team" in told
    assert "nearest: person:team/anna" in told
    assert f"did you mean {prompt}" in told
    assert "name what is to be forgotten" in prefcurate("forget", str(store), status=2)
    prefcurate("forget", str(store), "--source", "team", status=1)  # nobody answers the question
    assert tree(store) == before


@pytest.mark.parametrize("seed", [3])
def test_killed_in_the_middle_the_next_command_finishes_it(folder, seed):
    store, chance = folder / "store", random.Random(seed)
    process = start("forget", str(store), "--annotator", "person:team/anna", "--source", "team", "--yes")
    while process.poll() is None and not list(store.glob("_forgotten/*.json")):
        time.sleep(0.02)
    time.sleep(chance.uniform(0.0, 1.5))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    prefcurate("forget", str(store), status=0 if not list(store.glob("_forgotten/*.applied")) else 2)
    assert holders(store, MARK, "anna") == [], f"seed {seed}"
    assert query(store, "SELECT count(*) AS n FROM preferences")[0]["n"] > 0
