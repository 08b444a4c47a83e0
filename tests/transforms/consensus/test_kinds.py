"""Kinds of prompts on which an annotator is wrong: named where gold leaves no doubt, and nowhere else."""

import json

import numpy as np
import pyarrow as pa
import pytest

from prefcurate.schemas.canonical import unit_interval
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.consensus.consensus import READS, WRITES
from prefcurate.transforms.consensus.kinds import KindCount, count_kinds, wrong_kinds
from prefcurate.transforms.store.parts import write_part
from tests.helpers import context, label, pair, run_stage
from tests.transforms.consensus.planted import Planted
from tests.transforms.consensus.test_stage import GOLD, Consensus, ConsensusOptions, assign_gold, make_store


def attributes(kinds):
    return pa.Table.from_pylist([{"prompt_id": p, "name": "task", "value": v} for p, v in kinds.items()])


def judged(seed, pairs=400, per_prompt=2, coding=0.2, other=0.8):
    """A judge that is wrong on coding prompts, where that is planted; its pairs, and what kind their prompts are."""
    planted = Planted(pairs, seed)
    prompts = [f"p{i // per_prompt:04}" for i in range(pairs)]
    kinds = {p: "coding" if int(p[1:]) % 4 == 0 else "writing" for p in prompts}
    accuracy = np.array([coding if kinds[p] == "coding" else other for p in prompts])
    planted.voter("judge", accuracy, kind="llm_judge")
    planted.gold(pairs)
    return planted, prompts, kinds


def named(seed, **more):
    planted, prompts, kinds = judged(seed, **more)
    return wrong_kinds(count_kinds(planted.table(), prompts, attributes(kinds)))


def test_a_planted_kind_is_named_with_its_interval_and_no_other():
    (found,) = named(1)["judge"]
    assert (found.name, found.value, found.n) == ("task", "coding", 100)
    assert found.low < 0.2 < found.high < 0.5


def test_nothing_is_named_where_evidence_is_thin_or_chance_explains_it():
    assert named(2, pairs=60) == {}, "fifteen verdicts on seven prompts"
    assert named(3, coding=0.5) == {}
    assert sum(bool(named(seed, coding=0.5, other=0.5)) for seed in range(40)) <= 4


def test_pairs_of_one_prompt_are_worth_what_they_tell_together():
    # Twelve prompts of twenty pairs: the judge is wrong on all pairs of a prompt or on none; seven prompts of twelve are wrong.
    clustered = [KindCount("j", "task", "x", 12, 240, 100, (12 * 400, 5 * 400, 5 * 400))]
    spread = [KindCount("j", "task", "x", 120, 240, 100, (120 * 4, 200, 120))]
    assert wrong_kinds(clustered) == {}
    (found,) = wrong_kinds(spread)["j"]
    assert found.accuracy == pytest.approx(100 / 240)


def test_the_more_is_looked_at_the_surer_it_must_be():
    one = KindCount("j", "task", "x", 100, 100, 38, (100, 38, 38))
    others = [KindCount(f"j{i}", "task", "x", 100, 100, 60, (100, 60, 60)) for i in range(60)]
    assert wrong_kinds([one]) and not wrong_kinds([one, *others])


def test_shards_add_up_in_any_order():
    planted, prompts, kinds = judged(4)
    whole = count_kinds(planted.table(), prompts, attributes(kinds))
    low = [row for row in planted.rows if row["pair"] < 200]
    high = [row | {"pair": row["pair"] - 200} for row in planted.rows if row["pair"] >= 200]
    parts = [count_kinds(planted.table(rows), p, attributes(kinds)) for rows, p in ((low, prompts[:200]), (high, prompts[200:]))]  # fmt: skip
    for counts in (parts[0] + parts[1], parts[1] + parts[0]):
        assert wrong_kinds(counts) == wrong_kinds(whole)


def test_the_stage_names_the_kind_in_the_table_of_annotators(tmp_path):
    """Judges favour the longer answer, which is wrong on coding prompts and right elsewhere."""
    votes, experts = [], []
    for i in range(160):
        texts = (f"prompt {i}", f"good answer {i}", f"bad answer {i}")
        wrong = (i % 2 == 0) != (unit_interval(1, str(i), "slip") < 0.1)
        votes.append(pair(*texts, label("second" if wrong else "first", "judge", "llm_judge"), label("first", "ann")))
        experts.append(pair(*texts, label("first", "expert-1")))
    store = make_store(tmp_path, {"votes": votes, "experts": experts})
    assign_gold(store, lambda prompt: "fit")
    for shard in range(store.shards):
        rows = store.dataset("comparisons", None, shard).to_table(columns=["prompt_id", "prompt_text"]).to_pylist()
        told = [{"prompt_id": r["prompt_id"], "name": "task", "fingerprint": "f",
                 "value": "coding" if int(r["prompt_text"].split()[-1]) % 2 == 0 else "writing"} for r in sorted(rows, key=lambda r: r["prompt_id"])]  # fmt: skip
        part = write_part(
            store.root, "attributes", shard, [pa.Table.from_pylist(told, schema=TABLES["attributes"].schema)]
        )
        base = store.delta("attributes").version()
        store.commit("attributes", [part], base=base, replace=False, transaction=f"a{shard}", metadata={})
    run_stage(Consensus(context(store, "consensus", READS, WRITES, ("f",)), ConsensusOptions(), GOLD))
    rows = {row["annotator"]: row for row in store.dataset("annotators").to_table().to_pylist()}
    (kind,) = rows["llm_judge:votes/judge"]["wrong_on"]
    assert (kind["name"], kind["value"], kind["n"]) == ("task", "coding", 80)
    assert kind["high"] < 0.5
    assert rows["person:votes/ann"]["wrong_on"] == []
    assert json.dumps(kind)
