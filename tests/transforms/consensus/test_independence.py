"""Who says a thing twice is not heard twice."""

from functools import cache

import numpy as np
import pytest

from prefcurate.transforms.annotate.annotator import Answer, Question, annotation_rows
from prefcurate.transforms.annotate.reward_head import RewardHead
from prefcurate.transforms.consensus.acts import acts_of, find_voices
from prefcurate.transforms.consensus.consensus import READS, fit_parts
from prefcurate.transforms.consensus.decide import Rules
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.options import POLICIES, RECOMMENDED, ConsensusOptions
from prefcurate.transforms.consensus.posterior import posterior
from prefcurate.transforms.consensus.rows import consensus_rows
from prefcurate.transforms.consensus.shard import read_shard, write_votes
from prefcurate.transforms.consensus.votes import NO_LABEL, gold_truth
from prefcurate.transforms.steps.units import shard_units
from prefcurate.transforms.store.parts import write_part
from tests.helpers import context, label, pair
from tests.transforms.consensus.planted import Planted
from tests.transforms.consensus.test_stage import GOLD, assign_gold, make_store


def chances(planted, policy):
    votes = planted.votes()
    model = fit_label_model(votes, POLICIES[policy])
    return posterior(model, acts_of(votes, model.voices), votes.fold, gold_truth(votes) != NO_LABEL, votes.sides), model


def opinions(seed=0, pairs=150):
    """A judge in both orders that leans to the first, two people, a crowd without names, one judge in one order, some gold."""
    planted = Planted(pairs, seed)
    for at in range(pairs):
        for order in (1, -1):
            vote = order if planted.rng.random() < 0.3 else planted.truth[at]
            planted.add(at, "judge", vote, "llm_judge", order=order)
        planted.add(
            at, "single", planted.truth[at] if planted.rng.random() < 0.7 else -planted.truth[at], "llm_judge", order=1
        )
        for _ in range(2):
            planted.add(at, "crowd", planted.truth[at] if planted.rng.random() < 0.75 else -planted.truth[at])
    planted.voter("ann", 0.8)
    planted.voter("bob", 0.75, share=0.6)
    planted.gold(60)
    return planted


def copy_of(planted, who, share=1.0, keep=lambda row: True, **changes):
    rows = [
        row for row in planted.rows if row["annotator"] == who and row["pair"] < share * planted.pairs and keep(row)
    ]
    return [
        row | {"annotator": "copy", "family": "copy", "judgement": 10**6 + i} | changes for i, row in enumerate(rows)
    ]


@cache
def without_copies(policy):
    return chances(opinions(), policy)[0]


COPIES = {
    "of a judge": ("judge", {}),
    "of a judge in one order": ("single", {}),
    "of a person": ("ann", {}),
    "of a crowd": ("crowd", {}),
    "on half of the pairs": ("judge", {"share": 0.5}),
    "on thirty pairs": ("ann", {"share": 30 / 150}),
    "without its orders": ("judge", {"order": 0}),
    "in one order of the two": ("judge", {"keep": lambda row: row["order"] > 0}),
    "that passes for a person": ("judge", {"kind": "person"}),
    "of a person by a program": ("ann", {"kind": "program"}),
}


FITTED_ALIKE = ("of a judge", "of a crowd", "on thirty pairs")
"""Copies are found before any policy fits: every policy sees a few of them, the simplest and the default all."""
CASES = [
    (name, policy) for policy in POLICIES for name in (COPIES if policy in ("votes", RECOMMENDED) else FITTED_ALIKE)
]


@pytest.mark.parametrize(("name", "policy"), CASES)
def test_an_exact_copy_under_another_name_moves_no_probability(name, policy):
    who, more = COPIES[name]
    planted, before = opinions(), without_copies(policy)
    planted.rows += copy_of(planted, who, **more)
    after, model = chances(planted, policy)
    assert len(model.voices.copies) == 1
    assert np.abs(before - after).max() <= 0.01


def test_who_is_merely_good_is_no_copy():
    planted = Planted(200, 3)
    for name in ("x", "y"):
        planted.voter(name, 0.93)
    # Asked about ten doubtful pairs, and right on all of them.
    for at in range(10):
        planted.add(at, "asked", planted.truth[at])
        planted.add(at, "asked too", planted.truth[at])
    assert find_voices(planted.votes()).copies == {}


def test_gold_is_no_copy_of_anybody():
    planted = Planted(120, 4)
    planted.voter("perfect", 1.0)
    planted.voter("other", 0.7)
    planted.gold(120)
    assert find_voices(planted.votes()).copies == {}


def test_one_of_a_source_is_the_original_of_a_copy_whose_name_comes_first():
    planted = Planted(100, 6)
    for number in range(4):
        planted.voter(f"team/{number}", 0.8)
    planted.rows += copy_of(planted, "team/2", annotator="alone", family="alone")
    assert find_voices(planted.votes()).copies == {"alone": 1}


def test_a_copy_that_claims_orders_does_not_take_the_place_of_one_of_a_source():
    planted = Planted(100, 6)
    for number in range(4):
        planted.voter(f"team/{number}", 0.8)
    planted.rows += copy_of(planted, "team/2", annotator="alone", family="alone", order=1)
    assert find_voices(planted.votes()).copies == {"alone": 1}


@pytest.mark.parametrize("policy", ["votes", "learned", RECOMMENDED])
def test_generations_that_differ_here_and_there_count_as_the_first_alone(policy):
    """A head trained anew each week differs on a twentieth of the pairs: where no more than two of ten dissent nothing moves."""
    one, ten = opinions(3), opinions(3)
    rng = np.random.default_rng(1)
    said = np.where(rng.random(one.pairs) < 0.7, one.truth, -one.truth)
    differs = rng.random((10, one.pairs)) < 0.05
    differs[0] = False
    for planted, weeks in ((one, 1), (ten, 10)):
        for week in range(weeks):
            for at in range(planted.pairs):
                planted.add(
                    at, f"week{week}", -said[at] if differs[week, at] else said[at], "reward_model", family="head"
                )
    moved = np.abs(chances(one, policy)[0] - chances(ten, policy)[0]).max(axis=1)
    alike = differs.sum(axis=0) <= 2
    assert 0.5 < (differs.sum(axis=0) > 0).mean() + 0.2 < alike.mean()
    assert moved[alike].max() <= 0.01


def test_the_copy_of_a_copy_counts_where_only_it_speaks():
    planted = Planted(100, 5)
    planted.voter("ann", 0.8)
    planted.rows = [row for row in planted.rows if row["pair"] < 80]
    extra = copy_of(planted, "ann", 0.5)
    planted.rows += extra + [row | {"annotator": "third", "family": "third", "judgement": 2 * 10**6} for row in extra]
    planted.add(90, "copy", 1)
    planted.add(90, "third", -1)
    votes = planted.votes()
    voices = find_voices(votes)
    assert voices.copies == {"copy": 1, "third": 2}
    acts = acts_of(votes, voices)
    assert (len(acts.pair), acts.vote[-1]) == (81, 1)


def test_ten_generations_of_a_head_in_the_store_decide_what_one_decides(tmp_path):
    """Ten weekly heads, all still configured, against three people: as if there were one."""
    people = [pair(f"p {i}", f"good {i}", f"bad {i}", *[label("first" if (i + j) % 5 else "second", f"w{j}") for j in range(3)])
              for i in range(60)]  # fmt: skip
    heads = [RewardHead(name=f"week{week}", kind="reward_head", generation=week + 1) for week in range(10)]
    assert len({head.fingerprint() for head in heads}) == 10
    decided = []
    for many in (1, 10):
        (tmp_path / str(many)).mkdir()
        store = make_store(tmp_path / str(many), {"votes": people}, shards=1)
        assign_gold(store, lambda prompt: "fit")
        parts = [head_part(store, head) for head in heads[:many]]
        base = store.delta("annotations").version()
        store.commit("annotations", parts, base=base, replace=False, transaction="heads", metadata={})
        named = [head.fingerprint() for head in heads[:many]]
        decided.append(consensus(store, named))
    assert decided[0] == decided[1]
    # The newest alone, when only that is named: what earlier weeks said lies there and takes no part.
    assert consensus(store, [heads[-1].fingerprint()]) == decided[0]
    assert consensus(store, []) != decided[0], "the head does count"


def head_part(store, head):
    rows = store.dataset("comparisons").to_table(columns=["prompt_id", "comparison_id"]).to_pylist()
    rows = sorted(rows, key=lambda r: (r["prompt_id"], r["comparison_id"]))
    answers = [
        Answer(Question(r["prompt_id"], r["comparison_id"]), "ab"[int(r["comparison_id"][:4], 16) % 2]) for r in rows
    ]
    return write_part(store.root, "annotations", 0, [annotation_rows(head, answers)])


def consensus(store, fingerprints):
    snapshot = context(store, "consensus", READS, (), fingerprints).pin()
    options = ConsensusOptions()
    model = fit_parts([write_votes(unit, "consensus", GOLD, 7) for unit in shard_units(snapshot)], options)
    shard = read_shard(snapshot, 0, GOLD, 7)
    found = consensus_rows(shard, model, Rules(options.rules(), 0.75, model.strata, False), {}).to_pylist()
    return [{key: value for key, value in row.items() if key != "evidence"} for row in found]
