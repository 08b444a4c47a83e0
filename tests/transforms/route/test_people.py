"""At least three people, up to five where they disagree (HelpSteer2)."""

import json
from pathlib import Path

import numpy as np
import pytest

from prefcurate.schemas.canonical import shard_of
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.route.options import PeopleRule, RouteBudget, RouteOptions
from prefcurate.transforms.route.plan import PERSON, Asked, Candidate, PeopleAsked, best_candidates, plan
from prefcurate.transforms.route.route import READS, WRITES, Route, people_asked
from prefcurate.transforms.steps.units import Unit, shard_units
from tests.helpers import context, label, make_store, pair, run_stage
from tests.transforms.publish.stores import decided, ids, put

RULE = PeopleRule()


@pytest.mark.parametrize(
    ("answered", "disagree", "missing"),
    [(0, False, 3), (1, False, 2), (2, True, 1), (3, False, 0), (3, True, 2), (4, True, 1), (5, True, 0), (9, True, 0)],
)
def test_how_many_more_by_hand(answered, disagree, missing):
    assert RULE.missing(answered, disagree) == missing


def test_the_rule_must_make_sense():
    with pytest.raises(ValueError, match="most: 2 is fewer than least: 3"):
        PeopleRule(most=2)


def candidate(name: str, gain: float, answers: int, begun: bool = False) -> Candidate:
    return Candidate(name, 0, PERSON, "a person", gain, 0.5, answers, begun)


def test_what_was_begun_comes_first_and_the_budget_counts_answers():
    found = [candidate("a", 0.3, 3), candidate("b", 0.2, 3), candidate("c", 0.0, 2, begun=True), candidate("d", 0.1, 3)]
    for budget in (RouteBudget(items=8), RouteBudget(usd=4.0)):
        routed = plan(found, 4, RouteOptions(people=RULE, budget=budget, uniform_share=0), seed=1)
        assert [r.candidate.comparison_id for r in routed] == ["c", "a", "b"]
        assert sum(r.candidate.answers for r in routed) == 8
    assert "people have begun" in routed[0].reason
    assert "3 people are to answer" in routed[1].reason


def test_people_are_asked_where_they_are_missing_and_nobody_where_enough_agree():
    chances = np.array([[0.5, 0.5, 0.0]] * 3)
    people = PeopleAsked(np.array([3, 2, 0]), np.array([0, 3, 3]))
    judge = Asked("judge", "j", 0.7, 0.01)
    askable = [(Asked(PERSON, "a person", 0.8, 0.5), people.missing > 0), (judge, np.ones(3, bool))]
    found = best_candidates(["new", "disagree", "done"], 0, chances, askable, people)
    assert [(c.queue, c.answers, c.begun) for c in found] == [
        ("judge", 1, False),
        (PERSON, 2, True),
        ("judge", 1, False),
    ]


def votes(*verdicts, strengths=None, who="w"):
    strengths = strengths or [None] * len(verdicts)
    return [label(v, f"{who}{i}", strength=s) for i, (v, s) in enumerate(zip(verdicts, strengths, strict=True))]


def filled(tmp_path):
    twice = label("second", "w0", sample=1)
    store = make_store(
        tmp_path,
        [
            pair("none", "x", "y"),
            pair("two", "x", "y", *votes("first", "first")),
            pair("agree", "x", "y", *votes("first", "first", "first")),
            pair("disagree", "x", "y", *votes("first", "second", "first")),
            pair("five", "x", "y", *votes("first", "second", "first", "tie", "second")),
            pair("near", "x", "y", *votes("first", "second", "first", strengths=[1.0, -1.0, 1.0])),
            pair("far", "x", "y", *votes("first", "second", "first", strengths=[2.0, -1.0, 1.0])),
            pair("twice", "x", "y", *votes("first", "first"), twice),
            pair("pool", "x", "y", *(label("first", "anonymous") for _ in range(3))),
            pair(
                "judged", "x", "y", *(label("first", f"j{i}", "llm_judge") for i in range(3)), label("unratable", "w9")
            ),
        ],
    )
    put(store, "consensus", [decided(row, "keep", "a", 0.6) for row in ids(store).values()])
    return store


WANTED = {
    "none": 3,
    "two": 1,
    "agree": 0,
    "disagree": 2,
    "five": 0,
    "near": 0,
    "far": 2,
    "twice": 1,
    "pool": 0,
    "judged": 3,
}


def test_who_answered_is_counted_in_the_store(tmp_path):
    store = filled(tmp_path)
    snapshot = context(store, "route", READS, WRITES).pin()
    found = {}
    for shard in range(store.shards):
        mine = {row["comparison_id"]: name for name, row in ids(store).items()}
        told = people_asked(Unit(snapshot, shard), sorted(mine), RULE, GoldOptions())
        here = set(snapshot.table("comparisons", shard)["comparison_id"].to_pylist())
        found |= {mine[c]: int(n) for c, n in zip(sorted(mine), told.missing, strict=True) if c in here}
    assert found == WANTED


@pytest.mark.parametrize("side", ["fit", "audit"])
def test_what_gold_of_side_audit_says_decides_nothing(tmp_path, side):
    store = make_store(tmp_path, [pair("q", "x", "y", *votes("first", "first", "first"), label("second", "expert"))])
    (row,) = ids(store).values()
    put(store, "gold", [{"prompt_id": row["prompt_id"], "prompt_cluster": row["prompt_id"], "side": side}])
    unit = next(
        u
        for u in shard_units(context(store, "route", READS, WRITES).pin())
        if u.shard == shard_of(row["prompt_id"], store.shards)
    )
    told = people_asked(unit, [row["comparison_id"]], RULE, GoldOptions(annotators=("person:*/expert",)))
    assert (told.answered.tolist(), told.missing.tolist()) == (([4], [1]) if side == "fit" else ([3], [0]))


def test_queue_and_table_say_how_many_should_answer(tmp_path):
    store = filled(tmp_path)
    options = RouteOptions(people=RULE, budget=RouteBudget(items=100), uniform_share=0)
    run_stage(Route(context(store, "route", READS, WRITES), options, GoldOptions()))
    names = {row["comparison_id"]: name for name, row in ids(store).items()}
    rows = {names[row["comparison_id"]]: row for row in store.dataset("routes").to_table().to_pylist()}
    asked = {name: row["answers"] for name, row in rows.items() if row["queue"] == PERSON}
    assert asked == {name: n for name, n in WANTED.items() if n}
    assert rows["none"]["price_usd"] == pytest.approx(1.5)
    assert {rows[name]["rank"] for name in ("two", "disagree", "far", "twice")} == {1, 2, 3, 4}, "begun ones come first"
    tasks = json.loads((Path(store.root) / "queues" / "person.json").read_text())
    assert {names[task["data"]["comparison_id"]]: task["data"].get("answers", 1) for task in tasks} == asked
    without = RouteOptions(budget=RouteBudget(items=100), uniform_share=0)
    run_stage(Route(context(store, "route", READS, WRITES, run_id="again"), without, GoldOptions()))
    assert {row["answers"] for row in store.dataset("routes").to_table().to_pylist()} <= {1, None}
