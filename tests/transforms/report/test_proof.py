"""The evidence of flips in the report: few gold pairs say so, enough of them decide."""

from prefcurate.transforms.consensus.calibrate import Strata
from prefcurate.transforms.consensus.options import policy_of
from prefcurate.transforms.report.proof import _strata, proof_of
from prefcurate.transforms.report.words import follows
from tests.helpers import run_stage
from tests.transforms.consensus.test_stage import assign_gold, crowd, make_store, stage

POLICY = policy_of("votes")


def told(*rows):
    return [(row, follows(row, POLICY.flip_pairs)) for row in _strata("flip", Strata(tuple(rows)), POLICY)]


def test_a_small_stratum_says_so_and_is_joined_by_those_below_it():
    few, joined, enough = told((0.0, 4, 2), (0.9, 18, 17), (0.95, 40, 38))
    assert few[1].startswith("softened: fewer than 20 gold pairs") and few[0].rate is None
    assert joined[1] == "flipped, with those of less probability (22 in all)" and joined[0].joined == 22
    assert enough[1] == "flipped" and enough[0].rate_low > 0.8


def test_flips_that_gold_does_not_bear_out_are_softened():
    ((row, words),) = told((0.9, 40, 20))
    assert not row.proven and words == "softened: gold does not show that such flips are right"


def test_a_store_tells_its_policy_and_its_evidence(tmp_path):
    store = make_store(tmp_path, crowd(60, gold=40))
    assert proof_of(store) is None
    assign_gold(store, lambda prompt: "fit")
    run_stage(stage(store))
    found = proof_of(store)
    assert (found.policy, found.min_accuracy, found.enough) == (policy_of("default").title, 0.75, 20)
    assert sum(row.pairs for row in found.strata) > 30
    assert {row.kind for row in found.strata} <= {"flip", "keep", "assign"}
