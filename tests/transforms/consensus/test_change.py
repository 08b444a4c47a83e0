"""What would change a decision: each answer is borne out by deciding a store in which it has happened."""

from dataclasses import replace

import pyarrow as pa
import pytest

from prefcurate.transforms.consensus.calibrate import Strata
from prefcurate.transforms.consensus.change import MORE, _Case, changes, outcome
from prefcurate.transforms.consensus.decide import Rules, decide
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.options import policy_of
from prefcurate.transforms.consensus.rows import beliefs_of
from prefcurate.transforms.consensus.shard import ShardVotes
from tests.transforms.consensus.planted import Planted

POLICY = policy_of("votes")


def crowd(*said: tuple[str, str, int], came: str | None, minimum: float = 0.75, strata=None):
    """Pair 0 with these opinions (annotator, kind, label), among 80 pairs by which the annotators are known."""
    planted = Planted(80, seed=2)
    for who, kind, accuracy in (("ann", "person", 0.8), ("bob", "person", 0.8), ("judge", "llm_judge", 0.85)):
        planted.voter(who, accuracy, kind=kind)
    planted.rows = [row for row in planted.rows if row["pair"] > 0]
    rows = planted.rows
    planted.rows = []
    for who, kind, label in said:
        planted.add(0, who, label, kind=kind)
    table = planted.table([*planted.rows, *rows])
    ids = [f"{pair:02d}" for pair in range(80)]
    shard = ShardVotes(ids, ids, [came, *[None] * 79], table, ids)
    planted.rows += rows
    model = fit_label_model(planted.votes(), POLICY)
    return shard, model, Rules(POLICY, minimum, strata or {}, False)


def told(case, gold=False):
    shard, model, rules = case
    return changes(shard, 0, model, rules, gold)


def today(case):
    shard, model, rules = case
    return decide(beliefs_of(shard, model)[0], rules)


def test_more_people_for_the_other_side():
    case = crowd(("ann", "person", 1), came="a", minimum=0.6)
    found = [change for change in told(case) if change.kind == "people"]
    against = [change for change in found if change.side == "b"]
    assert today(case).decision == "keep" and against[0].made.decision == "drop" and against[0].number == 1
    numbers = [change.number for change in against]
    assert numbers == sorted(set(numbers)) and numbers[-1] <= MORE
    assert all(outcome(one.made) != outcome(other.made) for one, other in zip(against, against[1:], strict=False))


def test_people_are_as_good_as_people_here_are():
    shard, model, rules = crowd(("judge", "llm_judge", 1), ("ann", "person", -1), came="b", minimum=0.6)
    planted = Planted(80, seed=2)
    planted.add(0, "bob", -1)
    really = replace(shard, votes=pa.concat_tables([planted.table(), shard.votes]))
    made = decide(beliefs_of(really, model)[0], rules)
    # One of two people who are not equally good.
    assert _Case(shard, 0, model, rules).with_more(-1, 1).p_b == pytest.approx(made.p_b, abs=0.15)


def test_whoever_decides_alone_is_named_and_who_does_not_matter_is_not():
    case = crowd(("ann", "person", 1), ("bob", "person", 1), ("judge", "llm_judge", -1), came="a")
    without = {change.who: change.made.decision for change in told(case) if change.kind == "without"}
    assert today(case).decision in ("keep", "drop")
    shard, model, rules = case
    for who in ("ann", "bob", "judge"):
        stays = [row["annotator"] != who or row["pair"] > 0 for row in shard.votes.to_pylist()]
        left = replace(shard, votes=shard.votes.filter(stays))
        made = decide(beliefs_of(left, model)[0], rules)
        assert (who in without) == (outcome(made) != outcome(today(case)))


def test_without_the_only_person_their_label_did_not_come_either():
    alone = crowd(("ann", "person", 1), came="a", minimum=0.5)
    (gone,) = [change for change in told(alone) if change.kind == "without"]
    assert gone.made.decision == "drop" and "nobody" in gone.made.reason


def test_min_accuracy_is_where_the_decision_turns():
    for minimum in (0.6, 0.99):
        shard, model, rules = case = crowd(("ann", "person", 1), ("judge", "llm_judge", 1), came="a", minimum=minimum)
        (change,) = [change for change in told(case) if change.kind == "min_accuracy"]
        published = today(case).weight is not None
        assert published == (minimum == 0.6)
        for number, turned in ((change.number, True), (change.number + (-0.01 if published else 0.01), False)):
            made = decide(beliefs_of(shard, model)[0], replace(rules, min_accuracy=number))
            assert (outcome(made) != outcome(today(case))) == turned


def test_how_much_gold_a_flip_needs():
    case = crowd(("judge", "llm_judge", 1), ("ann", "person", 1), ("bob", "person", 1), came="b", minimum=0.6)
    assert today(case).decision == "soften"
    (proof,) = [change for change in told(case) if change.kind == "proof"]
    shard, model, rules = case
    for right, decision in ((proof.number, "flip"), (proof.number - 1, "soften")):
        strata = {"flip": Strata(((0.0, proof.of, right),))}
        made = decide(beliefs_of(shard, model)[0], replace(rules, strata=strata))
        assert (made.decision == "flip") == (decision == "flip")


def test_one_gold_label_is_told_only_where_there_may_be_one():
    case = crowd(("judge", "llm_judge", 1), ("bob", "person", 1), came="b", minimum=0.6)
    assert not [change for change in told(case) if change.kind == "gold"]
    found = {change.side: change.made.decision for change in told(case, gold=True) if change.kind == "gold"}
    assert found["a"] == "flip"
