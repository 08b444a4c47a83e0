"""`prefcurate show`: the story of a pair, in words, at every stage of a store's life."""

import dataclasses

import pytest

from prefcurate.pipelines.show import render, show
from prefcurate.schemas.records import GivenPair
from prefcurate.transforms.publish.story import find_pairs, standing, tell
from prefcurate.transforms.store.store import Store, StoreError
from tests.helpers import assistant, label, make_store, pair, user
from tests.transforms.publish.stores import comparisons, decided, ids, publish, put

QUESTION = "Which planet is the largest?"


@pytest.fixture(scope="module")
def flipped(tmp_path_factory) -> tuple[Store, dict]:
    """A store whose only question was labelled wrongly by a person and flipped on the word of two judges."""
    said = [
        label("second", "worker-9"),
        label("first", "gpt-4", "llm_judge", order="12", rationale="Jupiter is right.", strength=2.0),
        label("first", "claude", "llm_judge", order="21"),
        label("tie", "gpt-4", "llm_judge", attribute="style"),
    ]
    jupiter = pair(
        QUESTION, "Jupiter", "Saturn", *said, model_first="good-model", model_second="bad-model", group_id="g7"
    )
    store = make_store(tmp_path_factory.mktemp("flipped"), [jupiter, pair("other", "x", "y")])
    row = ids(store)[QUESTION]
    right = "a" if row["response_a_text"] == "Jupiter" else "b"
    wrong = "b" if right == "a" else "a"
    told = store.dataset("annotations").to_table().to_pylist()
    judges = [t["annotation_id"] for t in told if "judge" in t["kind"] and t["attribute"] == "overall"]
    about = {"label": right, "label_in": wrong, "p_a": 0.96 if right == "a" else 0.04, "evidence": judges}
    numbers = {"expected_accuracy": 0.94, "expected_accuracy_low": 0.81, "reason": "two judges measured on gold agree"}
    put(store, "consensus", [decided(row, "flip", **about, **numbers), decided(ids(store)["other"], "drop")])
    names = sorted({t["annotator"] for t in told})
    worth = {"prompt_id": "", "status": "gold", "n": 9, "n_gold": 8, "accuracy": 0.9, "accuracy_low": 0.7}
    put(store, "annotators", [{**worth, "annotator": n, "accuracy_high": 0.97, "position_bias": 0.2} for n in names])
    mine = {"prompt_id": row["prompt_id"], "comparison_id": row["comparison_id"]}
    put(store, "screening", [{**mine, "flag": "short", "value": 7.0}])
    put(store, "clusters", [{**mine, "prompt_cluster": row["prompt_id"], "pair_cluster": row["comparison_id"]}])
    put(store, "gold", [{"prompt_id": row["prompt_id"], "prompt_cluster": row["prompt_id"], "side": "audit"}])
    put(store, "routes", [{**mine, "queue": "person", "rank": 3, "expected_gain": 0.02, "reason": "judges may err"}])
    publish(store)
    return store, row


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_flipped_pair_in_words(flipped):
    store, row = flipped
    text = words(show(store, row["comparison_id"]))
    right = "A" if row["response_a_text"] == "Jupiter" else "B"
    wrong = "B" if right == "A" else "A"
    for expected in (
        QUESTION,
        "Response A",
        "data: data.pickle, line 1 (licence MIT",
        f"{right} by good-model",
        "group g7",
        f"worker-9, a person, prefers {wrong} - not counted in this decision",
        f"gpt-4, an LLM judge, prefers {right} ({right} shown first",
        f"an LLM judge, prefers {right} ({wrong} shown first)",
        "calls it a tie on style",
        '"Jupiter is right."',
        "is gold: others are measured by it; right in 90% of cases (between 70% and 97%, 8 on gold)",
        "leans towards what is shown first (20%)",
        "short 7",
        "its prompt is gold of the side audit, which only the report may see",
        "near duplicates: 0 other prompts, 0 other pairs",
        f"FLIP: the data said {wrong} is better, the opposite is published ({right} is better)",
        "expected to be right with 94%, at least 81%",
        "because: two judges measured on gold agree",
        f"it rests on 2 opinions: 2 x prefers {right}",
        "what would change it",
        "person, number 3 in that queue",
        "split: train (given once, never moved)",
        "(current): published in train as flip, label from consensus; P(chosen is better) 0.96, margin +0.92",
    ):
        assert expected in text, f"{expected}\n{text}"


def test_a_withheld_pair_says_why(flipped):
    store, _ = flipped
    text = words(show(store, ids(store)["other"]["comparison_id"]))
    assert "withheld: consensus dropped it (people agree)" in text
    assert "Nobody has said anything about it yet." in text


def test_what_changed_a_decision_last_is_told_however_many_spoke(flipped):
    store, row = flipped
    story = tell(standing(store), row["comparison_id"], row["prompt_id"])
    many = "; ".join(f"worker-{number} prefers A" for number in range(40))
    reason = f"{many}; agreement scir: judge and head do not agree on A"
    text = words(render(dataclasses.replace(story, consensus=(story.decision | {"reason": reason},))))
    assert "agreement scir: judge and head do not agree on A" in text


def test_strength_is_towards_a_as_stored(flipped):
    store, row = flipped
    sign = "+2" if row["response_a_text"] == "Jupiter" else "-2"
    assert f"strength {sign} towards A" in show(store, row["comparison_id"])


def test_the_beginning_of_an_id_and_the_prompts_id_will_do(flipped):
    store, row = flipped
    whole = show(store, row["comparison_id"])
    assert show(store, row["comparison_id"][:12].upper()) == whole
    assert show(store, row["prompt_id"]) == whole


@pytest.mark.parametrize("identity", ["zzz", "", "'; DROP TABLE x", "0" * 400])
def test_an_unknown_id_is_an_error_in_words(flipped, identity):
    with pytest.raises(StoreError, match="no comparison or prompt"):
        show(flipped[0], identity)


def test_a_prompt_with_several_pairs_lists_them(tmp_path):
    store = make_store(tmp_path, [pair("many", "x", "y"), pair("many", "x", "z")])
    rows = comparisons(store)
    text = show(store, rows[0]["prompt_id"])
    assert all(row["comparison_id"] in text for row in rows)
    assert "name one of them" in text


def test_a_store_in_which_only_ingest_ran(tmp_path):
    store = make_store(tmp_path, [pair("q", "one", "two", label("tie", "ann"))])
    text = words(show(store, comparisons(store)[0]["comparison_id"]))
    for expected in (
        "ann, a person, calls it a tie",
        "screening has not run",
        "consensus has not run",
        "routing has not run",
        "There is no release yet",
    ):
        assert expected in text


def test_strangers_text_cannot_command_the_terminal_and_is_clipped(tmp_path):
    evil = "\x1b]0;owned\x07\x1b[2J\u202eabc\u2066\x9b31m\u200b" + "long " * 2000
    why = label("first", "ann", rationale="\x1b[31mred\r\nnew line")
    store = make_store(tmp_path, [GivenPair(user(evil), assistant("x\ty"), assistant("e\u0301 👩\u200d🚀"), (why,))])
    text = show(store, comparisons(store)[0]["comparison_id"])
    assert not {"\x1b", "\x07", "\u202e", "\u2066", "\x9b", "\u200b", "\r", "\t"} & set(text)
    assert "\\x1b]0;owned\\x07\\x1b[2J\\u202eabc\\u2066\\x9b31m" in text
    assert "more characters)" in text and len(text) < 6000
    assert "é 👩\u200d🚀" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_story_is_data_for_others(flipped):
    store, row = flipped
    (pair_id, prompt_id, text) = find_pairs(store, row["comparison_id"])[0]
    story = tell(standing(store), pair_id, prompt_id)
    assert text == QUESTION
    assert len(story.annotations) == 4
    assert story.decision["decision"] == "flip"
    assert [release.row["decision"] for release in story.published] == ["flip"]
