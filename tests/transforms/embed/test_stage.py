"""The stage with a model that needs no weights: what is asked for, written, taken up and left alone."""

import hashlib

import numpy as np
import pytest

from prefcurate.transforms.embed import missing, stage
from prefcurate.transforms.embed.missing import groups, texts_of_group
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.embed.pending import finished_groups
from prefcurate.transforms.embed.stage import READS, WRITES, Embed, GroupUnit, embed_group, plan
from prefcurate.transforms.steps.units import Unit
from tests.helpers import context, make_store, pair, run_stage

OPTIONS = EmbedOptions(model="a-test")
PAIRS = [pair(f"question {i}", f"answer one to {i}", f"answer two to {i}") for i in range(20)]


class CountingModel:
    """Vectors that are hashes of the texts; remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def encode(self, texts):
        self.asked += texts
        digests = [np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], np.uint8) for text in texts]
        return np.array(digests, np.float32).reshape(-1, 8)


@pytest.fixture
def model(monkeypatch):
    model = CountingModel()
    monkeypatch.setattr(stage, "embedder_of", lambda options: model)
    return model


def embed_context(store, run_id="run", options=OPTIONS):
    return context(store, "embed", READS, WRITES, [options.fingerprint()], run_id)


def embed(store, run_id="run", options=OPTIONS):
    of = embed_context(store, run_id, options)
    run_stage(Embed(of, options))
    return of.pin()


def test_each_prompt_and_response_has_one_vector(tmp_path, model):
    snapshot = embed(make_store(tmp_path, [*PAIRS, pair("question 0", "answer one to 0", "a third answer")]))
    rows = snapshot.table("embeddings").to_pylist()
    keys = [(row["prompt_id"], row["text_id"], row["role"]) for row in rows]
    assert len(rows) == len(set(keys)) == len(model.asked) == 20 * 3 + 1
    assert sorted(text_id for prompt, text_id, role in keys if role == "prompt") == sorted({key[0] for key in keys})
    (row,) = [row for row in rows if row["vector"] == model.encode(["a third answer"])[0].tolist()]
    third = {
        name[9:10]: row
        for row in snapshot.table("comparisons").to_pylist()
        for name in ("response_a_text", "response_b_text")
        if row[name] == "a third answer"
    }
    ((side, comparison),) = third.items()
    assert (row["text_id"], row["role"]) == (comparison[f"response_{side}_id"], "response")


def test_a_rerun_asks_for_nothing_and_writes_nothing(tmp_path, model):
    store = make_store(tmp_path, PAIRS)
    embed(store)
    before, versions = len(model.asked), store.versions(WRITES)
    embed(store, "again")
    assert len(model.asked) == before
    assert store.versions(WRITES) == versions


def test_a_text_without_finite_numbers_has_no_vector_and_is_told(tmp_path, model, monkeypatch):
    sound = model.encode

    def broken(texts):
        vectors = sound(texts)
        vectors[[text == "answer one to 3" for text in texts], 2] = np.nan
        return vectors

    monkeypatch.setattr(model, "encode", broken)
    store = make_store(tmp_path, PAIRS)
    rows = embed(store).table("embeddings").to_pylist()
    assert len(rows) == 20 * 3 - 1
    assert np.isfinite([row["vector"] for row in rows]).all()
    (told,) = store.latest("embed").detail["embed.without"]
    assert "1 of " in told and "a-test gives no finite numbers" in told


def test_a_model_that_gives_no_finite_number_at_all_ends_in_words(tmp_path, model, monkeypatch):
    monkeypatch.setattr(model, "encode", lambda texts: np.full((len(texts), 8), np.nan, np.float32))
    store = make_store(tmp_path, PAIRS)
    assert embed(store).table("embeddings").num_rows == 0
    told = store.latest("embed").detail["embed.without"]
    assert len(told) == store.shards and all("try `embed: {precision: float32}`" in line for line in told)


def test_new_data_and_another_model_ask_only_for_what_is_missing(tmp_path, model):
    embed(make_store(tmp_path, {"one": PAIRS}))
    model.asked.clear()
    more = [*PAIRS[:2], pair("question 1", "answer one to 1", "new answer"), pair("new question", "x", "y")]
    store = make_store(tmp_path, {"one": PAIRS, "two": more})
    embed(store, "more")
    assert sorted(model.asked) == sorted(["new answer", "new question", "x", "y"])
    model.asked.clear()
    other = OPTIONS.model_copy(update={"max_tokens": 16})
    snapshot = embed(store, "other", other)
    assert len(model.asked) == 64
    assert len(snapshot.table("embeddings")) == 64, "of one fingerprint"


def test_what_a_killed_run_finished_is_taken_up(tmp_path, model, monkeypatch):
    monkeypatch.setattr(stage, "groups", lambda *given: groups(*given, size=10))
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole, store = (make_store(tmp_path / name, PAIRS, shards=1) for name in ("whole", "killed"))
    embed(whole)
    model.asked.clear()
    of = embed_context(store)
    work = list(plan(Unit(of.pin(), 0), of, OPTIONS))
    assert len(work) >= 3
    for one in work[:2]:  # … and then the machine went down
        list(embed_group(one, of, OPTIONS))
    finished = len(model.asked)
    assert finished >= 20
    embed(store, "after")
    assert len(model.asked) == len(set(model.asked)) == 60, "nothing was asked twice"
    assert [p.rpartition("/")[2] for _, p in store.files("embeddings")] == [
        p.rpartition("/")[2] for _, p in whole.files("embeddings")
    ]


def test_pending_parts_of_another_model_or_broken_ones_are_not_taken_up(tmp_path, model):
    store = make_store(tmp_path, PAIRS, shards=1)
    of = embed_context(store)
    (work,) = plan(Unit(of.pin(), 0), of, OPTIONS)
    (part,) = embed_group(work, of, OPTIONS)
    found = finished_groups(store, "embed", 0, OPTIONS.fingerprint())
    assert found == {work.group.name: part}
    assert list(embed_group(GroupUnit(work.unit, work.group, part), of, OPTIONS)) == [part]
    assert finished_groups(store, "embed", 0, "another") == {}
    with open(part.path, "wb") as stream:
        stream.write(b"half a file")
    assert finished_groups(store, "embed", 0, OPTIONS.fingerprint()) == {}


def test_groups_hold_whole_prompts_in_order(tmp_path):
    store = make_store(tmp_path, PAIRS, shards=1)
    snapshot = embed_context(store).pin()
    found = list(groups(snapshot, 0, "f", size=7))
    assert [len(texts_of_group(snapshot, 0, "f", group, 99)[0]) for group in found] == [9] * 6 + [6]
    assert all(one.last < other.first for one, other in zip(found, found[1:], strict=False))
    assert len({group.name for group in found}) == len(found)
    assert list(groups(snapshot, 0, "f")) == list(groups(snapshot, 0, "f"))


def test_only_the_beginning_of_a_text_leaves_the_file(tmp_path):
    store = make_store(tmp_path, [pair("q" * 50, "a" * 50, "b" * 50)], shards=1)
    snapshot = embed_context(store).pin()
    (group,) = groups(snapshot, 0, "f")
    assert {len(text) for text in texts_of_group(snapshot, 0, "f", group, 10)[1]} == {10}
    assert missing.GROUP >= 256


def test_an_accelerator_changes_no_vector_and_runs_where_there_is_none(tmp_path, model):
    gpu = EmbedOptions(model="a-test", accelerator="type:nvidia-l4;count:1;install-nvidia-driver")
    assert gpu.fingerprint() == OPTIONS.fingerprint()
    store = make_store(tmp_path, PAIRS)
    assert embed(store, options=gpu).table("embeddings").num_rows == 20 * 3
    asked = len(model.asked)
    embed(store, "second")
    assert len(model.asked) == asked


@pytest.mark.parametrize("accelerator", ["nvidia-l4", "type:nvidia-l4;count:0", "type:nvidia-l4; count:1"])
def test_an_accelerator_that_no_engine_could_read_is_a_wrong_setting(accelerator):
    with pytest.raises(ValueError, match="write it as type:nvidia-tesla-t4;count:1"):
        EmbedOptions(accelerator=accelerator)
