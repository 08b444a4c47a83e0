"""The whole line by its command, on real data: what a person sees, what reruns and new data change, and what they do not."""

import json
import random
from pathlib import Path

import duckdb
import pytest

from tests.e2e.line import DATA, SOURCES, config, contents, prefcurate, tree

ONE = "--direct_num_workers=1"
"""The quickest where there is little to do."""


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> tuple[Path, str]:
    """One undisturbed run, started as users start it: its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("line")
    return folder, prefcurate("run", str(config(folder)), ONE, forked=False)


def query(root: Path, sql: str) -> list[dict]:
    return json.loads(prefcurate("query", str(root), sql, "--format", "json"))


def test_the_run_ends_with_the_account_of_every_row(first):
    folder, printed = first
    accounts = {row["source"]: row for row in query(folder / "store", "SELECT * FROM accounts")}
    # 16 files of 40 verdicts by each of two judges; 35 pairs of answers with 65 experts' rows; votes as the data's README says.
    assert {
        name: (a["rows"], a["used"], a["merged"], a["auxiliary"], a["quarantined"]) for name, a in accounts.items()
    } == {
        "judges": (1846, 1600, 0, 246, 0),
        "people": (1237, 880, 0, 246, 111),
        "lfqa": (65, 65, 0, 0, 0),
    }
    for words in (
        "What happened to every row",
        "1,846",
        "quarantined: 111 rows of people: response text missing",
        "published labels agree with held-out gold",
        "report/index.html",
    ):
        assert words in printed


def test_what_is_published_stands_in_the_release(first):
    store = first[0] / "store"
    current = (store / "releases" / "current").read_text().strip()
    published = duckdb.read_parquet(str(store / "releases" / current / "*-*.parquet"))
    (counted,) = query(store, "SELECT count(*) AS n, count(DISTINCT comparison_id) AS ids FROM preferences")
    assert counted["n"] == counted["ids"] == len(published.fetchall()) > 100
    wrong = query(
        store,
        "SELECT count(*) AS n FROM preferences p JOIN consensus c USING (comparison_id) JOIN comparisons USING (comparison_id) "
        "WHERE label_source = 'consensus' AND p.chosen[1].content <> CASE c.label WHEN 'a' THEN response_a_text ELSE response_b_text END",
    )
    assert wrong == [{"n": 0}]
    across = query(
        store,
        "SELECT count(*) AS n FROM (SELECT prompt_id FROM preferences GROUP BY 1 HAVING count(DISTINCT split) > 1)",
    )
    assert across == [{"n": 0}]


def test_an_unchanged_rerun_touches_nothing(first):
    folder, _ = first
    before = tree(folder / "store")
    printed = prefcurate("run", str(folder / "config.yaml"))
    assert printed.count("up to date") == 10
    assert tree(folder / "store") == before
    assert "nothing to compute" in prefcurate("plan", str(folder / "config.yaml"))
    assert tree(folder / "store") == before


def test_the_order_of_sources_and_files_changes_nothing_nor_does_the_number_of_processes(first, tmp_path):
    sources = [
        source | ({"path": source["path"][::-1]} if isinstance(source["path"], list) else {})
        for source in reversed(SOURCES)
    ]
    prefcurate("run", str(config(tmp_path, sources)), forked=False)
    assert contents(tmp_path / "store") == contents(first[0] / "store")


def test_a_new_source_adds_only_what_is_new_and_its_export_shuffled_changes_nothing(first, tmp_path):
    prefcurate("run", str(config(tmp_path, SOURCES[:2])), ONE)
    old = {row["text_id"] for row in query(tmp_path / "store", "SELECT text_id FROM embeddings")}
    printed = prefcurate("run", str(config(tmp_path)), ONE)
    (counted,) = query(tmp_path / "store", "SELECT count(*) AS n FROM embeddings")
    assert f"(+{counted['n'] - len(old):,})" in next(line for line in printed.splitlines() if "embed" in line)
    facts = ("comparisons", "occurrences", "embeddings", "attributes", "quarantine")
    whole, grown = contents(first[0] / "store"), contents(tmp_path / "store")
    assert {name: grown[name] for name in facts} == {name: whole[name] for name in facts}

    lines = (DATA / "prd-lfqa" / "experts_pairwise_human_preferences.jsonl").read_text().splitlines()
    random.Random(5).shuffle(lines)
    votes = tmp_path / "votes.jsonl"
    votes.write_text("\n".join(lines))
    prefcurate("run", str(config(tmp_path, [*SOURCES[:2], SOURCES[2] | {"path": str(votes)}])), ONE)
    # The new file is a fact of its own, and so is in which of its lines an opinion stands.
    facts_of_files = ("intakes", "occurrences")
    shuffled = contents(tmp_path / "store")
    for table in facts_of_files:
        del shuffled[table], grown[table]
    assert shuffled == grown
    assert query(tmp_path / "store", "SELECT count(*) AS n FROM occurrences WHERE source = 'lfqa'") == [{"n": 65}]


def test_show_status_and_diff_speak(first):
    store = str(first[0] / "store")
    (pair,) = query(
        first[0] / "store", "SELECT comparison_id FROM consensus WHERE decision = 'keep' ORDER BY 1 LIMIT 1"
    )
    shown = prefcurate("show", store, pair["comparison_id"][:12])
    assert "What was decided, and why" in shown and "KEEP" in shown
    status = prefcurate("status", store)
    assert "comparisons" in status and "spent: $0.0000 in 0 calls" in status
    assert "Both names mean this one release" in prefcurate("diff", store, "current", "current")
