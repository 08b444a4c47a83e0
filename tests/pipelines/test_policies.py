"""`prefcurate policies`: the same opinions under several policies; gold that they never saw; nothing written."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from prefcurate.pipelines.diff import diff
from prefcurate.pipelines.diff import render as render_diff
from prefcurate.pipelines.policies import compare_policies, render
from prefcurate.pipelines.status import render as render_status
from prefcurate.pipelines.status import status
from prefcurate.schemas.errors import WrongSetting
from prefcurate.transforms.consensus.compare import Asked, compare, without_gold
from prefcurate.transforms.consensus.options import POLICIES, RECOMMENDED, ConsensusOptions
from prefcurate.transforms.consensus.shard import read_shard
from prefcurate.transforms.store.store import StoreError
from tests.helpers import run_stage
from tests.transforms.consensus.test_stage import GOLD, assign_gold, crowd, good_one, make_store, rows, stage
from tests.transforms.publish.stores import publish


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("policies"), crowd(60, gold=50))
    assign_gold(store, lambda prompt: "fit" if prompt[0] < "c" else "audit")
    run_stage(stage(store, ConsensusOptions(policy="votes")))
    return store


def files(root: str) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in Path(root).rglob("*")}


def test_all_pairs_as_each_policy_decides_them_and_nothing_is_written(store):
    before = files(store.root)
    compared = compare_policies(store.root)
    assert files(store.root) == before
    titles = compared.asked.policies
    assert titles[0] == "votes@1" and set(titles) == {policy.title for policy in POLICIES.values()}
    decided = [row["decision"] for row in rows(store, "consensus").values()]
    assert compared.found.decisions[0] == {name: decided.count(name) for name in set(decided)}
    assert compared.found.pairs == len(decided) == sum(compared.found.decisions[1].values())
    assert compared.found.published[0] == sum(d not in ("drop", "hold") for d in decided)
    text = render(compared)
    assert "votes@1" in text and "per 100 gold pairs" in text and "side audit" in text
    assert "before overrides, agreements of signals and truncation" in text


def test_what_gold_says_of_a_pair_is_not_seen_when_it_is_decided(store):
    asked = Asked(("votes@1", "learned@1"), 0.75, False, GOLD, 7)
    plain = compare(stage(store).context.pin(), asked)
    # Somebody who is right on gold alone and nowhere else would look perfect if gold were seen.
    assert plain.gold_pairs == plain.clusters and 0 < plain.gold_pairs < 50
    assert plain.on_gold[0].published <= plain.gold_pairs
    assert 0.8 < plain.on_gold[0].right.value <= 1.0


def test_only_gold_of_side_fit_is_counted(store):
    snapshot = stage(store).context.pin()
    counted = 0
    for shard in range(store.shards):
        votes = read_shard(snapshot, shard, GOLD, 7)
        for fold in range(5):
            hidden, truth = without_gold(votes, fold)
            assert not any(hidden.votes["gold"].to_pylist())
            assert set(hidden.votes["fold"].to_pylist()) <= {fold}
            right = good_one(store)
            assert all({1: "a", -1: "b"}[said] == right[hidden.comparison_ids[p]] for p, said in truth.items())
            counted += len(truth)
    assert counted == compare_policies(store.root, "votes").found.gold_pairs


def test_policies_that_decide_alike_differ_nowhere(store):
    compared = compare_policies(store.root, "votes,votes@1")
    assert compared.asked.policies == ("votes@1",) and not compared.found.differing[0].counts


def test_differences_are_paired_and_name_pairs_to_look_at(store):
    snapshot = stage(store).context.pin()
    found = compare(snapshot, Asked(("votes@1", "learned@1"), 0.93, False, GOLD, 7))
    on, first = found.on_gold[1], found.on_gold[0]
    assert on.both <= min(on.published, first.published)
    if on.difference is not None:
        assert on.difference.value == pytest.approx(on.right_both - on.first_both)
        assert on.difference.low <= on.difference.value <= on.difference.high
    assert on.gain_difference.value == pytest.approx(on.gain.value - first.gain.value)
    ids = set(rows(store, "consensus"))
    for kind, pairs in found.differing[1].examples.items():
        assert len(pairs) == min(3, found.differing[1].counts[kind]) and {pair[0] for pair in pairs} <= ids


def test_the_number_of_shards_changes_nothing(tmp_path):
    found = []
    for shards in (1, 4):
        store = make_store(tmp_path / str(shards), crowd(24, gold=20), shards=shards)
        assign_gold(store, lambda prompt: "fit")
        found.append(compare(stage(store).context.pin(), Asked(("votes@1", "learned@1"), 0.6, False, GOLD, 7)))
    assert found[0].decisions == found[1].decisions and found[0].differing == found[1].differing
    assert np.isclose(found[0].on_gold[1].gain.low, found[1].on_gold[1].gain.low)


def test_without_gold_nothing_is_claimed(tmp_path):
    store = make_store(tmp_path, crowd(20, gold=0))
    run_stage(stage(store))
    assert "which policy is better cannot be told here" in render(compare_policies(store.root, "learned"))


def test_mistakes_are_told(store, tmp_path):
    with pytest.raises(WrongSetting, match="--policies: there is no policy 'bold'"):
        compare_policies(store.root, "votes,bold")
    with pytest.raises(StoreError, match="does not say how its pairs were decided"):
        compare_policies(make_store(tmp_path, crowd(3, gold=0)).root)


def test_what_decided_stands_in_status_manifest_card_and_diff(tmp_path):
    store = make_store(tmp_path, crowd(30, gold=0))
    assert status(store).how is None
    releases = []
    for options in (ConsensusOptions(), ConsensusOptions(policy="learned", min_accuracy=0.8)):
        run_stage(stage(store, options))
        releases.append(publish(store))
    assert status(store).how.words == "policy learned@1, min_accuracy 0.8"
    console = Console(file=io.StringIO(), width=200)
    render_status(status(store), console)
    assert "decided by policy learned@1, min_accuracy 0.8" in console.file.getvalue()
    assert releases[0].manifest["decided_by"] == {"policy": f"{RECOMMENDED}@1", "min_accuracy": 0.75}
    card = (Path(releases[1].path) / "README.md").read_text()
    assert "By the policy `learned@1`" in card and "at least 80% of the time" in card and "Curriculum bands" in card
    told = render_diff(diff(store, releases[0].release_id, releases[1].release_id))
    assert (
        f"decided by policy {RECOMMENDED}@1, min_accuracy 0.75 before, by policy learned@1, min_accuracy 0.8 after"
        in told
    )
    assert "decided by" not in render_diff(diff(store, releases[1].release_id))
