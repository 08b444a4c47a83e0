import pytest

from prefcurate.schemas.formats.prometheus import PrometheusReader
from prefcurate.schemas.records import Pairs, Verdict
from tests.schemas.formats.reading import (
    jsonl,
    labels_of,
    outcomes,
    pairs_of,
    read_bytes,
    read_sample,
    read_shared,
    text_of,
    verdicts,
)

FOLDER = "prometheus-eval"
DIALOGUE = (
    "Here is a previous dialogue between an assistant and an user. Generate a human preferable response by the assistant.\n"
    "User: Name a fish.\n\nAssistant: {own}\n\nUser: And now as a song?\n\nAssistant: "
)


def instruction(question: str, answer: str) -> str:
    return (
        f"###Task Description:\nRate.\n\n###The instruction to evaluate:\n{question}\n\n###Response to evaluate:\n{answer}"
        "\n\n###Reference Answer (Score 5):\nBest.\n\n###Score Rubrics:\n[Good?]\nScore 1: No.\n\n###Feedback: "
    )


def rated(answer: str, scores: list[object], question: str = "Why?", **more: object) -> dict[str, object]:
    texts = [f"because {score}" for score in scores]
    row = {"idx": 1, "response_source": f"m-{answer}", "instruction": instruction(question, answer)}
    return row | {"gpt4_score": scores, "gpt4_feedback": texts} | more


def read(*rows: object):
    return read_bytes(PrometheusReader(), "eval.json", jsonl(*rows))


def test_the_sample():
    assert outcomes(read_sample(PrometheusReader(), FOLDER, "vicuna")) == {"Auxiliary": 5, "Pairs": 15}
    assert outcomes(read_sample(PrometheusReader(), FOLDER, "mt_bench")) == {"Auxiliary": 5, "Pairs": 15}
    assert outcomes(read_sample(PrometheusReader(), FOLDER, "hhh")) == {"Pairs": 56}


@pytest.mark.parametrize(
    ("name", "equal", "found"),
    [
        ("mt_bench_eval", 0.44, {"first": 378, "second": 456, "tie": 606}),
        ("vicuna_eval", 0.62, {"first": 258, "second": 411, "tie": 771}),
    ],
)
def test_rated_answers_as_the_readme_counts(name, equal, found):
    rows = read_shared(PrometheusReader(), FOLDER, name)
    # 80 questions to 4 models each: every answer but a question's first is compared with those before it.
    assert outcomes(rows) == {"Auxiliary": 80, "Pairs": 240}
    pairs = pairs_of(rows)
    assert len(pairs) == 80 * 6 and verdicts(labels_of(rows)) == found
    ratings: dict[tuple[object, ...], list[float]] = {}
    for pair in pairs:
        for rating in pair.ratings:
            model = pair.model_first if rating.of == "first" else pair.model_second
            ratings.setdefault((pair.group_id, model), []).append(rating.value)
    assert len(ratings) == 320 and all(len(values) == 3 for values in ratings.values())
    assert round(sum(len(set(values)) == 1 for values in ratings.values()) / 320, 2) == equal


def test_hhh_pairs_as_the_readme_counts():
    rows = read_shared(PrometheusReader(), FOLDER, "hhh")
    assert outcomes(rows) == {"Pairs": 221} and verdicts(labels_of(rows)) == {"first": 221}


def test_three_samples_are_three_opinions_and_words_stay_with_the_answer():
    rows = read(rated("A", [3, 4, 5]), rated("B", [4, 4, 2]))
    (pair,) = pairs_of(rows)
    assert (text_of(pair.prompt), text_of(pair.first), text_of(pair.second)) == (["Why?"], ["A"], ["B"])
    assert [(label.sample, label.verdict) for label in pair.labels] == [
        (0, Verdict.SECOND),
        (1, Verdict.TIE),
        (2, Verdict.FIRST),
    ]
    assert {(label.annotator, label.kind) for label in pair.labels} == {("gpt-4", "llm_judge")}
    assert [(r.of, r.sample, r.value, r.rationale) for r in pair.ratings][:2] == [
        ("first", 0, 3.0, "because 3"),
        ("first", 1, 4.0, "because 4"),
    ]
    assert [(m.kind, m.text) for m in pair.materials] == [("reference", "Best."), ("rubric", "[Good?]\nScore 1: No.")]


def test_what_a_model_said_before_is_no_part_of_the_prompt():
    rows = read(
        rated("La", [1], DIALOGUE.format(own="Carp")), rated("Li", [2], DIALOGUE.format(own="A pike\n\nor not"))
    )
    (pair,) = pairs_of(rows)
    assert text_of(pair.prompt) == ["Name a fish."]
    assert text_of(pair.first) == ["Carp", "And now as a song?", "La"]
    assert text_of(pair.second) == ["A pike\n\nor not", "And now as a song?", "Li"]
    assert [message.role for message in pair.first] == ["assistant", "user", "assistant"]


def test_answers_to_different_questions_are_not_compared():
    rows = read(rated("A", [1]), rated("B", [2], idx=2), rated("C", [2], "How?"))
    assert outcomes(rows) == {"one response": 3}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (rated("X", [6]), "unknown label"),
        (rated("X", [True]), "unknown label"),
        (rated("X", ["3"]), "unknown label"),
        (rated("X", [3], gpt4_feedback=[]), "unknown label"),
        (rated("X", [3], gpt4_score=3), "wrong type"),
        (rated("X", [3], instruction="Why?"), "no judge prompt"),
        (rated("X\n\n###Response to evaluate:\nY", [3]), "no judge prompt"),
        ([], "wrong type"),
    ],
)
def test_a_row_that_cannot_be_used_loses_no_other(row, reason):
    rows = read(rated("A", [1]), row, rated("B", [2]))
    assert outcomes(rows) == {"Auxiliary": 1, reason: 1, "Pairs": 1}
    assert isinstance(rows[2].outcome, Pairs)


def test_hhh_prompts_that_differ_are_no_pair():
    row = {"chosen_instruction": instruction("Why?", "A"), "rejected_instruction": instruction("How?", "B")}
    assert outcomes(read(row)) == {"prompts differ": 1}
