import pytest

from prefcurate.schemas.formats.fastchat import FastchatReader
from prefcurate.schemas.records import Order, Pairs, Unreadable, Verdict
from tests.schemas.formats.reading import (
    jsonl,
    labels_of,
    outcomes,
    pairs_of,
    read_files,
    read_sample,
    text_of,
    verdicts,
)

PROMPT = "[User Question]\nWhy?\n\n[The Start of Assistant A's Answer]\nA says\n[The End of Assistant A's Answer]"
MATH = (
    "[User Question]\nHow\n\nmany?\n\n[The Start of Reference Answer]\nSeven.\n[The End of Reference Answer]\n\n"
    "[The Start of Assistant A's Answer]\nA says"
)
TURNS = (
    "<|The Start of Assistant A's Conversation with User|>\n\n### User:\nWhy?\n\n### Assistant A:\nA says\n\n"
    "### User:\nAnd then?\n\n### Assistant A:\nA again\n\n<|The End of Assistant A's Conversation with User|>"
)
JUDGEMENTS = "mt_bench/model_judgment/gpt-4_pair.jsonl"


def judgement(g1: object = "model_1", g2: object = "model_2", turn: object = 1, prompt: str = PROMPT, **more: object):
    row = {"question_id": 1, "model_1": "A", "model_2": "B", "g1_winner": g1, "g2_winner": g2, "judge": ["gpt-4", "v2"]}
    return row | {"g1_user_prompt": prompt, "g1_judgment": "one", "g2_judgment": "two", "turn": turn} | more


def answer(model: str, *turns: object) -> bytes:
    return jsonl({"question_id": 1, "model_id": model, "choices": [{"index": 0, "turns": list(turns)}]})


def read(*rows: object, **more: bytes):
    files = {
        "mt_bench/model_answer/A.jsonl": answer("A", "A says", "A again"),
        "mt_bench/model_answer/B.jsonl": answer("B", "B says", "B again"),
        JUDGEMENTS: jsonl(*rows),
    }
    return read_files(FastchatReader(), files | {f"mt_bench/{name}.jsonl": data for name, data in more.items()})


def test_the_sample():
    rows = read_sample(FastchatReader(), "mtbench-fastchat-judgments")
    # 39 judgements; 82 answers, 82 scores and 8 judge prompts are joined or kept along.
    assert outcomes(rows) == {"Pairs": 39, "Auxiliary": 172}
    labels = labels_of(rows)
    first = [label for label in labels if label.order is Order.FIRST_SHOWN_FIRST]
    second = [label for label in labels if label.order is Order.SECOND_SHOWN_FIRST]
    assert verdicts(first) == {"first": 21, "second": 11, "tie": 6, None: 1}
    assert verdicts(second) == {"first": 11, "second": 17, "tie": 9, None: 2}
    assert {label.parse_status for label in labels if label.verdict is None} == {"unparsed"}
    assert {label.raw_output[-7:] for label in labels if label.verdict is None} == {"$ERROR$"}
    assert sum(len(pair.materials) for pair in pairs_of(rows)) == 14
    assert sum(len(pair.ratings) for pair in pairs_of(rows)) == 39  # the scores are of phi-3-dpo alone


def test_winners_of_the_sample_are_what_the_judge_wrote():
    """In game 2 the file's model_2 is Assistant A: its winners are already turned back."""
    for label in labels_of(read_sample(FastchatReader(), "mtbench-fastchat-judgments")):
        shown_first = Verdict.FIRST if label.order is Order.FIRST_SHOWN_FIRST else Verdict.SECOND
        if "[[A]]" in label.raw_output:
            assert label.verdict is shown_first
        if "[[C]]" in label.raw_output:
            assert label.verdict is Verdict.TIE


def test_a_judgement_is_two_labels_about_the_same_pair():
    (pair,) = pairs_of(read(judgement())[JUDGEMENTS])
    assert (text_of(pair.prompt), text_of(pair.first), text_of(pair.second)) == (["Why?"], ["A says"], ["B says"])
    assert (pair.model_first, pair.model_second) == ("A", "B")
    assert [(label.verdict, label.order, label.raw_output) for label in pair.labels] == [
        (Verdict.FIRST, Order.FIRST_SHOWN_FIRST, "one"),
        (Verdict.SECOND, Order.SECOND_SHOWN_FIRST, "two"),
    ]
    assert {label.annotator for label in pair.labels} == {"gpt-4"}


def test_an_error_is_never_a_tie():
    labels = labels_of(read(judgement("error", "tie"))[JUDGEMENTS])
    assert [(label.verdict, label.parse_status) for label in labels] == [(None, "unparsed"), (Verdict.TIE, "ok")]


def test_the_second_turn_is_about_all_that_follows_the_first_question():
    (pair,) = pairs_of(read(judgement(turn=2, prompt=TURNS))[JUDGEMENTS])
    assert text_of(pair.prompt) == ["Why?"]
    assert [message.role for message in pair.first] == ["assistant", "user", "assistant"]
    assert text_of(pair.second) == ["B says", "And then?", "B again"]


def test_a_question_file_stands_above_the_judges_prompt():
    questions = jsonl({"question_id": 1, "turns": ["From the file?", "Next?"]})
    for turn in (1, 2):
        (pair,) = pairs_of(read(judgement(turn=turn, prompt="no template"), question=questions)[JUDGEMENTS])
        assert text_of(pair.prompt) == ["From the file?"]


def test_questions_and_references_of_mathematics():
    (pair,) = pairs_of(read(judgement(prompt=MATH))[JUDGEMENTS])
    assert text_of(pair.prompt) == ["How\n\nmany?"]
    assert [(material.kind, material.text) for material in pair.materials] == [("reference", "Seven.")]


def test_scores_of_single_answers_are_ratings_of_the_pair():
    score = {"question_id": 1, "model": "B", "judge": ["gpt-4", "single-v1"], "score": 7, "turn": 1, "judgment": "ok"}
    rows = jsonl(score, score | {"score": -1}, score | {"turn": 2, "score": 3}, score | {"model": "C"})
    found = read(judgement(), single_scores=rows)
    (pair,) = pairs_of(found[JUDGEMENTS])
    assert [(r.of, r.value, r.scale_min, r.scale_max, r.rationale) for r in pair.ratings] == [
        ("second", 7.0, 1, 10, "ok")
    ]
    assert outcomes(found["mt_bench/single_scores.jsonl"]) == {"Auxiliary": 4}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (judgement("A"), "unknown label"),
        (judgement(["model_1"]), "unknown label"),
        (judgement(model_2="nobody"), "response text missing"),
        (judgement(question_id=5), "response text missing"),
        (judgement(turn=3), "wrong type"),
        (judgement(turn="1"), "wrong type"),
        (judgement(judge=None), "wrong type"),
        (judgement(prompt="nothing to see"), "prompt text missing"),
        (judgement(prompt="nothing to see", turn=2), "prompt text missing"),
        ({"other": 1}, "row not recognised"),
    ],
)
def test_a_judgement_that_cannot_be_used(row, reason):
    bad, good = read(row, judgement())[JUDGEMENTS]
    assert isinstance(bad.outcome, Unreadable) and bad.outcome.reason == reason
    assert isinstance(good.outcome, Pairs)


def test_judgements_are_what_the_format_is_about():
    with pytest.raises(ValueError, match="pair"):
        read_files(FastchatReader(), {"model_answer/A.jsonl": answer("A", "x")})
