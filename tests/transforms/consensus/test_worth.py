"""What each opinion is worth: the parts multiply to the probability that is shown, and say what they should of planted voters."""

import math

import numpy as np
import pytest

from prefcurate.transforms.consensus.decide import Rules
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.options import POLICIES, policy_of
from prefcurate.transforms.consensus.rows import beliefs_of
from prefcurate.transforms.consensus.shard import ShardVotes
from prefcurate.transforms.consensus.worth import of_prompt, worths
from tests.transforms.consensus.planted import Planted


def arena(policy: str, gold: int = 60):
    """Forty prompts with four responses each, all six pairs, a good and a poor judge, people and gold on some."""
    planted = Planted(240, seed=5, ties=0.1)
    sides = [(a, b) for a in range(4) for b in range(a + 1, 4)]
    planted.sides = np.array([[4 * prompt + a, 4 * prompt + b] for prompt in range(40) for a, b in sides])
    planted.models = planted.sides % 4 + 1
    planted.format = np.random.default_rng(1).normal(size=240)
    planted.task = np.arange(240) // 6 % 2 + 1
    planted.voter("person:x/ann", 0.85, share=0.8)
    planted.voter("llm_judge:good", 0.8, kind="llm_judge")
    planted.voter("llm_judge:poor", 0.55, kind="llm_judge")
    planted.voter("llm_judge:coin", 0.4, kind="llm_judge")
    planted.gold(gold)
    table = planted.table(sorted(planted.rows, key=lambda row: row["pair"]))
    ids = [f"{pair:04d}" for pair in range(planted.pairs)]
    prompts = [f"p{pair // 6:03d}" for pair in range(planted.pairs)]
    came = {row["pair"]: row["label"] for row in planted.rows if row["annotator"] == "person:x/ann"}
    labels = [{1: "a", -1: "b", 0: "tie", None: None}[came.get(pair)] for pair in range(planted.pairs)]
    shard = ShardVotes(ids, prompts, labels, table, [str(row) for row in range(table.num_rows)])
    model = fit_label_model(planted.votes(), policy_of(policy))
    return shard, model, Rules(policy_of(policy), 0.7, model.strata, False)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_the_parts_multiply_to_the_probability(policy):
    shard, model, rules = arena(policy)
    for place in range(0, 240, 7):
        found = worths(shard, place, model, rules)
        assert found.log_odds == pytest.approx(math.log(found.beliefs.p_a / found.beliefs.p_b), abs=1e-5)
        assert sum(part.heard for part in found.parts if part.who) == found.opinions == found.beliefs.opinions


def test_a_prompt_alone_is_decided_as_in_its_shard():
    shard, model, rules = arena("learned-length")
    for place in (0, 66, 239):
        alone = of_prompt(shard, shard.prompt_ids[place])
        assert len(alone.comparison_ids) == 6
        at = alone.comparison_ids.index(shard.comparison_ids[place])
        assert beliefs_of(alone, model)[at] == beliefs_of(shard, model)[place]
        assert worths(alone, at, model, rules) == worths(shard, place, model, rules)


def test_a_better_judge_is_worth_more_and_one_no_better_than_chance_nothing():
    shard, model, rules = arena("votes", gold=120)
    worth = {}
    for place in range(130, 240):
        for part in worths(shard, place, model, rules).parts:
            worth.setdefault(part.who, []).append(part)
    size = {who: np.mean([abs(part.log_odds) for part in parts if part.vote]) for who, parts in worth.items() if who}
    assert min(size["person:x/ann"], size["llm_judge:good"]) > 2 * size["llm_judge:poor"] > size["llm_judge:coin"] == 0
    assert not any(part.heard for part in worth["llm_judge:coin"])
    opinions = [part for who, parts in worth.items() if who for part in parts]
    assert all(part.log_odds * part.vote >= 0 for part in opinions)
    assert all(part.log_odds == 0 for part in opinions if part.vote == 0)


def test_what_is_no_opinion_has_a_part_of_its_own():
    shard, model, rules = arena("learned-length")
    found = {part.what for place in range(0, 240, 5) for part in worths(shard, place, model, rules).parts}
    assert {"", "elsewhere", "length"} <= found and "else" not in found
    shard, model, rules = arena("models")
    found = {part.what for place in range(0, 240, 5) for part in worths(shard, place, model, rules).parts}
    assert {"", "elsewhere", "models"} <= found and "else" not in found
    votes, plain, rules = arena("votes")
    found = {part.what for place in range(0, 240, 5) for part in worths(votes, place, plain, rules).parts}
    assert found <= {"", "gold"}


def test_doubt_of_a_flip_without_gold_is_a_part():
    shard, model, rules = arena("votes", gold=0)
    doubted = [
        w for place in range(240) if (w := worths(shard, place, model, rules)).parts and w.parts[-1].what == "gold"
    ]
    assert doubted
    for found in doubted:
        plain = sum(part.log_odds for part in found.parts[:-1])
        assert found.parts[-1].log_odds * plain < 0
        assert abs(found.log_odds) == pytest.approx(rules.policy.unproven * abs(plain), abs=1e-6)


def test_silence_has_no_parts():
    shard, model, rules = arena("votes")
    mute = ShardVotes([*shard.comparison_ids, "z"], [*shard.prompt_ids, "q"], [*shard.label_in, None], shard.votes, [])
    found = worths(mute, 240, model, rules)
    assert (found.parts, found.log_odds, found.opinions) == ((), 0.0, 0)
