import pytest

from prefcurate.schemas.formats.prd import PrdReader
from prefcurate.schemas.records import Auxiliary, Order, Pairs, Unreadable, Verdict
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

QUESTIONS = jsonl({"question_id": 1, "text": "Why?"}, {"question_id": 2, "text": "How?"})
BARD = jsonl({"answer_id": "b1", "question_id": 1, "text": "Bard 1"}, {"answer_id": "b2", "question_id": 2, "text": ""})
GPT4 = jsonl(
    {"answer_id": "g1", "question_id": 1, "text": "GPT 1"}, {"answer_id": "g2", "question_id": 2, "text": "GPT 2"}
)


def files(**ratings: bytes) -> dict[str, bytes]:
    base = {
        "prompts/vicuna_questions.jsonl": QUESTIONS,
        "generations/answer_bard.jsonl": BARD,
        "generations/answer_gpt4.jsonl": GPT4,
    }
    return base | {name.replace("__", "/") + ".jsonl": data for name, data in ratings.items()}


def judged(score: object = 1, text: str = "reasons\n1", **more: object) -> dict[str, object]:
    row = {"review_id": "r", "question_id": 1, "answer1_id": "b1", "answer2_id": "g1", "text": text, "score": score}
    return row | more


JUDGE = "ratings-gpt4/answer_bard-vs-answer_gpt4-gpt4-reviewer_threeclass.jsonl"
PEOPLE = "ratings-human/answer_bard-vs-answer_gpt4-human-reviewer_threeclass.jsonl"
PEOPLE_TURNED = "ratings-human/answer_gpt4-vs-answer_bard-human-reviewer_threeclass.jsonl"


@pytest.fixture(scope="module")
def sample():
    return read_sample(PrdReader(), "prd-vicuna80")


def test_every_row_of_the_sample(sample):
    # 200 answers, 40 questions, 3 reviewers and 3 prompts; 4,080 verdicts and 880 votes; 111 votes on Guanaco.
    assert outcomes(sample) == {"Auxiliary": 246, "Pairs": 4080 + 880, "response text missing": 111}
    labels = labels_of(sample)
    votes = [label for label in labels if label.kind == "person"]
    assert verdicts(votes) == {"first": 406, "second": 389, "tie": 85}
    assert {label.annotator for label in votes} == {"anonymous"}
    unknown = [vote for vote in votes if vote.order is Order.UNKNOWN]
    assert verdicts(unknown) == {"first": 98, "second": 42, "tie": 20}  # the four files that have Claude first


@pytest.mark.parametrize(
    ("judge", "first", "second", "tie", "empty"),
    [
        ("bard", 634, 142, 24 - 13, 13),
        ("claude", 268, 468, 64, 0),
        ("gpt35", 361, 366, 153, 0),
        ("gpt4", 452, 253, 95, 0),
        ("vicuna-13b", 343, 439, 18, 0),
    ],
)
def test_every_judge_of_the_sample(sample, judge, first, second, tie, empty):
    labels = [label for label in labels_of(sample) if label.annotator == judge]
    counted = verdicts(labels)
    assert (counted["first"], counted["second"], counted["tie"], counted.get(None, 0)) == (first, second, tie, empty)
    assert {label.order for label in labels} == {Order.FIRST_SHOWN_FIRST}
    assert {label.parse_status for label in labels if label.verdict is None} <= {"empty"}
    again = [label for label in labels if label.sample == 1]
    assert verdicts(again) == ({"first": 34, "second": 32, "tie": 14} if judge == "gpt35" else {})


def test_a_verdict_is_joined_with_its_answers_and_question():
    (row,) = read_files(PrdReader(), files(**{JUDGE[:-6]: jsonl(judged(2))}))[JUDGE]
    (pair,) = row.outcome.pairs
    assert (text_of(pair.prompt), text_of(pair.first), text_of(pair.second)) == (["Why?"], ["Bard 1"], ["GPT 1"])
    assert (pair.model_first, pair.model_second, row.row_id) == ("bard", "gpt4", "r")
    (label,) = pair.labels
    assert (label.annotator, label.verdict, label.raw_output) == ("gpt4", Verdict.SECOND, "reasons\n1")


@pytest.mark.parametrize(
    ("name", "who", "first", "second", "sample"),
    [
        ("ratings-gpt35/answer-gpt35-vs-answer-gpt4-gpt35-reviewer-threeclass", "gpt35", "gpt35", "gpt4", 1),
        ("ratings-gpt4/answer_bard-vs-answer_gpt4-gpt4-reviewer-threeclass", "gpt4", "bard", "gpt4", 0),
        (
            "ratings-vicuna-13b/answer_bard-vs-answer_vicuna-13b-vicuna-13b-reviewer",
            "vicuna-13b",
            "bard",
            "vicuna-13b",
            0,
        ),
        (
            "ratings-vicuna-13b/answer_vicuna-13b-vs-answer_bard-vicuna-13b-reviewer",
            "vicuna-13b",
            "vicuna-13b",
            "bard",
            0,
        ),
    ],
)
def test_what_a_file_name_says(name, who, first, second, sample):
    found = read_files(PrdReader(), {f"{name}.jsonl": jsonl(judged())})[f"{name}.jsonl"]
    assert found[0].identity[0] == {"who": who, "first": first, "second": second, "sample": sample}


@pytest.mark.parametrize(
    ("row", "verdict", "status"),
    [
        (judged(3, "Both are fine.\n3"), Verdict.TIE, "ok"),
        (judged("2"), Verdict.SECOND, "ok"),
        (judged(3, ""), None, "empty"),
        (judged(3, " \n"), None, "empty"),
        (judged(-1, "I cannot tell."), None, "unparsed"),
        (judged(True), None, "unparsed"),
        (judged(None), None, "unparsed"),
    ],
)
def test_a_failed_verdict_is_never_a_tie(row, verdict, status):
    (label,) = labels_of(read_files(PrdReader(), files(**{JUDGE[:-6]: jsonl(row)}))[JUDGE])
    assert (label.verdict, label.parse_status) == (verdict, status)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (judged(answer1_id="nobody"), "response text missing"),
        (judged(question_id=[1]), "wrong type"),
        (judged(question_id=9), "prompt text missing"),
        ({"question_id": 1}, "field missing"),
        ([1], "not an object"),
    ],
)
def test_a_row_that_cannot_be_joined_is_named(row, reason):
    bad, good = read_files(PrdReader(), files(**{JUDGE[:-6]: jsonl(row, judged())}))[JUDGE]
    assert isinstance(bad.outcome, Unreadable) and bad.outcome.reason == reason and bad.line == 1 and bad.raw
    assert isinstance(good.outcome, Pairs)


def test_people_saw_the_order_of_the_file_only_where_both_orders_exist():
    vote = jsonl({"question_id": 1, "text": "Why?", "score": 1})
    one_way = read_files(PrdReader(), files(**{PEOPLE[:-6]: vote}))
    assert [label.order for label in labels_of(one_way[PEOPLE])] == [Order.UNKNOWN]
    both = read_files(PrdReader(), files(**{PEOPLE[:-6]: vote, PEOPLE_TURNED[:-6]: vote}))
    assert [label.order for label in labels_of(both[PEOPLE])] == [Order.FIRST_SHOWN_FIRST]
    (turned,) = pairs_of(both[PEOPLE_TURNED])
    assert (turned.model_first, text_of(turned.first)) == ("gpt4", ["GPT 1"])


def test_anonymous_votes_are_rows_of_their_own_and_a_wrong_score_is_no_vote():
    vote = {"question_id": 1, "text": "Why?", "score": 1}
    rows = read_files(PrdReader(), files(**{PEOPLE[:-6]: jsonl(vote, vote, vote | {"score": 0})}))[PEOPLE]
    assert outcomes(rows) == {"Pairs": 2, "unknown label": 1}
    assert rows[0].identity == rows[1].identity and rows[0].row_id is None


def test_an_empty_answer_is_kept_for_the_screen_to_flag():
    row = judged(question_id=2, answer1_id="b2", answer2_id="g2")
    (pair,) = pairs_of(read_files(PrdReader(), files(**{JUDGE[:-6]: jsonl(row)}))[JUDGE])
    assert text_of(pair.first) == [""]


def test_files_that_are_joined_and_files_that_are_not_known():
    read = read_files(PrdReader(), files(**{JUDGE[:-6]: jsonl(judged()), "notes/other": jsonl({"a": 1})}))
    assert all(isinstance(row.outcome, Auxiliary) for row in read["generations/answer_bard.jsonl"])
    assert outcomes(read["notes/other.jsonl"]) == {"file not recognised": 1}
    with pytest.raises(ValueError, match="ratings-"):
        PrdReader().plan([])


def test_a_broken_answer_file_costs_its_rows_alone():
    made = files(**{JUDGE[:-6]: jsonl(judged(), judged(question_id=2, answer1_id="b2", answer2_id="g2"))})
    made["generations/answer_bard.jsonl"] = BARD.replace(b'"Bard 1"}', b'"Bard 1"')
    read = read_files(PrdReader(), made)
    assert outcomes(read["generations/answer_bard.jsonl"]) == {"bad JSON": 1, "Auxiliary": 1}
    assert outcomes(read[JUDGE]) == {"response text missing": 1, "Pairs": 1}
