"""The stage on a store: planted preferences become rubrics, reruns touch nothing, new labels make new rubrics."""

import random
from pathlib import Path

import pytest

from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.describe.describe import READS as DESCRIBE_READS
from prefcurate.transforms.describe.describe import WRITES as DESCRIBE_WRITES
from prefcurate.transforms.describe.describe import Describe
from prefcurate.transforms.describe.options import DescribeOptions
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.rubrics.build import READS, WRITES, BuildRubrics
from prefcurate.transforms.rubrics.options import RubricOptions
from tests.helpers import context, label, make_store, pair, run_stage

DESCRIBE = DescribeOptions()
OPTIONS = RubricOptions()
GOLD = GoldOptions()
NOUNS = ("apples", "bears", "clouds", "doors", "eagles", "forests", "gardens", "hills", "islands", "jackets", "kettles")


def texts(i: int) -> tuple[str, str]:
    """A list, and prose of nearly the same words; which one is longer is chance."""
    chance = random.Random(i)
    nouns = chance.sample(NOUNS, 4)
    more = " and ".join(chance.sample(NOUNS, chance.randint(0, 2)))
    listed = "\n".join(f"- {noun} matter here" for noun in nouns) + (
        f"\n- also {more}" if chance.random() < 0.5 else ""
    )
    prose = " matter here, ".join(nouns) + f" matter here. Also {more}."
    return listed, prose


def planted(n: int, share: float = 0.85, annotator: str = "ann", start: int = 0, listed_wins: bool = True):
    """Pairs in which people prefer lists, `share` of the time."""
    made = []
    for i in range(start, start + n):
        chance = random.Random(f"{i} label")
        listed, prose = texts(i)
        wins = (chance.random() < share) == listed_wins
        ask = f"Write a short story about number {i}." if i % 2 else f"Hello there, it is me, number {i}"
        made.append(pair(ask, listed, prose, label("first" if wins else "second", annotator)))
    return made


def describe(store):
    run_stage(Describe(context(store, "describe", DESCRIBE_READS, DESCRIBE_WRITES, DESCRIBE.fingerprints()), DESCRIBE))


def build(store, options=OPTIONS, gold=GOLD, budget=None):
    fingerprints = (*DESCRIBE.fingerprints(), *options.fingerprints())
    stage = context(store, "rubrics", READS, WRITES, fingerprints)
    run_stage(BuildRubrics(stage, options, gold, DESCRIBE.fingerprints(), budget))
    return context(store, "rubrics", READS, WRITES, fingerprints).pin()


def run(store, options=OPTIONS):
    describe(store)
    return build(store, options)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("planted"), planted(500))
    return store, run(store)


def accepted(snapshot, rubric_id):
    rows = snapshot.table("criteria").to_pylist()
    return {row["checker"]: row for row in rows if row["rubric_id"] == rubric_id and row["status"] == "accepted"}


def test_the_stores_rubric_says_what_people_preferred(store):
    _, snapshot = store
    rubrics = {(row["scope"], row["theme"]): row for row in snapshot.table("rubrics").to_pylist()}
    whole = rubrics["store", None]
    assert whole["status"] == "accepted"
    assert whole["acceptance"] == pytest.approx(0.85, abs=0.08)
    assert 0.5 < whole["acceptance_low"] < whole["acceptance"]
    found = accepted(snapshot, whole["rubric_id"])
    assert "lists:more" in found
    assert not any(name.startswith("length") for name in found)
    assert found["lists:more"]["text"] == "Is organised in lists."


def test_themes_have_rubrics_whose_parent_is_the_stores(store):
    _, snapshot = store
    rubrics = snapshot.table("rubrics").to_pylist()
    whole = next(row["rubric_id"] for row in rubrics if row["scope"] == "store")
    themes = {row["theme"]: row for row in rubrics if row["scope"] == "theme"}
    assert set(themes) == {"writing", "chat"}
    assert {row["parent"] for row in themes.values()} == {whole}


def test_rejected_criteria_are_kept_with_numbers_and_reason(store):
    _, snapshot = store
    rows = snapshot.table("criteria").to_pylist()
    prose = [row for row in rows if row["checker"] == "lists:less"]
    assert {row["status"] for row in prose} == {"rejected"}
    assert all(row["acceptance"] < 0.3 and row["n"] > 0 and row["reason"] for row in prose)


def test_an_unchanged_rerun_touches_nothing(store):
    place, snapshot = store
    versions = place.versions(WRITES)
    entries = len([entry for entry in place.ledger() if entry.stage == "rubrics"])
    again = run(place)
    assert place.versions(WRITES) == versions
    assert again.rubrics == snapshot.rubrics
    assert len([entry for entry in place.ledger() if entry.stage == "rubrics"]) == entries


def test_new_labels_make_new_rubrics_beside_the_old(tmp_path):
    store = make_store(tmp_path, planted(300))
    before = build(store)
    make_store(tmp_path, planted(400))
    after = build(store)
    assert set(before.rubrics).isdisjoint(after.rubrics)
    assert {row["rubric_id"] for row in after.table("rubrics").to_pylist()} == set(after.rubrics)
    with after.connect(["rubrics"]) as connection:
        kept = {row[0] for row in connection.sql("SELECT rubric_id FROM all_rubrics").fetchall()}
    assert kept == {*before.rubrics, *after.rubrics}
    assert {row["rubric_id"] for row in before.table("rubrics").to_pylist()} == set(before.rubrics)


def test_the_same_facts_give_the_same_bytes_whatever_their_order_and_shards(tmp_path, store):
    _, snapshot = store
    shuffled = random.Random(3).sample(planted(500), 500)
    other = run(make_store(tmp_path, shuffled, shards=4))
    assert other.rubrics == snapshot.rubrics
    digests = [[Path(path).name for _, path in s.store.files("criteria")] for s in (other, snapshot)]
    assert digests[0] == digests[1]


def test_without_labels_there_are_no_rubrics(tmp_path):
    unlabelled = [pair(f"Question {i}?", "yes", "no") for i in range(30)]
    snapshot = run(make_store(tmp_path, unlabelled))
    assert snapshot.rubrics == ()
    assert snapshot.table("rubrics").num_rows == 0


def test_a_criterions_id_does_not_depend_on_its_numbers(store):
    _, snapshot = store
    rows = [row for row in snapshot.table("criteria").to_pylist() if row["checker"] == "lists:more"]
    assert len({row["criterion_id"] for row in rows}) == 1
    assert rows[0]["criterion_id"] == stable_hash("criterion", "principle", "Is organised in lists.", "lists:more")
