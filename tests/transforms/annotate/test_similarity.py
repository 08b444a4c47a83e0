"""Reference similarity: chrF by hand, ties inside the margin, the nearest of several references, vectors where asked for."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.schemas.records import GivenMaterial, Label
from prefcurate.transforms.annotate import similarity as module
from prefcurate.transforms.annotate.annotator import Question
from prefcurate.transforms.annotate.similarity import Similarity, chrf, nearest
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.ingest.options import GoldOptions
from tests.helpers import context, make_store, pair
from tests.transforms.annotate.vectors import with_vectors

LEXICAL = Similarity(name="s", kind="similarity", by="characters")


def test_chrf_by_hand():
    # order 1: shared a, b of abc and abd: precision = recall = 2/3. order 2: ab of {ab, bc} and {ab, bd}: 1/2. order 3: 0.
    assert chrf("abc", "abd", order=3) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    # recall counts four times precision (beta 2): p = 1, r = 1/2 gives 5 * 0.5 / (4 * 1 + 0.5).
    assert chrf("a", "ab", order=1) == pytest.approx(2.5 / 4.5)
    # The F-score is of the means: precisions 1 and 1, recalls 1/2 and 1/3, whose mean is 5/12; the mean of two F-scores is less.
    assert chrf("ab", "abcd", order=2) == pytest.approx(5 * (5 / 12) / (4 + 5 / 12))


@pytest.mark.parametrize(
    ("response", "reference", "expected"),
    [
        ("The cat sat on the mat", "The cat is sitting on a mat, purring", 0.2236398438764468),
        ("Paris", "The capital is Paris", 0.22989471542020554),
    ],
)
def test_chrf_is_sacrebleus(response, reference, expected):
    """`sacrebleu.metrics.CHRF().sentence_score(…).score / 100` of sacreBLEU 2.6.0."""
    assert chrf(response, reference) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("response", "reference", "expected"), [("same text", "same text", 1.0), ("abc", "xyz", 0.0), ("", "abc", 0.0)]
)
def test_chrf_at_the_ends(response, reference, expected):
    assert chrf(response, reference) == expected


def test_white_space_does_not_count():
    assert chrf("a b\nc", "abc") == 1.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_chrf_stays_between_0_and_1(response, reference):
    assert 0.0 <= chrf(response, reference) <= 1.0


def test_the_nearest_reference_counts():
    assert nearest("Paris", ["London", "Paris"]) == 1.0


def answers(store, annotator, fingerprints=()):
    reads = ("comparisons", "materials", "embeddings", "clusters")
    snapshot = context(store, "annotate", reads, ("annotations",), fingerprints).pin()
    rows = {}
    for shard in range(store.shards):
        questions = list(annotator.questions(snapshot, shard))
        texts = {row["comparison_id"]: row for row in snapshot.table("comparisons", shard).to_pylist()}
        for answer in annotator.answer(snapshot, shard, questions, None):
            row = texts[answer.question.comparison_id]
            rows[row["prompt_text"]] = (answer, row)
    return rows


def preferred(answer, row):
    return {Label.A: row["response_a_text"], Label.B: row["response_b_text"], Label.TIE: None}[answer.label]


def test_the_nearer_response_is_preferred_and_prompts_without_reference_are_left_out(tmp_path):
    pairs = [
        pair("capital?", "The capital is Paris", "No idea whatsoever", reference="Paris is the capital"),
        pair("city?", "No idea whatsoever", "The city is Rome", reference="Rome is the city"),
        pair("same?", "It is green!", "It is green?", reference="It is green"),
        pair("none?", "x", "y"),
    ]
    found = answers(make_store(tmp_path, pairs), LEXICAL)
    assert {prompt: preferred(*of) for prompt, of in found.items()} == {
        "capital?": "The capital is Paris",
        "city?": "The city is Rome",
        "same?": None,
    }
    for answer, _ in found.values():
        assert (answer.p_a > 0.5) == (answer.strength > 0)
        told = json.loads(answer.rationale)["chrf"]
        assert answer.strength == pytest.approx(told["a"] - told["b"], abs=1e-5)


def test_margin():
    question = Question("p", "c")
    wide = Similarity(name="s", kind="similarity", margin=0.3)
    assert wide.judged(question, [("chrf", 0.8, 0.5)]).label == Label.TIE
    assert wide.judged(question, [("chrf", 0.81, 0.5)]).label == Label.A
    assert wide.judged(question, [("chrf", 0.8, 0.5), ("cosine", 0.1, 0.9)]).strength == pytest.approx(-0.25)


class _Model:
    """Gives "good" references the first direction, "broken" ones none, all others the second."""

    def encode(self, texts):
        found = [[1, 0] if "good" in text else [np.nan, 0] if "broken" in text else [0, 1] for text in texts]
        return np.array(found, np.float32)


def test_meaning_where_there_are_vectors(tmp_path, monkeypatch):
    store = make_store(
        tmp_path, [pair("p", "alpha", "beta", reference="good"), pair("q", "gamma", "delta", reference="bad")]
    )
    embed = EmbedOptions()
    vectors = {"p": [1, 1], "alpha": [1, 0], "beta": [0, 1], "q": [1, 1], "gamma": [1, 0], "delta": [0, 1]}
    with_vectors(store, vectors, embed.fingerprint())
    monkeypatch.setattr(module, "embedder_of", lambda options: _Model())
    annotator = Similarity(name="s", kind="similarity", by="meaning").bound(embed, GoldOptions())
    found = answers(store, annotator, [embed.fingerprint()])
    assert {prompt: preferred(*of) for prompt, of in found.items()} == {"p": "alpha", "q": "delta"}
    assert json.loads(found["p"][0].rationale).keys() == {"cosine"}
    both = answers(store, annotator.model_copy(update={"by": "both"}), [embed.fingerprint()])
    assert json.loads(both["p"][0].rationale).keys() == {"cosine", "chrf"}


def test_a_reference_whose_vector_is_no_number_is_near_to_nothing(tmp_path, monkeypatch):
    store = make_store(tmp_path, [pair("p", "alpha", "beta", reference="broken")])
    embed = EmbedOptions()
    with_vectors(store, {"p": [1, 1], "alpha": [1, 0], "beta": [0, 1]}, embed.fingerprint())
    monkeypatch.setattr(module, "embedder_of", lambda options: _Model())
    annotator = Similarity(name="s", kind="similarity", by="meaning").bound(embed, GoldOptions())
    assert answers(store, annotator, [embed.fingerprint()]) == {}


def test_any_sharpness_gives_a_probability():
    sharp = Similarity(name="s", kind="similarity", sharpness=1e9)
    assert [sharp.judged(Question("p", "c"), [("chrf", *of)]).p_a for of in ((0.0, 1.0), (1.0, 0.0))] == [0.0, 1.0]


def test_without_vectors_nothing_is_said_by_meaning_alone(tmp_path):
    store = make_store(tmp_path, [pair("p", "alpha", "beta", reference="good")])
    assert answers(store, Similarity(name="s", kind="similarity", by="meaning")) == {}


def test_fingerprint_knows_the_model_only_where_it_is_used():
    other = EmbedOptions(model="other")
    meaning = Similarity(name="s", kind="similarity", by="meaning")
    assert LEXICAL.fingerprint() == LEXICAL.bound(other, GoldOptions()).fingerprint()
    assert meaning.fingerprint() != meaning.bound(other, GoldOptions()).fingerprint()
    assert LEXICAL.fingerprint() != meaning.fingerprint()


def test_several_references_come_from_the_same_prompt(tmp_path):
    twice = pair("capital?", "Paris", "Rome", reference="London")
    more = twice.__class__(twice.prompt, twice.first, twice.second, materials=(GivenMaterial("reference", "Paris"),))
    ((answer, row),) = answers(make_store(tmp_path, [twice, more]), LEXICAL).values()
    assert preferred(answer, row) == "Paris"
