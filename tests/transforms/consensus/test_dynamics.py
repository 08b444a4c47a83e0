"""Training dynamics: turned labels are not believed, nobody watches their own label, and what is truncated says so."""

import numpy as np
import pytest
import yaml

from prefcurate.transforms.consensus.cartography import Map
from prefcurate.transforms.consensus.consensus import READS, WRITES, Consensus
from prefcurate.transforms.consensus.decide import Decision
from prefcurate.transforms.consensus.dynamics import Dynamics, Watched, fit_dynamics, region, watched
from prefcurate.transforms.consensus.options import ConsensusOptions, DynamicsOptions
from tests.helpers import context, label, pair, run_stage
from tests.transforms.annotate.vectors import with_vectors
from tests.transforms.consensus.test_stage import GOLD, good_one, make_store, rows
from tests.transforms.publish.stores import comparisons, put

OPTIONS = DynamicsOptions(epochs=6)
CLUSTERS = [f"p{i % 40}" for i in range(600)]


def planted(turned=0.2, seed=0):
    """Labels that a direction explains, of which a share is turned round."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(600, 12))
    truth = np.where(features @ rng.normal(size=12) + rng.logistic(size=600) * 0.5 > 0, 1, -1)
    bad = rng.random(600) < turned
    return features, np.where(bad, -truth, truth), bad


def confidence(features, given, options=OPTIONS):
    found = fit_dynamics(features, given, np.ones(len(given)), CLUSTERS[: len(given)], options, 7)
    told = watched(found.probabilities(features, CLUSTERS[: len(given)]))
    return np.array([one.confidence("a" if g > 0 else "b") for one, g in zip(told, given, strict=True)]), found, told


def test_turned_labels_have_low_confidence():
    features, given, bad = planted()
    told, _, _ = confidence(features, given)
    assert np.mean(told[bad]) < 0.4 < 0.6 < np.mean(told[~bad])
    lowest = np.argsort(told)[: int(bad.sum())]
    assert bad[lowest].mean() > 0.65


def test_confidence_is_about_as_high_as_labels_are_right():
    features, given, bad = planted(0.3)
    told, _, _ = confidence(features, given)
    surest = told > 0.6
    assert (~bad)[surest].mean() > 0.75 and abs(told[surest].mean() - 0.7) < 0.12


def test_no_label_is_watched_by_heads_that_saw_its_cluster():
    features, given, _ = planted()
    _, found, before = confidence(features, given)
    other = given.copy()
    mine = [i for i, cluster in enumerate(CLUSTERS) if cluster == "p3"]
    other[mine] *= -1
    # Slopes are one number for all heads, so that directions are compared.
    again = fit_dynamics(features, other, np.ones(600), CLUSTERS, OPTIONS, 7)
    odds = [model.log_odds(features, CLUSTERS)[mine] for model in (found, again)]
    ratio = odds[0] / odds[1]
    assert np.allclose(ratio, ratio.flat[0], rtol=1e-3)
    assert len(before) == 600


def test_exchanging_a_and_b_exchanges_everything_and_the_same_gives_the_same_bytes():
    features, given, _ = planted()
    _, found, told = confidence(features, given)
    _, turned, other = confidence(-features, -given)
    assert found.to_bytes() == turned.to_bytes() == Dynamics.from_bytes(found.to_bytes()).to_bytes()
    assert all(one.p_a == pytest.approx(1 - two.p_a, abs=2e-6) for one, two in zip(told, other, strict=True))
    assert sum(one.variability > found.ambiguous for one in told) == pytest.approx(200, abs=3)


def test_too_few_labels_teach_nothing():
    features, given, _ = planted()
    found = fit_dynamics(features[:30], given[:30], np.ones(30), CLUSTERS[:30], OPTIONS, 7)
    assert watched(found.probabilities(features[:30], CLUSTERS[:30])) == [None] * 30
    nobody = fit_dynamics(np.zeros((0, 2)), np.zeros(0), np.zeros(0), [], OPTIONS, 7)
    assert not nobody.heads.any()


@pytest.mark.parametrize(
    ("told", "expected"),
    [((0.8, 0.01), "easy"), ((0.2, 0.01), "hard"), ((0.8, 0.3), "ambiguous"), ((0.2, 0.3), "ambiguous")],
)
def test_regions_of_the_map(told, expected):
    assert region(*told, ambiguous=0.1) == expected


def made(decision="keep", label="a", weight=0.8):
    return Decision(0.9, 0.1, 0.0, label, decision, 0.9, 0.8, weight, "all say so")


@pytest.mark.parametrize(
    ("truncate", "p_a", "proven", "before", "after"),
    [
        ("no", 0.1, False, made(), ("keep", "a", 0.8)),
        ("soften", 0.1, False, made(), ("soften", "a", 0.4)),
        ("soften", 0.1, False, made("soften"), ("soften", "a", 0.8)),
        ("soften", 0.45, False, made(), ("keep", "a", 0.8)),
        ("soften", 0.1, True, made(), ("keep", "a", 0.8)),
        ("drop", 0.1, False, made(), ("drop", None, None)),
        ("drop", 0.1, False, made("flip", "b"), ("flip", "b", 0.8)),
        ("drop", 0.9, False, made("flip", "b"), ("drop", None, None)),
        ("drop", 0.1, False, made("drop", None, None), ("drop", None, None)),
    ],
)
def test_confidence_truncation(truncate, p_a, proven, before, after):
    seen = Map({"c": Watched(p_a, 0.02)}, 0.1, DynamicsOptions(truncate=truncate, confidence=0.3))
    found = seen.truncated("c", before, proven)
    assert (found.decision, found.label, found.weight) == after
    assert (found != before) == ("less than dynamics.confidence 30%" in found.reason)
    assert seen.truncated("unseen", before, proven) == before


def test_a_bare_no_of_yaml_is_no():
    assert DynamicsOptions.model_validate({"truncate": yaml.safe_load("no"), "confidence": 0.3}).truncate == "no"


def test_on_a_store_turned_labels_are_dropped_and_the_map_is_in_the_table(tmp_path):
    rng = np.random.default_rng(1)
    bad = set(rng.permutation(160)[:24].tolist())
    store = make_store(
        tmp_path,
        [
            pair(
                f"q{i}",
                f"good {i}",
                f"bad {i}",
                label("second" if i in bad else "first", "ann"),
                label("first", "j", "llm_judge"),
            )
            for i in range(160)
        ],
    )
    found = comparisons(store)
    vectors = []
    for row in found:
        about = {"prompt_id": row["prompt_id"], "fingerprint": "m"}
        vectors.append({**about, "text_id": row["prompt_id"], "role": "prompt", "vector": rng.normal(size=6).tolist()})
        for side in ("a", "b"):
            good = row[f"response_{side}_text"].startswith("good")
            vector = (rng.normal(size=6) + (1.5 if good else -1.5) * np.eye(6)[0]).tolist()
            vectors.append({**about, "text_id": row[f"response_{side}_id"], "role": "response", "vector": vector})
    put(store, "embeddings", vectors)

    def run(options, name):
        told = context(store, "consensus", READS, WRITES, ["m"], run_id=name)
        run_stage(Consensus(told, ConsensusOptions(policy="votes", min_accuracy=0.5, **options), GOLD, vectors="m"))
        return rows(store, "consensus")

    plain = run({}, "plain")
    assert {row["region"] for row in plain.values()} == {None}
    right = good_one(store)
    wrong = {c for c, row in plain.items() if row["label"] and row["label"] != right[c]}
    settings = {"dynamics": {"epochs": 4, "truncate": "drop", "confidence": 0.35}}
    made = run(settings, "dynamics")
    assert {row["region"] for row in made.values() if row["label"]} <= {"easy", "hard", "ambiguous"}
    gone = {c for c in made if made[c]["decision"] == "drop" and plain[c]["decision"] != "drop"}
    assert len(gone & wrong) > 0.7 * len(wrong) > 5 and len(gone - wrong) < 0.2 * len(gone)
    assert all("heads trained on the labels of other prompts" in made[c]["reason"] for c in gone)
    assert run(settings, "again") == made


@pytest.mark.parametrize("vectors", [True, False])
def test_on_a_store_in_which_nothing_is_published_nothing_is_watched(tmp_path, vectors):
    store = make_store(tmp_path, [pair(f"q{i}", f"good {i}", f"bad {i}") for i in range(3)])
    if vectors:
        with_vectors(store, {f"{name} {i}": [1.0, i] for name in ("good", "bad") for i in range(3)} | {f"q{i}": [i, 1.0] for i in range(3)}, "m")  # fmt: skip
    told = context(store, "consensus", READS, WRITES, ["m"])
    run_stage(Consensus(told, ConsensusOptions(dynamics=DynamicsOptions()), GOLD, vectors="m"))
    assert {(row["decision"], row["region"]) for row in rows(store, "consensus").values()} == {("drop", None)}
