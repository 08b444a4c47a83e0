"""The stage on small stores: what is published, what is withheld and why, and that releases never change."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from prefcurate.schemas.records import GivenPair, Message, Part
from prefcurate.schemas.tables import PREFERENCES
from prefcurate.transforms.publish.options import PublishOptions
from prefcurate.transforms.publish.releases import open_release, release_ids
from prefcurate.transforms.publish.rows import TRL
from prefcurate.transforms.store.store import Store, StoreError
from prefcurate.transforms.store.verify import find_damage
from tests.helpers import assistant, label, make_store, pair, source, user
from tests.helpers import ingest as ingest_sources
from tests.transforms.publish.stores import (
    TEST_ONLY,
    TRAIN_ONLY,
    comparisons,
    decide_all,
    decided,
    ids,
    publish,
    publish_with_beam,
    put,
    withheld,
)

IMAGE = GivenPair((Message("user", (Part("image", uri="x.png"),)),), assistant("cat"), assistant("dog"), ())


def tree(root: str) -> dict[str, tuple[str, int]]:
    """Every file of the releases with the hash of its bytes and the time of its last change."""
    found = sorted(path for path in (Path(root) / "releases").rglob("*") if path.is_file())
    return {str(p): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in found}


@pytest.fixture(scope="module")
def selection(tmp_path_factory) -> tuple[Store, dict[str, dict]]:
    """A store in which each prompt's name says what is the matter with it."""
    names = ["keep", "flip", "soften", "assign", "drop", "hold", "tie", "missing", "leaked", "near leaked"]
    pairs = [pair(name, f"good {name}", f"bad {name}", label("first")) for name in names]
    pairs += [pair("twin", "one answer", "another answer"), pair("twin 2", "one answer.", "another answer.")]
    pairs += [pair("empty", "something", ""), pair("same", "equal", "equal"), IMAGE]
    store = make_store(tmp_path_factory.mktemp("selection"), pairs)
    rows = ids(store)
    changed = {
        "flip": {"decision": "flip", "label": "b", "p_a": 0.125},
        "soften": {"decision": "soften", "p_a": 0.625, "weight": 0.5},
        "assign": {"decision": "assign", "label": "b", "p_a": 0.25, "label_in": None},
        "drop": {"decision": "drop", "label": None, "reason": "nobody agrees"},
        "hold": {"decision": "hold", "reason": "one more opinion is worth it"},
        "tie": {"label": "tie"},
        "twin 2": {"evidence": ["e1", "e2"]},
    }
    told = [
        decided(r, **changed.get(r["prompt_text"], {})) for r in comparisons(store) if r["prompt_text"] != "missing"
    ]
    put(store, "consensus", told)
    put(store, "clusters", [cluster(rows, name) for name in rows])
    leaked = {"prompt_id": rows["leaked"]["prompt_id"], "comparison_id": rows["leaked"]["comparison_id"]}
    put(store, "screening", [{**leaked, "flag": "contamination", "matched_source": "gsm8k", "matched_id": "7"}])
    return store, rows


def cluster(rows: dict[str, dict], name: str) -> dict:
    twins = {"twin 2": "twin", "near leaked": "leaked", "twin": "twin", "leaked": "leaked"}
    head = rows[twins.get(name, name)]
    pairs = head["comparison_id"] if name.startswith("twin") else rows[name]["comparison_id"]
    mine = {"prompt_id": rows[name]["prompt_id"], "comparison_id": rows[name]["comparison_id"]}
    return {**mine, "prompt_cluster": head["prompt_id"], "pair_cluster": pairs}


def test_each_pair_is_published_or_withheld_with_its_reason(selection):
    store, rows = selection
    release = publish(store)
    published = {row["comparison_id"] for row in release.preferences().to_pylist()}
    told = withheld(release)
    names = {row["comparison_id"]: name for name, row in rows.items()}
    assert {names[each] for each in published} == {"keep", "flip", "soften", "assign", "twin 2"}
    assert {names[each]: reason for each, reason in told.items()} == {
        "drop": ("dropped", "nobody agrees"),
        "hold": ("held", "one more opinion is worth it"),
        "tie": ("tie", None),
        "missing": ("undecided", None),
        "leaked": ("contaminated", "gsm8k"),
        "near leaked": ("contaminated", "gsm8k"),
        "twin": ("duplicate", rows["twin 2"]["comparison_id"]),
        "empty": ("empty_response", None),
        "same": ("identical_responses", None),
        "[image x.png]": ("non_text", None),
    }
    assert not published & set(told)
    assert len(published) + len(told) == len(rows)
    assert release.manifest["withheld"]["contaminated"] == 2


def test_rows_say_what_consensus_decided(selection):
    store, rows = selection
    published = {row["comparison_id"]: row for row in publish(store).preferences().to_pylist()}
    texts = lambda name: (rows[name]["response_a_text"], rows[name]["response_b_text"])  # noqa: E731
    flip = published[rows["flip"]["comparison_id"]]
    assert (flip["chosen"][0]["content"], flip["rejected"][0]["content"]) == texts("flip")[::-1]
    assert (flip["p_chosen"], flip["preference_margin"], flip["decision"]) == (0.875, 0.75, "flip")
    soften = published[rows["soften"]["comparison_id"]]
    assert (soften["chosen"][0]["content"], soften["p_chosen"], soften["weight"]) == (texts("soften")[0], 0.625, 0.5)
    assert soften["prompt"] == [{"role": "user", "content": "soften"}]
    assert soften["chosen"][0]["role"] == "assistant"
    assert (soften["sources"], soften["licences"], soften["split"]) == (["data"], ["MIT"], "train")
    assert {row["label_source"] for row in published.values()} == {"consensus"}


def test_a_contaminated_prompt_may_be_held_out(selection, tmp_path):
    store, rows = selection
    copy = make_store(tmp_path, [pair("leaked", "good", "bad")])
    decide_all(copy)
    (row,) = comparisons(copy)
    leaked = {"prompt_id": row["prompt_id"], "comparison_id": row["comparison_id"]}
    put(copy, "screening", [{**leaked, "flag": "contamination", "matched_source": "gsm8k", "matched_id": "7"}])
    assert publish(copy, TEST_ONLY).manifest["rows"]["test"] == 1


def test_tie_probability_counts_half(tmp_path):
    store = make_store(tmp_path, [pair("q", "one", "two")])
    decide_all(store, q={"p_a": 0.5, "p_b": 0.25, "p_tie": 0.25})
    (row,) = publish(store).preferences().to_pylist()
    assert (row["p_chosen"], row["preference_margin"]) == (0.625, 0.25)


def test_the_pairs_of_a_prompt_weigh_as_one_together(tmp_path):
    answers = ["w", "x", "y", "z"]
    ranked = [pair("ranked", a, b, group_id="r1") for a in answers for b in answers if a < b]
    store = make_store(tmp_path, [*ranked, pair("single", "yes", "no")])
    put(store, "consensus", [decided(row, weight=0.5) for row in comparisons(store)])
    rows = publish(store).preferences().to_pylist()
    by_prompt = {}
    for row in rows:
        by_prompt.setdefault(row["prompt"][0]["content"], []).append(row["weight"])
    assert len(by_prompt["ranked"]) == 6
    assert sum(by_prompt["ranked"]) == pytest.approx(0.5)
    assert by_prompt["single"] == [0.5]
    assert {row["group_id"] for row in rows} == {"r1", None}


def test_no_near_duplicate_gives_way_to_a_pair_that_the_cap_withholds(tmp_path):
    store = make_store(tmp_path, [pair("q", "a", "b"), pair("q", "c", "d"), pair("near q", "c", "d")])
    known = {(row["prompt_text"], row["response_a_text"] in "ab"): row for row in comparisons(store)}
    first, second, near = known["q", True], known["q", False], known["near q", False]
    evidence = {first["comparison_id"]: 5, second["comparison_id"]: 3, near["comparison_id"]: 1}
    put(store, "consensus", [decided(row, evidence=["e"] * evidence[row["comparison_id"]]) for row in known.values()])
    cluster = min(second["comparison_id"], near["comparison_id"])
    put(store, "clusters", [
        {"prompt_id": row["prompt_id"], "comparison_id": row["comparison_id"], "prompt_cluster": first["prompt_id"],
         "pair_cluster": row["comparison_id"] if row is first else cluster}
        for row in known.values()
    ])  # fmt: skip
    release = publish(store, PublishOptions.model_validate({"splits": {"train": 1}, "max_per_prompt": 1}))
    assert {row["comparison_id"] for row in release.preferences().to_pylist()} == {
        first["comparison_id"],
        near["comparison_id"],
    }
    assert withheld(release) == {second["comparison_id"]: ("duplicate", near["comparison_id"])}


def test_a_pair_that_came_after_the_screening_is_as_contaminated_as_its_prompt(tmp_path):
    early = [pair("q of a benchmark", "x", "y"), pair("q of a benchmark, nearly", "m", "n")]
    store = make_store(tmp_path, early)
    rows = comparisons(store)
    root, other = rows[0], rows[1]
    put(store, "clusters", [
        {"prompt_id": row["prompt_id"], "comparison_id": row["comparison_id"], "prompt_cluster": root["prompt_id"],
         "pair_cluster": row["comparison_id"]}
        for row in rows
    ])  # fmt: skip
    flag = {"flag": "contamination", "matched_source": "gsm8k", "matched_id": "7"}
    put(store, "screening", [flag | {"prompt_id": other["prompt_id"], "comparison_id": other["comparison_id"]}])
    store = make_store(tmp_path, [*early, *(pair(row["prompt_text"], "late 1", "late 2") for row in rows)])
    put(store, "consensus", [decided(row) for row in comparisons(store)])
    release = publish(store)
    assert release.preferences().num_rows == 0
    assert {reason for reason, _ in withheld(release).values()} == {"contaminated"}


def test_a_cap_keeps_the_pairs_with_most_evidence(tmp_path):
    store = make_store(tmp_path, [pair("q", a, b) for a, b in ["ab", "cd", "ef"]])
    rows = comparisons(store)
    put(store, "consensus", [decided(row, evidence=["e"] * n) for n, row in enumerate(rows, 1)])
    capped = PublishOptions.model_validate({"splits": {"train": 1}, "max_per_prompt": 2})
    release = publish(store, capped)
    kept = {row["comparison_id"]: row["weight"] for row in release.preferences().to_pylist()}
    assert kept == {rows[1]["comparison_id"]: 0.5, rows[2]["comparison_id"]: 0.5}
    assert withheld(release) == {rows[0]["comparison_id"]: ("beyond_max_per_prompt", None)}


def held_out(tmp_path: Path, *labels) -> dict | tuple[str, str | None]:
    """How one pair, on which consensus flips the label to the second answer, comes out of the test split."""
    store = make_store(tmp_path, [pair("q", "first answer", "second answer", *labels)])
    (row,) = comparisons(store)
    first = "a" if row["response_a_text"] == "first answer" else "b"
    second = "b" if first == "a" else "a"
    p_a = 0.1 if second == "b" else 0.9
    put(store, "consensus", [decided(row, decision="flip", label_in=first, label=second, p_a=p_a)])
    release = publish(store, TEST_ONLY)
    rows = release.preferences().to_pylist()
    return rows[0] if rows else next(iter(withheld(release).values()))


def test_held_out_rows_carry_peoples_labels(tmp_path):
    votes = [label("first", "ann"), label("first", "bob"), label("second", "cid"), label("tie", "dan")]
    row = held_out(tmp_path, *votes, label("second", "judge", "llm_judge"))
    assert row["chosen"][0]["content"] == "first answer"
    assert (row["p_chosen"], row["label_source"], row["decision"]) == (0.625, "people", "keep")


def test_held_out_rows_say_when_no_people_labelled(tmp_path):
    row = held_out(tmp_path, label("first", "judge", "llm_judge"))
    assert row["chosen"][0]["content"] == "second answer"
    assert (row["p_chosen"], row["label_source"], row["decision"]) == (0.9, "consensus", "flip")


def test_labels_of_one_act_count_once(tmp_path):
    twice = [label("second", "ann", judgement="j", sample=n) for n in range(3)]
    row = held_out(tmp_path, *twice, label("first", "bob"), label("first", "cid"))
    assert (row["chosen"][0]["content"], row["label_source"]) == ("first answer", "people")


def test_people_who_are_split_evenly_give_no_held_out_row(tmp_path):
    assert held_out(tmp_path, label("first", "ann"), label("second", "bob"))[0] == "people_draw"


def test_an_override_stands_above_people(tmp_path):
    store = make_store(tmp_path, [pair("q", "one", "two", label("first", "ann"))])
    decide_all(store, q={"reason": "override by eve: checked", "label": "b", "decision": "flip", "p_a": 0.0})
    (row,) = publish(store, TEST_ONLY).preferences().to_pylist()
    assert (row["label_source"], row["p_chosen"]) == ("override", 1.0)
    assert row["chosen"][0]["content"] == comparisons(store)[0]["response_b_text"]


def many(n: int) -> list[GivenPair]:
    return [pair(f"question {i}", f"answer {i}", f"reply {i}") for i in range(n)]


def test_beam_and_plain_calls_give_the_same_bytes(tmp_path_factory):
    stores = [make_store(tmp_path_factory.mktemp(name), many(60)) for name in "xy"]
    options = PublishOptions.model_validate({"splits": {"train": 0.6, "test": 0.4}, "exports": ["trl"]})
    trees = []
    for store, run in zip(stores, (publish, publish_with_beam), strict=True):
        decide_all(store)
        release = run(store, options)
        trees.append({k.removeprefix(release.path): v[0] for k, v in tree(store.root).items() if release.path in k})
    assert trees[0] == trees[1]
    assert {"/README.md", "/manifest.json", "/train-00000-of-00001.parquet"} <= set(trees[0])


def test_a_rerun_with_nothing_new_touches_nothing(tmp_path):
    store = make_store(tmp_path, many(8))
    decide_all(store)
    publish(store)
    before = tree(store.root), store.latest("publish").state
    publish_with_beam(store, TRAIN_ONLY, '{"budget": 5}')
    assert (tree(store.root), store.latest("publish").state) == before
    assert not (Path(store.root) / "_pending" / "publish").exists()


def test_new_decisions_make_a_new_release_and_leave_the_old_one(tmp_path):
    store = make_store(tmp_path, many(8))
    decide_all(store)
    first = publish(store)
    before = {path: seen for path, seen in tree(store.root).items() if first.path in path}
    decide_all(store, **{"question 3": {"decision": "drop"}})
    second = publish(store)
    assert release_ids(store.root) == sorted([first.release_id, second.release_id])
    assert {path: seen for path, seen in tree(store.root).items() if first.path in path} == before
    assert open_release(store.root).release_id == second.release_id
    told = {row["release_id"]: row["rows"] for row in store.dataset("releases").to_table().to_pylist()}
    assert told == {first.release_id: 8, second.release_id: 7}


def test_a_split_never_moves(tmp_path):
    halves = PublishOptions.model_validate({"splits": {"train": 0.5, "test": 0.5}})
    some, more = source(tmp_path, "some", many(40)), source(tmp_path, "more", many(80)[40:])
    store = ingest_sources(tmp_path / "store", [some], shards=4)
    decide_all(store)
    before = {row["comparison_id"]: row["split"] for row in publish(store, halves).preferences().to_pylist()}
    assert set(before.values()) == {"train", "test"}
    ingest_sources(tmp_path / "store", [some, more], shards=4)
    decide_all(store)
    after = {row["comparison_id"]: row["split"] for row in publish(store, TRAIN_ONLY).preferences().to_pylist()}
    assert len(after) == 80
    assert before.items() <= after.items()
    assert {after[each] for each in set(after) - set(before)} == {"train"}


def test_train_members_of_a_cluster_that_grew_together_with_test_are_withheld(tmp_path):
    store = make_store(tmp_path, [pair("one", "a", "b"), pair("two", "c", "d")])
    rows = ids(store)
    decide_all(store)
    fact = lambda name, split: {  # noqa: E731
        "prompt_id": rows[name]["prompt_id"],
        "prompt_cluster": rows[name]["prompt_id"],
        "conversation_id": rows[name]["conversation_id"],
        "split": split,
    }
    put(store, "splits", [fact("one", "train"), fact("two", "test")])
    assert publish(store).manifest["rows"]["train"] == 1
    together = {"prompt_cluster": min(row["prompt_id"] for row in rows.values())}
    mine = lambda row: {k: row[k] for k in ("prompt_id", "comparison_id")}  # noqa: E731
    put(store, "clusters", [{**mine(r), **together, "pair_cluster": r["comparison_id"]} for r in rows.values()])
    release = publish(store)
    assert [row["split"] for row in release.preferences().to_pylist()] == ["test"]
    assert withheld(release) == {
        rows["one"]["comparison_id"]: ("split_conflict", "train gives way to test"),
    }


def test_files_are_what_the_manifest_says(tmp_path):
    store = make_store(tmp_path, many(30), shards=4)
    decide_all(store)
    release = publish(store, PublishOptions.model_validate({"splits": {"train": 0.7, "test": 0.3}}), '{"seed": 7}')
    for file in release.manifest["files"]:
        path = Path(release.path) / file["path"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        meta = pq.read_metadata(path)
        assert (meta.num_rows, path.stat().st_size) == (file["rows"], file["bytes"])
        assert meta.row_group(0).column(0).compression == "ZSTD"
    table = pq.read_table(release.files("train")[0])
    assert table.schema.equals(PREFERENCES)
    keys = list(zip(table["prompt_id"].to_pylist(), table["comparison_id"].to_pylist(), strict=True))
    assert keys == sorted(keys)
    assert release.manifest["configuration"] == {"seed": 7}
    assert release.manifest["counts"]["decision"] == {"keep": 30}


def test_datasets_loads_the_folder_and_the_files(tmp_path):
    store = make_store(tmp_path, many(30))
    decide_all(store)
    options = PublishOptions.model_validate({"splits": {"train": 0.6, "test": 0.4}, "exports": ["trl"]})
    release = publish(store, options)
    cache = str(tmp_path / "cache")
    files = load_dataset("parquet", data_files={"train": release.files("train")}, cache_dir=cache)
    folder = load_dataset(release.path, "default", cache_dir=cache)
    assert set(folder) == {"train", "test"}
    assert folder["train"].num_rows == files["train"].num_rows == release.manifest["rows"]["train"]
    assert folder["train"].column_names == PREFERENCES.names
    trl = load_dataset(release.path, "trl", cache_dir=cache)
    assert trl["test"].column_names == TRL.names
    assert trl["test"]["margin"][:] == folder["test"]["preference_margin"][:]


def test_a_store_without_pairs_publishes_an_empty_release(tmp_path):
    store = Store(str(tmp_path / "store"), 2)
    store.create()
    release = publish(store)
    assert release.preferences().num_rows == 0
    assert release.manifest["rows"] == {"train": 0, "validation": 0, "test": 0}
    assert "(none)" in (Path(release.path) / "README.md").read_text()


def test_a_file_that_no_manifest_vouches_for_is_written_again_where_it_is_damaged(tmp_path):
    store = make_store(tmp_path, [pair("q", "a", "b")])
    decide_all(store)
    release = publish(store)
    before = release.preferences().to_pylist()
    folder = Path(release.path)
    (folder / "manifest.json").unlink()
    (broken,) = folder.glob("train-*.parquet")
    broken.write_bytes(broken.read_bytes()[:10])
    assert publish(store).preferences().to_pylist() == before
    assert find_damage(store.root) == []


def test_a_release_that_was_cut_off_is_finished_by_the_next_run(tmp_path):
    store = make_store(tmp_path, many(8))
    decide_all(store)
    release = publish(store)
    whole = {path: seen[0] for path, seen in tree(store.root).items()}
    for name in ("manifest.json", "README.md"):
        (Path(release.path) / name).unlink()
    (Path(store.root) / "releases" / "current").unlink()
    with pytest.raises(StoreError, match="no release"):
        open_release(store.root)
    publish(store)
    assert {path: seen[0] for path, seen in tree(store.root).items()} == whole


@pytest.mark.parametrize("name", ["nonsense", "ffffffffffffffff"])
def test_an_unknown_release_is_named_with_what_there_is(tmp_path, name):
    store = make_store(tmp_path, many(2))
    decide_all(store)
    release = publish(store)
    with pytest.raises(StoreError, match=release.release_id):
        open_release(store.root, name)
    assert open_release(store.root, release.release_id[:6]).release_id == release.release_id
    assert json.loads((Path(release.path) / "manifest.json").read_text()) == release.manifest


def test_multi_turn_messages_keep_their_roles(tmp_path):
    prompt = (*user("hello"), *assistant("hi"), *user("who are you?"))
    store = make_store(tmp_path, [GivenPair(prompt, assistant("a model"), assistant("a person"), ())])
    decide_all(store)
    (row,) = publish(store).preferences().to_pylist()
    assert [turn["role"] for turn in row["prompt"]] == ["user", "assistant", "user"]


def test_personal_data_is_masked_where_asked(tmp_path):
    store = make_store(
        tmp_path, [pair("Who is anna.berg@posteo.de?", "Call +49 221 470 1234.", "No idea, anna.berg@posteo.de.")]
    )
    decide_all(store)
    plain = publish(store)
    settings = {"splits": {"train": 1.0}, "exports": ["trl"], "mask_personal_data": True}
    options = PublishOptions.model_validate(settings)
    release = publish(store, options, json.dumps({"publish": options.model_dump(mode="json")}))
    (row,) = release.preferences().to_pylist()
    texts = [row["prompt"][0]["content"], *sorted([row["chosen"][0]["content"], row["rejected"][0]["content"]])]
    assert texts == ["Who is [e-mail]?", "Call [phone number].", "No idea, [e-mail]."]
    (exported,) = release.dataset("exports/trl/train").to_table().to_pylist()
    assert exported["prompt"] == row["prompt"] and exported["chosen"] == row["chosen"]
    assert release.manifest["counts"]["masked"] == {"e-mail": 2, "phone number": 1}
    assert "(found: e-mail 2, phone number 1)" in Path(release.path, "README.md").read_text(encoding="utf-8")
    assert "anna.berg" in plain.preferences().to_pylist()[0]["prompt"][0]["content"], "as it came, unless asked"
    assert "masked" not in plain.manifest["counts"]


def test_the_setting_is_left_out_of_what_is_written_while_it_is_off():
    assert "mask_personal_data" not in PublishOptions().model_dump(mode="json")
