"""The benchmark of recovery on planted pairs: what it counts, and that other voters give back what flips cost."""

import numpy as np
import pytest

from prefcurate.schemas.canonical import stable_hash
from tests.benchmarks.bench_recovery import measure, part_of, remedies
from tests.benchmarks.labels.sets import LabelSet
from tests.benchmarks.recovery.heads import Taught, train
from tests.benchmarks.recovery.remedies import Noisy, nothing, published, turned
from tests.benchmarks.recovery.sets import Labelled

PAIRS = 360


def planted(judges=4, right=0.8):
    """Pairs whose better response lies in a hidden direction, and judges who are mostly right."""
    random = np.random.default_rng(0)
    features = random.normal(size=(PAIRS, 12))
    truth = (features @ random.normal(size=12) + 0.5 * random.logistic(size=PAIRS) > 0).astype(float)
    about, voters = {}, []
    for i in range(PAIRS):
        comparison, prompt = stable_hash("c", i), stable_hash("p", i // 2)
        sides = {
            "response_a_id": stable_hash("a", i),
            "response_b_id": stable_hash("b", i),
            "length_a": 9,
            "length_b": 9,
        }
        about[comparison] = {"comparison_id": comparison, "prompt_id": prompt, "cluster": prompt, **sides}
        for judge in range(judges):
            a = (truth[i] > 0.5) == (random.random() < right)
            name = f"llm_judge:j/{judge}"
            said = {
                "annotator": name,
                "family": name,
                "kind": "llm_judge",
                "order_shown": "unknown",
                "judgement_id": None,
            }
            voters.append(
                about[comparison] | said | {"label": "a" if a else "b", "annotation_id": f"{judge}-{i}", "given": True}
            )
    ids = sorted(about, key=lambda c: (about[c]["prompt_id"], c))
    place = {c: i for i, c in enumerate(about)}
    order = [place[c] for c in ids]
    truths = {c: "a" if truth[place[c]] > 0.5 else "b" for c in ids}
    of = LabelSet("planted", voters, truths, {c: about[c]["prompt_id"] for c in ids}, {}, {})
    return Labelled(of, tuple(ids), features[order], truth[order], about)


@pytest.fixture(scope="module")
def pairs():
    return planted()


def noisy(pairs, share=0.3, gold=frozenset(), voters=True):
    rows = np.flatnonzero(part_of(pairs) != 0)
    came = turned(pairs, rows, share, 0)
    return Noisy(pairs, rows, came, gold, np.zeros(len(rows)), pairs.of.voters if voters else [], share)


def test_a_share_of_the_labels_is_turned_round_and_gold_is_not(pairs):
    told = noisy(pairs)
    wrong = [c for c in told.ids if told.came[c] != pairs.of.truth[c]]
    assert len(wrong) == pytest.approx(0.3 * len(told.ids), rel=0.25)
    known = noisy(pairs, gold=frozenset(wrong[:10]))
    fixed = np.sum(nothing(known).target != nothing(told).target)
    assert fixed == 10


def test_what_is_published_is_right_more_often_than_what_came(pairs):
    # Without gold the planted judges, who are independent, are believed too little for .75.
    told = noisy(pairs, gold=frozenset(noisy(pairs).ids[:40]))
    truth = pairs.truth[told.rows] > 0.5
    out = published(told, "learned", 0.75)
    used = out.weight > 0
    assert 0.3 < out.kept <= 1
    assert np.mean((out.target > 0.5)[used] == truth[used]) > np.mean((told.target > 0.5) == truth) + 0.1


def test_a_head_trained_on_what_is_published_gets_back_most_of_what_was_lost(pairs):
    right, kept = measure(pairs, 0.4, 1, pairs.of.voters, remedies(["learned"], [0.75]))
    best, came, ours = (
        np.mean(right[name]) for name in ("true labels", "as they came, gold", "learned, from 0.75, gold")
    )
    assert best - came > 0.1
    assert (ours - came) / (best - came) > 0.5
    assert kept["as they came"][0] == 1.0
    assert {name.removesuffix(", gold") for name in right} >= {
        "true labels",
        "as they came",
        "learned, from 0.75",
        "rate known",
    }


def test_nothing_published_trains_nothing(pairs):
    empty = Taught(pairs.truth, np.zeros(PAIRS))
    assert not train(pairs.features, empty, pairs.clusters).any()
