import json
from collections import Counter

import pytest

from prefcurate.schemas.formats.oasst import OasstReader
from prefcurate.schemas.records import Unreadable, Verdict
from tests.schemas.formats.reading import (
    jsonl,
    labels_of,
    outcomes,
    pairs_of,
    read_bytes,
    read_sample,
    text_of,
    verdicts,
)


def message(text: str, *replies: object, role: str = "assistant", **more: object) -> dict[str, object]:
    return {"message_id": f"id of {text}", "text": text, "role": role, "replies": list(replies)} | more


def tree(*replies: object, **more: object) -> dict[str, object]:
    return {"message_tree_id": "t", "prompt": message("Hi", *replies, role="prompter", **more)}


def read(*rows: object):
    return read_bytes(OasstReader(), "trees.jsonl", jsonl(*rows))


def test_the_sample():
    rows = read_sample(OasstReader(), "oasst-trees")
    assert outcomes(rows) == {"Pairs": 27}
    pairs = pairs_of(rows)
    judgements = Counter(label.judgement for label in labels_of(rows))
    # Largest: nine replies. Unlabelled: [0, 1, 2, none], three and two replies that nobody ranked.
    assert max(judgements.values()) == 36
    unlabelled = [pair for pair in pairs if not pair.labels]
    assert sorted(Counter(pair.group_id for pair in unlabelled).values()) == [1, 3, 3]  # of 1, 3 and 3 pairs
    assert verdicts(labels_of(rows)) == {"first": len(pairs) - 7}  # the source lists replies from best to worst
    assert all(pair.prompt[-1].role == "user" and pair.first[0].role == "assistant" for pair in pairs)


def test_ranked_siblings_are_one_judgement():
    answers = [message("c", rank=2), message("a", rank=0), message("b", rank=1)]
    (row,) = read(tree(*answers))
    pairs = pairs_of([row])
    found = [(text_of(p.first)[0], text_of(p.second)[0], p.labels[0].verdict, p.labels[0].strength) for p in pairs]
    assert found == [
        ("c", "a", Verdict.SECOND, -2.0),
        ("c", "b", Verdict.SECOND, -1.0),
        ("a", "b", Verdict.FIRST, 1.0),
    ]
    assert {label.judgement for label in labels_of([row])} == {"id of Hi"} == {p.group_id for p in pairs}
    assert row.row_id == "t"


def test_deeper_siblings_have_the_path_as_prompt():
    second = message("More?", message("x", rank=0), message("y", rank=1), role="prompter")
    (pair,) = pairs_of(read(tree(message("a", second, rank=0))))
    assert [(m.role, text_of((m,))) for m in pair.prompt] == [
        ("user", ["Hi"]),
        ("assistant", ["a"]),
        ("user", ["More?"]),
    ]
    assert text_of(pair.second) == ["y"]


def test_equal_ranks_are_ties_and_missing_ranks_no_labels():
    tie, *rest = pairs_of(read(tree(message("a", rank=0), message("b", rank=0), message("c", rank=None))))
    assert [label.verdict for label in tie.labels] == [Verdict.TIE]
    assert [pair.labels for pair in rest] == [(), ()]


def test_deleted_replies_and_prompters_replies_are_no_answers():
    answers = [message("a", rank=0), message("b", rank=1, deleted=True), message("c", rank=2)]
    (pair,) = pairs_of(read(tree(*answers, message("d", role="prompter"))))
    assert (text_of(pair.first), text_of(pair.second)) == (["a"], ["c"])


def test_models_are_kept():
    (pair,) = pairs_of(read(tree(message("a", rank=0, model_name="m1"), message("b", rank=1))))
    assert (pair.model_first, pair.model_second) == ("m1", None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (tree(), "no sibling responses"),
        (tree(message("a", rank=0)), "no sibling responses"),
        (tree(message("a", role="prompter"), message("b", role="prompter")), "no sibling responses"),
        (tree(message("a", rank="best"), message("b", rank=1)), "unknown label"),
        (tree(message("a", role="bot"), message("b")), "unknown role"),
        (tree(message("a") | {"text": None}, message("b")), "wrong type"),
        (tree("a"), "wrong type"),
        ({"prompt": {"role": "prompter", "text": "x", "replies": "y"}}, "wrong type"),
        ({"prompt": "Hi"}, "wrong type"),
        ({}, "field missing"),
    ],
)
def test_a_tree_that_gives_no_pair(row, reason):
    bad, good = read(row, tree(message("a", rank=0), message("b", rank=1)))
    assert isinstance(bad.outcome, Unreadable) and bad.outcome.reason == reason
    assert outcomes([good]) == {"Pairs": 1}


def test_a_deep_tree_is_read():
    branch = [message("x", rank=0), message("y", rank=1)]
    node: dict[str, object] = message("end", *branch, role="prompter")
    for depth in range(200):
        node = message(str(depth), node, role="prompter" if depth % 2 else "assistant")
    rows = read_bytes(OasstReader(), "t.jsonl", json.dumps(tree(node)).encode())
    (pair,) = pairs_of(rows)
    assert len(pair.prompt) == 202
