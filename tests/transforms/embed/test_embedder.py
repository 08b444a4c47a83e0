import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.transforms.embed import weights
from prefcurate.transforms.embed.embedder import (
    STEP,
    Embedder,
    batches,
    device_of,
    embedder_of,
    padded,
    rounded,
)
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.embed.weights import ModelError, check_weights, find_weights, packaged_folder

OPTIONS = EmbedOptions(device="cpu", max_tokens=64)
DATA = Path(__file__).parents[3] / "examples" / "data"

needs_model = pytest.mark.skipif(packaged_folder() is None, reason="needs the extra offline")


def texts(count=24):
    lines = (DATA / "prd-lfqa" / "experts_pairwise_human_preferences.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line)[side] for line in lines for side in ("question", "answer_a", "answer_b")]
    return sorted(set(found))[:count]


@pytest.fixture(scope="module")
def embedder():
    pytest.importorskip("sentence_transformers")
    if packaged_folder() is None:
        pytest.skip("needs the extra offline")
    return embedder_of(OPTIONS)


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(256, 5000))
def test_batches_hold_each_text_once_one_length_and_the_budget(lengths, budget):
    found = list(batches(lengths, budget))
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    for batch in found:
        assert len({padded(lengths[place]) for place in batch}) == 1
        assert len(batch) == 1 or len(batch) * padded(lengths[batch[0]]) <= budget


def test_padding_depends_on_the_text_alone():
    assert [padded(n) for n in (1, STEP, STEP + 1, 256)] == [STEP, STEP, 2 * STEP, 256]


def test_vectors_are_of_length_one_and_what_a_float16_holds():
    found = rounded(np.array([[3.0, 4.0], [1e-3, 0.0]], np.float32))
    assert found.dtype == np.float32
    assert (found == found.astype(np.float16).astype(np.float32)).all()
    assert np.allclose(found, [[0.6, 0.8], [1, 0]], atol=1e-3)


def test_a_vector_is_the_same_bytes_in_any_company(embedder):
    some = texts()
    together = embedder.encode(some)
    assert together.shape == (len(some), 384)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    assert (embedder.encode(some[::-1])[::-1] == together).all()
    for index in (0, 7, 20):
        assert (embedder.encode([some[index]])[0] == together[index]).all()


def test_vectors_are_those_of_sentence_transformers(embedder):
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(packaged_folder()), device="cpu", local_files_only=True)
    plain.max_seq_length = OPTIONS.max_tokens
    some = texts(8)
    assert np.abs(plain.encode(some, normalize_embeddings=True) - embedder.encode(some)).max() < 1e-3


def test_meaning_is_near_meaning(embedder):
    one, like, other = embedder.encode(
        ["How do I bake bread?", "Tell me a way to make a loaf.", "The moon is far away."]
    )
    assert one @ like > one @ other + 0.2


def test_text_behind_the_limit_is_not_looked_at(embedder):
    long = "word " * 500
    assert (embedder.encode([long])[0] == embedder.encode([long + "and then something else"])[0]).all()


def test_no_texts_and_empty_texts(embedder):
    assert len(embedder.encode([])) == 0
    assert embedder.encode([""]).shape == (1, 384)


def test_a_shared_model_gives_the_same_vectors(embedder):
    shared = embedder_of(OPTIONS, shared=True)
    assert (shared.encode(texts(3)) == embedder.encode(texts(3))).all()


def test_the_fingerprint_covers_what_moves_a_vector_and_nothing_else():
    base = EmbedOptions().fingerprint()
    assert EmbedOptions(device="cpu", batch_tokens=512).fingerprint() == base
    changes = ({"model": "x"}, {"revision": "abc"}, {"max_tokens": 128}, {"precision": "float32"})
    assert len({base, *(EmbedOptions(**change).fingerprint() for change in changes)}) == 5


@needs_model
def test_minilm_comes_from_the_package_without_the_hub(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = find_weights(EmbedOptions())
    assert (found.address, found.local) == (str(packaged_folder()), True)


def test_without_the_package_it_is_loaded_by_name_with_the_same_fingerprint(monkeypatch):
    before = EmbedOptions().fingerprint()
    monkeypatch.setattr(weights, "packaged_folder", lambda: None)
    found = find_weights(EmbedOptions())
    assert (found.address, found.local) == (weights.MINILM, False)
    assert EmbedOptions().fingerprint() == before


@needs_model
def test_a_revision_and_other_models_are_loaded_by_name(tmp_path):
    assert not find_weights(EmbedOptions(revision="abc")).local
    assert find_weights(EmbedOptions(model="org/model")).address == "org/model"
    assert find_weights(EmbedOptions(model=str(tmp_path))).local


def test_changed_weights_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"other weights")
    with pytest.raises(ModelError, match="sha256"):
        check_weights(path)
    with pytest.raises(ModelError, match="missing"):
        check_weights(tmp_path / "none")


def test_a_package_with_changed_weights_is_refused(tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr(weights, "packaged_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match="reinstall"):
        find_weights(EmbedOptions())


def test_a_model_that_is_not_there_says_what_to_do(tmp_path):
    pytest.importorskip("sentence_transformers")
    with pytest.raises(ModelError, match="embed.model"):
        Embedder(EmbedOptions(model=str(tmp_path), device="cpu"))


@dataclass
class _NoGpu:
    @staticmethod
    def is_available():
        return False


def test_a_gpu_that_is_not_there_is_an_error_only_when_asked_for(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", _NoGpu.is_available)
    assert device_of(EmbedOptions()) == "cpu"
    with pytest.raises(ModelError, match="'auto' or 'cpu'"):
        device_of(EmbedOptions(device="cuda"))
