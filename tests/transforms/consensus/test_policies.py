"""Policies by name and version, and what an alias means."""

import pytest

from prefcurate.transforms.consensus import options
from prefcurate.transforms.consensus.options import POLICIES, RECOMMENDED, ConsensusOptions, Policy, policy_of


def test_a_policy_is_found_by_its_name_its_title_and_the_alias():
    assert policy_of("votes") is policy_of("votes@1") is POLICIES["votes"]
    assert policy_of("default") is POLICIES[RECOMMENDED]
    assert {name: policy.name for name, policy in POLICIES.items() if "@" not in name} == {
        name: name for name in POLICIES if "@" not in name
    }


def test_an_earlier_version_stays_beside_the_newest(monkeypatch):
    newer = Policy("votes", version=2, flip_pairs=40)
    monkeypatch.setattr(options, "POLICIES", {**POLICIES, "votes": newer, "votes@1": POLICIES["votes"]})
    assert policy_of("votes").flip_pairs == policy_of("votes@2").flip_pairs == 40
    assert policy_of("votes@1").flip_pairs == POLICIES["votes"].flip_pairs == 20


@pytest.mark.parametrize("name", ["bold", "votes@9", "votes@", "", "default@1"])
def test_an_unknown_policy_is_told_with_those_there_are(name):
    with pytest.raises(ValueError, match=r"known policies: .*default, learned, .*votes@1"):
        ConsensusOptions(policy=name)


def test_an_alias_of_another_meaning_is_another_setting(monkeypatch):
    before = ConsensusOptions().settings()
    assert before == ConsensusOptions(policy=f"{RECOMMENDED}@1").settings()
    monkeypatch.setattr(options, "RECOMMENDED", "learned")
    assert ConsensusOptions().settings() == ConsensusOptions(policy="learned").settings() != before
