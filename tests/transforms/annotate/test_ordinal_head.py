"""Ordinal heads on a store: degrees out of strengths, what they say of ties, and that they never see a pair's own cluster."""

import json

import numpy as np
import pyarrow as pa
import pytest

from prefcurate.schemas.records import Label
from prefcurate.transforms.annotate.annotator import Question, annotation_rows
from prefcurate.transforms.annotate.bradley_terry import FoldHeads
from prefcurate.transforms.annotate.examples import GRADED
from prefcurate.transforms.annotate.ordinal_head import OrdinalHead, degrees_of
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.ingest.options import GoldOptions
from tests.helpers import label, make_store, pair
from tests.transforms.annotate.test_reward_head import HEAD as PLAIN
from tests.transforms.annotate.test_reward_head import learned, preferred
from tests.transforms.annotate.vectors import with_clusters, with_vectors

EMBED = EmbedOptions()
HEAD = OrdinalHead(name="degrees", kind="ordinal_head", members=2, folds=3).bound(EMBED, GoldOptions())


def examples(*of_pairs, weight=1.0):
    """A table of examples whose voices are (scale, sign, strength)."""
    rows = [
        [
            {"scale": scale, "sign": sign, "strength": strength, "share": 1.0 / len(voices)}
            for scale, sign, strength in voices
        ]
        for voices in of_pairs
    ]
    grades = pa.array(rows, pa.list_(GRADED))
    return pa.table({"grades": grades, "weight": pa.array([weight] * len(rows), pa.float64())})


def degrees(table, levels=3):
    found = degrees_of(table, levels)
    return list(zip(found.low.tolist(), found.high.tolist(), strict=True))


def test_few_strengths_are_degrees_as_they_are():
    """HelpSteer2's scale: -3 to 3; the strongest degree is open above."""
    table = examples(*([("hs person", s, float(k))] for s in (1, -1) for k in (1, 2, 3)), [("hs person", 0, 0.0)])
    assert degrees(table) == [(1, 1), (2, 2), (3, 3), (-1, -1), (-2, -2), (-3, -3), (0, 0)]
    assert degrees(table, levels=5) == [(1, 1), (2, 2), (3, 5), (-1, -1), (-2, -2), (-5, -3), (0, 0)]


def test_many_strengths_are_cut_into_equal_parts():
    table = examples(*([("ratings person", 1, float(k))] for k in range(1, 10)))
    assert [low for low, _ in degrees(table)] == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_scales_are_apart_and_a_label_without_strength_is_any_degree():
    table = examples(
        [("a person", 1, 1.0), ("b llm_judge", 1, 10.0)], [("a person", 1, 2.0), ("b llm_judge", -1, None)]
    )
    assert degrees(table) == [(1, 1), (1, 3), (2, 3), (-3, -1)]
    found = degrees_of(table, 3)
    assert (found.pair.tolist(), found.scale.tolist(), found.scales) == ([0, 0, 1, 1], [0, 1, 0, 1], 2)


def test_the_voices_of_a_pair_share_its_weight():
    found = degrees_of(examples([("a", 1, 1.0)] * 4, [("a", 1, 2.0)], weight=0.5), 2)
    assert found.weight.tolist() == [0.125] * 4 + [0.5]


def graded(tmp_path, pairs=150, strengths=True, seed=0):
    """Pairs whose responses differ along a hidden direction by a little or much; a small difference is called a tie."""
    random = np.random.default_rng(seed)
    direction = np.array([2.0, -1.0, 0.5, 0.0])
    vectors, given, gaps = {}, [], {}
    for i in range(pairs):
        one, two, prompt = random.normal(size=(3, 4))
        gap = float((one - two) @ direction + 0.5 * random.logistic())
        vectors |= {f"prompt {i}": prompt, f"one {i}": one, f"two {i}": two}
        size = 0 if abs(gap) < 1 else 1 if abs(gap) < 3 else 2
        verdict = "tie" if size == 0 else "first" if gap > 0 else "second"
        given.append(
            pair(f"prompt {i}", f"one {i}", f"two {i}", label(verdict, strength=float(size) if strengths else None))
        )
        gaps[f"prompt {i}"] = float((one - two) @ direction)
    store = make_store(tmp_path, given)
    with_vectors(store, vectors, EMBED.fingerprint())
    return store, gaps


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """150 pairs labelled in degrees, and their true differences; tests only read it."""
    return graded(tmp_path_factory.mktemp("graded"))


def test_planted_degrees_are_learned_with_their_ties(store):
    made, gaps = store
    table, artefact, found = learned(made, HEAD)
    assert table.schema.field("grades").type == pa.list_(GRADED)
    assert artefact is not None
    assert len(found) == 150
    signed = {p: a.strength if preferred_first(a, r) else -a.strength for p, (a, r) in found.items()}
    assert np.corrcoef([signed[p] for p in gaps], list(gaps.values()))[0, 1] > 0.9
    tied = [p for p, (a, _) in found.items() if a.label == Label.TIE]
    assert tied, "a pair with little difference is more probably a tie than anything else"
    assert np.mean([abs(gaps[p]) for p in tied]) < 0.5 * np.mean([abs(g) for g in gaps.values()])
    for answer, _ in found.values():
        told = json.loads(answer.rationale)
        assert told["p_a"] + told["p_tie"] + told["p_b"] == pytest.approx(1, abs=1e-5)
        assert (answer.spread, answer.p_tie) == (told["spread"], told["p_tie"])


def preferred_first(answer, row):
    """Whether response_a is the pair's first response."""
    return row["response_a_text"].startswith("one")


def test_rows_hold_strength_spread_and_the_chance_of_a_tie(store):
    _, _, found = learned(store[0], HEAD)
    rows = annotation_rows(HEAD, [answer for answer, _ in found.values()])
    assert rows["annotator"].to_pylist()[0] == "ordinal_head:degrees"
    assert min(rows["spread"].to_pylist()) > 0
    assert 0 <= min(rows["p_tie"].to_pylist()) < max(rows["p_tie"].to_pylist()) < 1
    assert set(rows["label"].to_pylist()) == {"a", "b", "tie"}
    _, _, plain = learned(store[0], PLAIN)
    rows = annotation_rows(PLAIN, [answer for answer, _ in plain.values()])
    assert (rows["p_tie"].null_count, rows["spread"].null_count) == (150, 0)


def test_labels_without_degrees_are_enough(tmp_path):
    made, gaps = graded(tmp_path, pairs=120, strengths=False)
    _, _, found = learned(made, HEAD)
    right = [(gaps[p] > 0) == preferred(*of).startswith("one") for p, of in found.items() if of[0].label != Label.TIE]
    assert np.mean(right) > 0.85


def test_the_same_store_gives_the_same_bytes(store):
    assert learned(store[0], HEAD)[1] == learned(store[0], HEAD)[1]


def test_a_label_that_is_visible_through_the_pairs_own_cluster_alone_is_not_found(tmp_path):
    """Paraphrases share vectors and a random degree: whoever had seen one of them would know the others."""
    random = np.random.default_rng(4)
    vectors, given = {}, []
    for cluster in range(40):
        prompt, one, two = random.normal(size=(3, 24))
        verdict, strength = ("first", "second")[int(random.random() < 0.5)], float(random.integers(1, 4))
        for copy in range(6):
            name = f"{cluster}-{copy}"
            vectors |= {f"prompt {name}": prompt, f"one {name}": one, f"two {name}": two}
            given.append(pair(f"prompt {name}", f"one {name}", f"two {name}", label(verdict, strength=strength)))
    made = make_store(tmp_path, given)
    with_vectors(made, vectors, EMBED.fingerprint())
    with_clusters(made, lambda prompt: prompt.split()[1].split("-")[0])
    truth = {g.prompt[0].content[0].text: g.labels[0].verdict for g in given}
    _, _, found = learned(made, HEAD)
    named = {p: of for p, of in found.items() if of[0].strength != 0}
    right = [(a.strength > 0) == (preferred_first(a, r) == (truth[p] == "first")) for p, (a, r) in named.items()]
    assert len(right) == len(given)
    assert np.mean(right) < 0.72, "at chance: 0.5, standard error 0.08"


def test_the_likeliest_of_three_is_said():
    question, heads = Question("p", "c"), FoldHeads(0, np.zeros((2, 1)), 1.0, 60, ((1.0, 1.0),))
    said = [HEAD.judged(question, np.array([d - 0.1, d + 0.1]), heads) for d in (3.0, 0.0, -3.0)]
    assert [answer.label for answer in said] == [Label.A, Label.TIE, Label.B]
    assert said[0].p_a == pytest.approx(1 - said[2].p_a - said[2].p_tie, abs=2e-6)
    assert [answer.strength for answer in said] == [3.0, 0.0, -3.0]
    assert {answer.spread for answer in said} == {0.1}


def test_another_number_of_degrees_is_another_annotator():
    changed = [HEAD.model_copy(update=update) for update in ({"levels": 5}, {"members": 4}, {"generation": 2})]
    assert len({HEAD.fingerprint(), PLAIN.fingerprint(), *(head.fingerprint() for head in changed)}) == 5
