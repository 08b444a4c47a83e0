"""The programs in the stage: all in one run, nothing again in the next, only what is new when data came."""

import json

import numpy as np

from prefcurate.pipelines.config import parse_config
from prefcurate.transforms.annotate.annotate import READS, WRITES, Annotate
from prefcurate.transforms.annotate.checks import Checks
from prefcurate.transforms.annotate.reward_head import RewardHead
from prefcurate.transforms.annotate.similarity import Similarity
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.ingest.options import GoldOptions
from tests.helpers import context, label, make_store, pair, run_stage
from tests.transforms.annotate.vectors import with_clusters, with_vectors

EMBED = EmbedOptions()
CHECKS = Checks(name="c", kind="checks")
SIMILARITY = Similarity(name="s", kind="similarity", by="characters")
HEAD = RewardHead(name="h", kind="reward_head", members=2).bound(EMBED, GoldOptions())


def run(store, run_id):
    """Runs the stage and gives its ledger entry."""
    fingerprints = [EMBED.fingerprint(), *(a.fingerprint() for a in (CHECKS, SIMILARITY, HEAD))]
    run_stage(Annotate(context(store, "annotate", READS, WRITES, fingerprints, run_id), (CHECKS, SIMILARITY, HEAD)))
    return store.latest("annotate")


def ours(store):
    rows = [row for row in store.dataset("annotations").to_table().to_pylist() if row["occurrence_id"] is None]
    return {(row["annotator"], row["comparison_id"]): row for row in rows}


def some_pairs(start, end):
    given = [pair(f"Question {i}: describe rain in at most 3 words.", f"wet {i}", f"it is wet {i} as always", label("first"),
                  reference=f"wet {i}" if i % 2 else None) for i in range(start, end)]  # fmt: skip
    texts = [text for i in range(start, end) for text in (f"Question {i}: describe rain in at most 3 words.",)]
    random = np.random.default_rng(start)
    vectors = {text: random.normal(size=4) for text in texts}
    vectors |= {f"wet {i}": [1, *random.normal(size=3)] for i in range(start, end)}
    vectors |= {f"it is wet {i} as always": [-1, *random.normal(size=3)] for i in range(start, end)}
    return given, vectors


def test_all_programs_answer_once_and_only_what_is_new(tmp_path):
    given, vectors = some_pairs(0, 80)
    store = make_store(tmp_path, given)
    with_vectors(store, vectors, EMBED.fingerprint())
    first = run(store, "one")
    before = ours(store)
    counts = {
        name: sum(annotator == name for annotator, _ in before)
        for name in ("checks:c", "similarity:s", "reward_head:h")
    }
    assert counts == {"checks:c": 80, "similarity:s": 40, "reward_head:h": 80}
    assert {(row["kind"], row["order_shown"]) for (a, _), row in before.items() if a == "reward_head:h"} == {
        ("reward_model", "unknown")
    }
    assert run(store, "two").versions == first.versions, "nothing to do"

    more, more_vectors = some_pairs(80, 90)
    store = make_store(tmp_path, {"data": given, "more": more})
    with_vectors(store, more_vectors, EMBED.fingerprint())
    run(store, "three")
    after = ours(store)
    assert len(after) - len(before) == 10 + 5 + 10
    assert {key: after[key] for key in before} == before, "what was said stands, whatever labels have come since"
    new = [row for key, row in after.items() if key not in before and key[0] == "reward_head:h"]
    old = [row for key, row in before.items() if key[0] == "reward_head:h"]
    taught = [max(json.loads(row["rationale"])["learned_from"] for row in rows) for rows in (old, new)]
    assert taught[1] > taught[0], "new pairs are scored by heads that learned from all labels there are"


def test_too_few_labels_are_said(tmp_path):
    given, vectors = some_pairs(0, 20)
    store = make_store(tmp_path, given)
    with_vectors(store, vectors, EMBED.fingerprint())
    detail = run(store, "one").detail
    assert ["too little to learn from" in line for line in detail["annotate.unfitted"]] == [True]
    assert not [key for key in ours(store) if key[0] == "reward_head:h"]


def test_pairs_that_are_all_of_one_cluster_are_said_to_be_unscored(tmp_path):
    given, vectors = some_pairs(0, 70)
    store = make_store(tmp_path, given)
    with_vectors(store, vectors, EMBED.fingerprint())
    with_clusters(store, lambda prompt: "one")
    (told,) = run(store, "one").detail["annotate.unfitted"]
    assert told == "reward_head:h: 70 questions not answered: there is too little to learn from"
    assert not [key for key in ours(store) if key[0] == "reward_head:h"]


def test_the_configuration_tells_programs_of_embed_and_gold():
    config = parse_config(
        {
            "store": "./store",
            "sources": [{"name": "s", "format": "prd", "path": "x"}],
            "embed": {"max_tokens": 128},
            "gold": {"annotators": ["person:*/expert"]},
            "annotators": [{"name": "h", "kind": "reward_head"}, {"name": "s", "kind": "similarity"}],
        }
    )
    head, similarity = config.annotators
    assert head.embed == similarity.embed == config.embed
    assert head.gold == config.gold
