"""Whose label counts for whom: one small store whose every answer was worked out by hand."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given as cases
from hypothesis import strategies as st

from prefcurate.transforms.consensus.votes import NO_LABEL
from prefcurate.transforms.consensus.votes import majority as majority_of_matrix
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.labels import (
    given_labels,
    gold_labels,
    gold_prompts,
    is_gold,
    labels_in,
    majority,
    trusted_labels,
)
from prefcurate.transforms.store.parts import write_part
from tests.helpers import context, label, make_store, pair

EXPERTS = GoldOptions(annotators=("person:*/expert-*",))
NOBODY = GoldOptions()
VOTES = st.lists(st.sampled_from(["a", "b", "tie", "both_bad", "both_good"]), max_size=9)

PEOPLE = (label("first", "p"), label("first", "q"), label("second", "r"))
JUDGES = tuple(label("second", f"judge{i}", "llm_judge") for i in range(4))
PAIRS = {
    "people": pair("people", "good", "bad", *PEOPLE, *JUDGES),
    "draw": pair("draw", "good", "bad", *PEOPLE[1:], *JUDGES),
    "judges": pair("judges", "good", "bad", *JUDGES, label("first", "other", "llm_judge")),
    "both bad": pair("both bad", "good", "bad", label("both_bad", "p"), label("tie", "q"), label("first", "r")),
    "silent": pair("silent", "good", "bad"),
    "unratable": pair("unratable", "good", "bad", label("unratable", "p"), *JUDGES),
    "other attribute": pair("other attribute", "good", "bad", label("first", "p", attribute="humour"), *JUDGES),
    "fit": pair("fit", "good", "bad", label("first", "expert-1"), label("second", "p")),
    "audit": pair("audit", "good", "bad", label("first", "expert-1"), label("second", "p")),
    "audit alone": pair("audit alone", "good", "bad", label("first", "expert-1"), *JUDGES),
    "no side": pair("no side", "good", "bad", label("first", "expert-1"), label("second", "p")),
    "experts": pair("experts", "good", "bad", *(label(v, f"expert-{v}") for v in ("first", "second", "tie"))),
}
SIDES = {"fit": "fit", "audit": "audit", "audit alone": "audit", "experts": "audit", "people": "audit"}


def with_sides(store, sides):
    """Commits the table `gold` as the stage screen does; prompts are named by their text."""
    rows = store.dataset("comparisons").to_table(columns=["prompt_id", "prompt_text"]).to_pylist()
    told = [{"prompt_id": r["prompt_id"], "prompt_cluster": "", "side": sides[r["prompt_text"]]}
            for r in sorted(rows, key=lambda r: r["prompt_id"]) if r["prompt_text"] in sides]  # fmt: skip
    part = write_part(store.root, "gold", 0, [pa.Table.from_pylist(told)])
    store.commit("gold", [part], base=store.delta("gold").version(), replace=False, transaction="t", metadata={})


def pinned(store):
    return context(store, "consensus", ("comparisons", "annotations", "occurrences", "gold"), ()).pin()


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("labels"), list(PAIRS.values()), shards=1)
    with_sides(store, SIDES)
    return pinned(store)


def named(snapshot, found):
    """Labels by comparison as `good`, `bad` or `tie` by the prompt's text."""
    rows = {row["comparison_id"]: row for row in snapshot.table("comparisons").to_pylist()}
    return {
        rows[c]["prompt_text"]: value if value == "tie" else rows[c][f"response_{value}_text"]
        for c, value in found.items()
    }


def test_label_in_without_gold(snapshot):
    assert named(snapshot, labels_in(given_labels(snapshot, NOBODY, 0))) == {
        "people": "good",
        "judges": "bad",
        "both bad": "tie",
        "unratable": "bad",
        "other attribute": "bad",
        "audit alone": "good",
    }


def test_label_in_counts_fit_gold_and_no_other(snapshot):
    found = named(snapshot, labels_in(given_labels(snapshot, EXPERTS, 0)))
    assert "fit" not in found, "the expert and the worker draw"
    assert (found["audit"], found["no side"]) == ("bad", "bad"), "of the worker alone"
    assert found["audit alone"] == "bad", "no person is left: of the judges"
    assert "experts" not in found
    assert found["people"] == "good", "labels on an audit prompt that are no gold stay"


def test_given_labels_are_complete_and_hide_gold_that_is_not_fits(snapshot):
    texts = dict(
        zip(*(snapshot.table("comparisons")[c].to_pylist() for c in ("prompt_id", "prompt_text")), strict=True)
    )
    everything = given_labels(snapshot, NOBODY, 0).to_pylist()
    usable = given_labels(snapshot, EXPERTS, 0).to_pylist()
    assert len(everything) == 7 + 6 + 5 + 3 + 0 + 4 + 4 + 2 + 2 + 5 + 2 + 3
    hidden = {row["annotation_id"] for row in everything} - {row["annotation_id"] for row in usable}
    said = [(texts[row["prompt_id"]], row["annotator"]) for row in everything if row["annotation_id"] in hidden]
    assert sorted(said) == [
        ("audit", "person:data/expert-1"),
        ("audit alone", "person:data/expert-1"),
        ("experts", "person:data/expert-first"),
        ("experts", "person:data/expert-second"),
        ("experts", "person:data/expert-tie"),
        ("no side", "person:data/expert-1"),
    ]
    golden = [(texts[row["prompt_id"]], row["annotator"], row["side"]) for row in usable if row["gold"]]
    assert golden == [("fit", "person:data/expert-1", "fit")]
    assert usable == sorted(usable, key=lambda row: (row["comparison_id"], row["annotation_id"]))


def test_gold_of_each_side(snapshot):
    assert named(snapshot, gold_labels(snapshot, EXPERTS, "fit", 0)) == {"fit": "good"}
    assert named(snapshot, gold_labels(snapshot, EXPERTS, "audit", 0)) == {"audit": "good", "audit alone": "good"}
    assert gold_labels(snapshot, NOBODY, "fit", 0) == gold_labels(snapshot, NOBODY, "audit", 0) == {}


def test_a_gold_source_and_a_gold_annotator(snapshot):
    """Of a gold source the people are gold, and its judges are not; a pattern may name judges."""
    source = GoldOptions(sources=("data",))
    assert named(snapshot, gold_labels(snapshot, source, "audit", 0)) == {"audit alone": "good", "people": "good"}
    judge = GoldOptions(annotators=("llm_judge:data/judge0",))
    assert named(snapshot, gold_labels(snapshot, judge, "audit", 0)) == {"people": "bad", "audit alone": "bad"}


def test_gold_prompts_are_those_with_a_gold_label_on_any_attribute(snapshot):
    ids = dict(zip(*(snapshot.table("comparisons")[c].to_pylist() for c in ("prompt_text", "prompt_id")), strict=True))
    assert gold_prompts(snapshot, EXPERTS, 0) == sorted(
        ids[t] for t in ("fit", "audit", "audit alone", "no side", "experts")
    )
    assert ids["other attribute"] in gold_prompts(snapshot, GoldOptions(annotators=("person:data/p",)), 0)
    assert gold_prompts(snapshot, NOBODY, 0) == []


def test_trusted_labels_see_nothing_of_audit_prompts_and_no_judges(snapshot):
    assert named(snapshot, trusted_labels(snapshot, NOBODY, 0)) == {"both bad": "tie"}
    assert named(snapshot, trusted_labels(snapshot, EXPERTS, 0)) == {
        "both bad": "tie",
        "fit": "good",  # gold stands above the worker
        "no side": "bad",  # the expert's label may become audit's
    }


def test_ours_are_never_gold(tmp_path):
    """A pattern that matches everybody trusts all who came with the data, and none that was asked."""
    store = make_store(tmp_path, [pair("p", "good", "bad", label("second", "p"))], shards=1)
    with_sides(store, {"p": "fit"})
    (came,) = store.dataset("annotations").to_table().to_pylist()
    ours = came | {"annotation_id": "x", "occurrence_id": None, "row_hash": "", "fingerprint": "f", "label": "a",
                   "annotator": "llm_judge:ours", "kind": "llm_judge"}  # fmt: skip
    part = write_part(store.root, "annotations", 0, [pa.Table.from_pylist([ours])])
    base = store.delta("annotations").version()
    store.commit("annotations", [part], base=base, replace=False, transaction="t", metadata={})
    snapshot = context(store, "consensus", ("comparisons", "annotations", "occurrences", "gold"), (), ["f"]).pin()
    assert snapshot.table("annotations").num_rows == 2
    everybody = GoldOptions(annotators=("*",))
    assert given_labels(snapshot, everybody, 0)["annotation_id"].to_pylist() == [came["annotation_id"]]
    assert named(snapshot, gold_labels(snapshot, everybody, "fit", 0)) == {"p": "bad"}


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        ([], None),
        (["a"], "a"),
        (["a", "b"], None),
        (["a", "a", "b"], "a"),
        (["a", "tie"], None),
        (["b", "b", "tie"], "b"),
        (["both_bad", "both_good", "a"], "tie"),
        (["a", "a", "b", "tie"], "a"),  # most frequent, though not more than half
        (["a", "b", "tie"], None),
        (["a", "a", "b", "b", "tie"], None),
    ],
)
def test_majority(votes, said):
    assert majority(votes) == said


def test_what_is_no_preference_is_no_vote():
    with pytest.raises(KeyError, match="unratable"):
        majority(["a", "unratable"])


@cases(VOTES, st.randoms())
def test_the_order_of_votes_never_matters(votes, random):
    assert majority(random.sample(votes, len(votes))) == majority(votes)


@cases(VOTES)
def test_exchanging_the_responses_exchanges_the_majority(votes):
    swap = {"a": "b", "b": "a"}
    said = majority(votes)
    assert majority([swap.get(vote, vote) for vote in votes]) == swap.get(said, said)


@cases(VOTES)
def test_the_label_models_matrix_counts_by_the_same_rule(votes):
    codes = np.array([{"a": 1, "b": -1}.get(vote, 0) for vote in votes], np.int64)
    said = {"a": 1, "b": -1, "tie": 0, None: NO_LABEL}[majority(votes)]
    assert majority_of_matrix(np.zeros(len(votes), np.int64), codes, 1).tolist() == [said]


@pytest.mark.parametrize(
    ("annotator", "kind", "source", "expected"),
    [
        ("person:votes/expert-1", "person", "votes", True),
        ("person:votes/crowd-1", "person", "votes", False),
        ("llm_judge:votes/expert-1", "llm_judge", "votes", False),
        ("person:trusted/anyone", "person", "trusted", True),
        ("llm_judge:trusted/gpt-4", "llm_judge", "trusted", False),
        ("PERSON:votes/expert-1", "person", "votes", False),
    ],
)
def test_who_is_gold(annotator, kind, source, expected):
    gold = GoldOptions(annotators=("person:*/expert-*",), sources=("trusted",))
    assert is_gold(annotator, kind, source, gold) == expected
