"""Splits: given once, shared by whatever hangs together, and never moved, whatever order the data comes in."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.publish.options import SPLITS, PublishOptions, SplitShares
from prefcurate.transforms.publish.splits import KNOWN, MEMBERS, assign_splits

HALVES = SplitShares(train=0.5, validation=0.25, test=0.25)


def table(rows: list[tuple], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema.names)
    return pa.table([list(column) for column in columns], schema=schema)


def assign(members: list[tuple], known: list[tuple] = (), shares: SplitShares = HALVES, seed: int = 7) -> dict:
    found = assign_splits(table(members, MEMBERS), table(list(known), KNOWN), shares, seed).to_pylist()
    return {row["prompt_id"]: (row["split"], row["group_split"], row["new"]) for row in found}


def facts(members: list[tuple], assigned: dict) -> list[tuple]:
    """What a run would have stored."""
    return [(p, k, v, assigned[p][0]) for p, k, v in members if assigned[p][2]]


def test_alone_the_split_is_a_hash_of_the_prompt():
    found = assign([(f"p{i}", f"p{i}", f"c{i}") for i in range(200)])
    for prompt, (split, group_split, new) in found.items():
        assert (split, group_split, new) == (HALVES.of(unit_interval(7, prompt, "split")),) * 2 + (True,)
    assert {split for split, _, _ in found.values()} == set(SPLITS)


def test_shares_are_met_within_chance():
    found = assign([(f"p{i}", f"p{i}", f"c{i}") for i in range(4000)], shares=PublishOptions().splits)
    counts = [sum(split == name for split, _, _ in found.values()) for name in ("train", "validation", "test")]
    # Four standard deviations of binomials with .9 and .05 of 4,000.
    assert abs(counts[0] - 3600) < 76
    assert all(abs(count - 200) < 56 for count in counts[1:])


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (["train"], "train"),
        (["validation", "train"], "validation"),
        (["train", "test", "validation"], "test"),
    ],
)
def test_the_strongest_known_split_of_a_cluster_wins(known, expected):
    members = [(f"p{i}", "k", f"c{i}") for i in range(len(known))] + [("new", "k", "cnew")]
    found = assign(members, [(f"p{i}", f"p{i}", f"c{i}", split) for i, split in enumerate(known)])
    assert found["new"] == (expected, expected, True)
    assert all(found[f"p{i}"] == (split, expected, False) for i, split in enumerate(known))


def test_a_conversation_ties_clusters_together():
    members = [("p1", "k1", "c1"), ("p2", "k1", "c2"), ("p3", "k2", "c2"), ("p4", "k3", "c3")]
    found = assign(members, [("p4", "k3", "c3", "train"), ("p1", "k1", "c1", "test")])
    assert [found[p][0] for p in ("p1", "p2", "p3", "p4")] == ["test", "test", "test", "train"]


def test_a_conversation_keeps_its_split_when_its_first_prompt_is_gone():
    assert assign([("p2", "k2", "c")], [("p1", "k1", "c", "test")])["p2"] == ("test", "test", True)


def test_a_prompt_in_two_clusters_ties_them():
    found = assign([("p1", "k1", "c1"), ("p2", "k1", "c2"), ("p2", "k2", "c2"), ("p3", "k2", "c3")])
    assert len({found[p][0] for p in found}) == 1


def test_nothing_in_nothing_out():
    assert assign([]) == {}
    assert assign([], [("p", "k", "c", "train")]) == {}


prompts = st.integers(0, 11)
worlds = st.lists(st.tuples(prompts, st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12)


def world(drawn: list[tuple[int, int, int]], clusters: dict[int, int]) -> list[tuple]:
    """Members with one conversation a prompt; `clusters` says which clusters have grown together."""
    rows = {f"p{p:02d}": (f"k{clusters.get(k, k)}", f"c{c}-{p // 3}") for p, k, c in drawn}
    return [(p, k, c) for p, (k, c) in sorted(rows.items())]


@settings(max_examples=150)
@given(worlds, worlds, st.dictionaries(st.integers(0, 4), st.integers(0, 4)), st.integers(0, 3))
def test_no_fact_moves_and_nothing_leaks_when_clusters_merge(first, second, merged, seed):
    early = world(first, {})
    before = assign(early, seed=seed)
    stored = facts(early, before)
    late = world(first + [row for row in second if row[0] not in {p for p, _, _ in first}], merged)
    after = assign(late, stored, SplitShares(test=1.0), seed)
    for prompt, (split, _, _) in before.items():
        assert after[prompt][0] == split
    for key in (1, 2):
        for one in late:
            for other in late:
                published = [after[row[0]] for row in (one, other) if after[row[0]][0] == after[row[0]][1]]
                if one[key] == other[key] and len(published) == 2:
                    assert published[0][0] == published[1][0]
    for prompt, (split, group_split, new) in after.items():
        assert new == (prompt not in before)
        assert SPLITS.index(group_split) <= SPLITS.index(split)


@settings(max_examples=60)
@given(worlds, st.randoms(use_true_random=False))
def test_the_order_of_rows_is_of_no_matter(drawn, random):
    members = world(drawn, {})
    shuffled = random.sample(members, len(members))
    assert assign(members) == assign(shuffled)


@settings(max_examples=60)
@given(worlds)
def test_an_unchanged_world_gives_no_new_facts(drawn):
    members = world(drawn, {})
    before = assign(members)
    again = assign(members, facts(members, before))
    assert {p: row[:2] for p, row in again.items()} == {p: row[:2] for p, row in before.items()}
    assert not any(new for _, _, new in again.values())


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"train": 0.9, "test": 0.2}, "must be 1, not 1.1"),
        ({"train": 0.5}, "must be 1, not 0.5"),
        ({"train": 1.2, "test": -0.2}, "less than or equal to 1"),
        ({"train": 0.9, "valid": 0.1}, "Extra inputs"),
    ],
)
def test_shares_that_make_no_sense_are_refused_in_words(shares, words):
    with pytest.raises(ValidationError, match=words):
        PublishOptions.model_validate({"splits": shares})


def test_a_share_left_out_is_none():
    only = PublishOptions.model_validate({"splits": {"validation": 1}}).splits
    assert {only.of(chance) for chance in (0.0, 0.5, 0.999999999)} == {"validation"}
