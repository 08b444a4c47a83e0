from collections import Counter

import pytest

from prefcurate.transforms.screen.gold import GoldPrompt, mixed_clusters, new_sides
from prefcurate.transforms.screen.people import Votes, contradiction_flags


def test_a_cluster_is_on_one_side():
    prompts = [GoldPrompt(f"p{i}") for i in range(400)]
    cluster_of = {f"p{i}": f"c{i // 4}" for i in range(400)}
    sides = new_sides(prompts, cluster_of, seed=7, audit=0.4)
    by_cluster = {
        cluster: {sides[p] for p, c in cluster_of.items() if c == cluster} for cluster in set(cluster_of.values())
    }
    assert all(len(found) == 1 for found in by_cluster.values())
    assert 100 < Counter(sides.values())["audit"] < 220


@pytest.mark.parametrize(("audit", "side"), [(0.0, "fit"), (1.0, "audit")])
def test_the_share_of_audit(audit, side):
    assert set(new_sides([GoldPrompt("p"), GoldPrompt("q")], {}, 7, audit).values()) == {side}


@pytest.mark.parametrize("side", ["fit", "audit"])
def test_new_members_take_the_side_that_their_cluster_has(side):
    prompts = [GoldPrompt("old", side), *(GoldPrompt(f"new{i}") for i in range(20))]
    cluster_of = {prompt.prompt_id: "c" for prompt in prompts}
    assert new_sides(prompts, cluster_of, 7, 0.5) == {f"new{i}": side for i in range(20)}


def test_audit_wins_where_clusters_grew_together_and_nothing_is_moved():
    prompts = [GoldPrompt("a", "fit"), GoldPrompt("b", "audit"), GoldPrompt("c")]
    cluster_of = dict.fromkeys("abc", "a")
    assert new_sides(prompts, cluster_of, 7, 0.0) == {"c": "audit"}
    assert mixed_clusters(prompts, cluster_of) == ["a"]
    assert mixed_clusters(prompts, {}) == []


def test_sides_do_not_depend_on_the_order_of_prompts_but_on_the_seed():
    prompts = [GoldPrompt(f"p{i}") for i in range(50)]
    assert new_sides(prompts, {}, 7, 0.4) == new_sides(prompts[::-1], {}, 7, 0.4)
    assert new_sides(prompts, {}, 7, 0.4) != new_sides(prompts, {}, 8, 0.4)


def test_opposite_votes_are_a_contradiction_of_the_minoritys_share():
    (flag,) = contradiction_flags("c", Votes(1, 3, "x", "y"))
    assert (flag.flag, flag.value, flag.matched_id) == ("contradictory_repeat", 0.25, "c")
    assert list(contradiction_flags("c", Votes(4, 0, "x", None))) == list(contradiction_flags("c", None)) == []
    assert [Votes(*n, None, None).leaning for n in ((2, 1), (1, 2), (1, 1), (0, 0))] == [1, -1, 0, 0]
