"""Outcome-gated attributes by a table worked out by hand: a short answer wins only where both are right."""

import pytest

from prefcurate.pipelines.config import ConfigError, parse_config
from prefcurate.schemas.records import GivenRating
from prefcurate.transforms.consensus.how import last_how
from prefcurate.transforms.consensus.options import ConsensusOptions
from prefcurate.transforms.consensus.shard import read_shard
from prefcurate.transforms.ingest.options import GoldOptions
from tests.helpers import label, pair, run_stage
from tests.transforms.consensus.test_stage import assign_gold, decide, make_store, rows, stage

GATE = {"attribute": "conciseness", "counts_when": {"attribute": "correctness", "at_least": 3}}
OPTIONS = ConsensusOptions.model_validate({"policy": "votes", "gated": [GATE], "min_accuracy": 0.5})
NOBODY = GoldOptions()


def rated(name: str, first: float | None, second: float | None, *more, by="grader"):
    """The first answer is the concise one, by somebody's word; correctness as given."""
    ratings = tuple(
        GivenRating(of, by, "llm_judge", "correctness", value, 0.0, 4.0)
        for of, value in (("first", first), ("second", second))
        if value is not None
    )
    concise = label("first", "brief", "llm_judge", attribute="conciseness")
    return pair(name, f"short {name}", f"long {name}", concise, *more, ratings=ratings)


TABLE = [
    # correctness of the short and of the long answer; does the short one's brevity count?
    ("both right", 4.0, 3.0, True),
    ("both wrong", 2.0, 1.0, False),
    ("short and wrong", 1.0, 4.0, False),
    ("long and wrong", 4.0, 1.0, False),
    ("just below", 4.0, 2.9, False),
    ("one unknown", 4.0, None, False),
    ("both unknown", None, None, False),
]


def votes_of(store, options=OPTIONS, gold=NOBODY):
    snapshot = stage(store, options, gold).context.pin()
    texts = {r["comparison_id"]: r for r in store.dataset("comparisons").to_table().to_pylist()}
    found = {}
    for shard in range(store.shards):
        votes = read_shard(snapshot, shard, gold, 7, options.gated)
        for vote, annotation in zip(votes.votes.to_pylist(), votes.annotation_ids, strict=True):
            row = texts[votes.comparison_ids[vote["pair"]]]
            short = 1 if row["response_a_text"].startswith("short") else -1
            found.setdefault(row["prompt_text"], []).append(
                (vote["annotator"], vote["label"] * short, vote["kind"], annotation)
            )
    return found


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("gates"), [rated(name, a, b) for name, a, b, _ in TABLE])


def test_the_table(store):
    found = votes_of(store)
    assert {name: name in found for name, *_ in TABLE} == {name: counts for name, _, _, counts in TABLE}
    ((annotator, side, kind, annotation),) = found["both right"]
    assert annotator == "llm_judge:data/brief on conciseness" and (side, kind) == (1, "program")
    assert annotation in {r["annotation_id"] for r in store.dataset("annotations").to_table().to_pylist()}


def test_without_a_gate_an_attribute_never_counts(store):
    assert votes_of(store, ConsensusOptions()) == {}


def test_a_short_wrong_answer_does_not_beat_a_long_right_one(store):
    made = decide(store, options=OPTIONS)
    texts = {r["comparison_id"]: r for r in store.dataset("comparisons").to_table().to_pylist()}
    by_name = {texts[c]["prompt_text"]: (row, texts[c]) for c, row in made.items()}
    assert by_name["short and wrong"][0]["p_a"] == by_name["short and wrong"][0]["p_b"]
    row, text = by_name["both right"]
    short = "a" if text["response_a_text"].startswith("short") else "b"
    assert row["label"] == short and row["label_in"] is None and row["decision"] == "assign"


def test_the_mean_of_several_ratings_counts_and_a_word_for_both_does_too(tmp_path):
    twice = rated("mean", 4.0, 2.0, by="one"), rated("mean", 4.0, 4.0, by="two")
    word = pair("word", "short w", "long w", label("first", "brief", "llm_judge", attribute="conciseness"),
                label("both_good", "checker", "program", attribute="correctness"))  # fmt: skip
    doubted = pair("doubted", "short d", "long d", label("first", "brief", "llm_judge", attribute="conciseness"),
                   label("both_good", "checker", "program", attribute="correctness"), label("first", "eve", attribute="correctness"))  # fmt: skip
    found = votes_of(make_store(tmp_path, [*twice, word, doubted]))
    assert set(found) == {"mean", "word"}


def test_what_gold_says_of_an_audit_prompt_is_not_seen(tmp_path):
    said = [
        label("second", "brief", "llm_judge", attribute="conciseness"),
        label("first", "ann", attribute="conciseness"),
    ]
    store = make_store(tmp_path, {"experts": [rated("p", 4.0, 4.0, *said)]})
    assign_gold(store, lambda prompt: "audit")
    gold = GoldOptions(annotators=("person:experts/*",))
    assert {vote[0] for vote in votes_of(store, gold=gold)["p"]} == {"llm_judge:experts/brief on conciseness"}
    assert len({vote[0] for vote in votes_of(store)["p"]}) == 2


def test_the_stage_counts_them_and_remembers_that_it_did(store):
    run_stage(stage(store, OPTIONS, NOBODY))
    assert last_how(store).gated == OPTIONS.gated
    assert rows(store, "annotators")["llm_judge:data/brief on conciseness"]["n"] == 1
    assert sum(len(row["evidence"]) for row in rows(store, "consensus").values()) == 1


@pytest.mark.parametrize(
    ("gated", "words"),
    [
        ([{"attribute": "conciseness"}], "counts_when"),
        ([{"attribute": "overall", "counts_when": {"attribute": "c", "at_least": 1}}], "overall always counts"),
        ([{"attribute": "c", "counts_when": {"attribute": "c", "at_least": 1}}], "its own outcome"),
        ([GATE, GATE], "stands twice"),
        ([{**GATE, "when": 3}], "when"),
    ],
)
def test_gates_that_make_no_sense_stop_the_run(tmp_path, gated, words):
    sources = [{"name": "s", "format": "prd", "path": "data"}]
    with pytest.raises(ConfigError, match=words):
        parse_config({"store": "store", "sources": sources, "consensus": {"gated": gated}}, str(tmp_path))
