from collections import Counter

from prefcurate.transforms.describe.describe import READS, WRITES, Describe, attribute_batches, prompts
from prefcurate.transforms.describe.features import NAMES
from prefcurate.transforms.describe.options import DescribeOptions
from prefcurate.transforms.describe.task import TASKS
from tests.helpers import context, label, make_store, pair, run_stage

OPTIONS = DescribeOptions()


def described(store, options=OPTIONS):
    stage = context(store, "describe", READS, WRITES, options.fingerprints())
    run_stage(Describe(stage, options))
    return stage.pin().table("attributes").to_pylist()


def pairs(n, start=0):
    return [
        pair(
            f"What is {i} plus {i}? Answer in exactly 5 words.",
            f"It is {2 * i}.",
            f"I do not know {i}.",
            label("first"),
        )
        for i in range(start, start + n)
    ]


def test_every_prompt_is_described_once(tmp_path):
    twice = [*pairs(5), pair("What is 0 plus 0? Answer in exactly 5 words.", "Zero.", "One.", label("second"))]
    rows = described(make_store(tmp_path, twice))
    assert Counter(row["name"] for row in rows) == dict.fromkeys(NAMES, 5)
    assert {row["fingerprint"] for row in rows} == {OPTIONS.fingerprint()}
    assert {row["value"] for row in rows if row["name"] == "task"} <= set(TASKS)
    assert {row["value"] for row in rows if row["name"] == "has_constraints"} == {"yes"}


def test_an_unchanged_rerun_touches_nothing_and_new_prompts_add_only_theirs(tmp_path):
    store = make_store(tmp_path, pairs(5))
    before = described(store)
    version, files = store.delta("attributes").version(), store.files("attributes")
    assert described(store) == before
    assert store.delta("attributes").version() == version
    store = make_store(tmp_path, pairs(8))
    after = described(store)
    assert len(after) == 8 * len(NAMES)
    assert set(files) <= set(store.files("attributes"))


def test_only_missing_prompts_are_measured():
    message = [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]
    batches = list(attribute_batches([("a", message), ("b", message)], frozenset({"a"}), "f"))
    assert {row["prompt_id"] for batch in batches for row in batch.to_pylist()} == {"b"}


def test_batches_stay_small_and_ordered():
    message = [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]
    batches = list(attribute_batches(((f"{i:03}", message) for i in range(100)), frozenset(), "f", size=50))
    assert max(batch.num_rows for batch in batches) <= 50 + len(NAMES)
    keys = [(row["prompt_id"], row["name"]) for batch in batches for row in batch.to_pylist()]
    assert keys == sorted(keys)
    assert len(keys) == 100 * len(NAMES)


def test_a_prompt_of_many_comparisons_is_read_once(tmp_path):
    many = [pair("Why?", f"Because {i}.", f"No reason {i}.", label("first")) for i in range(30)]
    store = make_store(tmp_path, many, shards=1)
    snapshot = context(store, "describe", READS, WRITES).pin()
    assert [messages[0]["content"][0]["text"] for _, messages in prompts(snapshot, 0)] == ["Why?"]
