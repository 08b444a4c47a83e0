import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.schemas.canonical import canonical_text
from prefcurate.schemas.formats.prm import PrmReader
from prefcurate.schemas.records import Pairs, Verdict
from tests.schemas.formats.reading import jsonl, labels_of, outcomes, pairs_of, read_bytes, text_of

# The row of PRM800K's own README, shortened.
PRM800K = {
    "labeler": "340d89bc",
    "timestamp": "2023-01-22T04:34:27.052924",
    "generation": 9,
    "is_quality_control_question": False,
    "question": {
        "problem": "What is the greatest common factor of $20 !$ and $200,\\!000$?",
        "ground_truth_solution": "The prime factorization …",
        "ground_truth_answer": "40,\\!000",
        "pre_generated_steps": ["I want to find it.", "One way is to factor.", "I know that …", "So it is 320,000."],
        "pre_generated_answer": "320,000",
    },
    "label": {
        "steps": [
            {
                "completions": [{"text": "I want to find it.", "rating": 0, "flagged": None}],
                "human_completion": None,
                "chosen_completion": 0,
            },
            {
                "completions": [{"text": "One way is to factor.", "rating": 1, "flagged": None}],
                "human_completion": None,
                "chosen_completion": 0,
            },
            {
                "completions": [
                    {"text": "I know that …", "rating": -1, "flagged": None},
                    {"text": "To factor $20 !$ …", "rating": 0, "flagged": False},
                    {"text": "I can use a tree: …", "rating": -1, "flagged": False},
                ],
                "human_completion": None,
                "chosen_completion": None,
            },
        ],
        "total_time": 278270,
        "finish_reason": "found_error",
    },
}


def read(*rows: object, **settings: object):
    return read_bytes(PrmReader.model_validate(settings), "prm.jsonl", jsonl(*rows))


def shepherd(marks: str, question: str = "How many?") -> dict[str, object]:
    steps = [f"Step {n}: so {mark}{n}" for n, mark in enumerate(marks, start=1)]
    return {
        "input": f"{question} " + "\n".join(f"{step} ки" for step in steps),
        "label": f"{question} " + "\n".join(f"{step} {mark}" for step, mark in zip(steps, marks, strict=True)),
        "task": "GSM8K",
    }


def stepwise(*labels: object, prompt: str = "Which?") -> dict[str, object]:
    return {
        "prompt": prompt,
        "completions": [f"step {n} {label}" for n, label in enumerate(labels)],
        "labels": list(labels),
    }


def spans(pair, side: str) -> list[tuple[str, str]]:
    return [(span.text, span.label) for span in pair.spans if span.of == side]


def test_alternatives_at_one_step_are_a_set_of_one_act():
    (row,) = read(PRM800K)
    pairs = pairs_of([row])
    assert [label.verdict for pair in pairs for label in pair.labels] == [Verdict.SECOND, Verdict.TIE, Verdict.FIRST]
    assert {(label.annotator, label.kind, label.judgement) for label in labels_of([row])} == {
        ("340d89bc", "person", "step 2")
    }
    assert text_of(pairs[0].first) == ["I want to find it.\nOne way is to factor.\nI know that …"]
    assert text_of(pairs[0].second) == ["I want to find it.\nOne way is to factor.\nTo factor $20 !$ …"]
    assert spans(pairs[0], "second") == [
        ("I want to find it.", "0"),
        ("One way is to factor.", "1"),
        ("To factor $20 !$ …", "0"),
    ]
    assert spans(pairs[1], "first") == [] and [r.value for r in pairs[1].ratings] == [-1.0]
    assert [m.text for m in pairs[0].materials] == ["The prime factorization …"]


def test_a_whole_solution_is_compared_by_its_outcome_with_all_of_its_text():
    right = PRM800K | {"label": {"steps": PRM800K["label"]["steps"][:2], "finish_reason": "solution"}}
    right["question"] = PRM800K["question"] | {"pre_generated_steps": None}
    first, second = read(PRM800K, right)
    (pair,) = pairs_of([second])
    assert [(label.annotator, label.kind, label.verdict) for label in pair.labels] == [
        ("outcome", "program", Verdict.SECOND)
    ]
    assert text_of(pair.first)[0].endswith("So it is 320,000.")  # what nobody looked at is there, and has no span
    assert [label for _, label in spans(pair, "first")] == ["0", "1", "-1"]
    assert spans(pair, "second") == [("I want to find it.", "0"), ("One way is to factor.", "1")]


def test_a_step_that_the_labeller_wrote_is_better_than_the_wrong_ones():
    step = {
        "completions": [{"text": "wrong", "rating": -1}],
        "human_completion": {"text": "good", "rating": None},
        "chosen_completion": None,
    }
    row = PRM800K | {"label": {"steps": [step], "finish_reason": "give_up"}}
    (pair,) = pairs_of(read(row))
    assert (text_of(pair.first), text_of(pair.second)) == (["wrong"], ["good"])
    assert [label.verdict for label in pair.labels] == [Verdict.SECOND]


def test_math_shepherd_by_its_last_mark():
    rows = read(shepherd("++-"), shepherd("+-+"), shepherd("+", "Other?"))
    assert outcomes(rows) == {"Auxiliary": 1, "Pairs": 1, "one response": 1}
    (pair,) = pairs_of(rows)
    assert text_of(pair.prompt) == ["How many?"]
    assert text_of(pair.first) == ["Step 1: so +1\nStep 2: so +2\nStep 3: so -3"]
    assert [label.verdict for label in pair.labels] == [Verdict.SECOND]
    assert [label for _, label in spans(pair, "second")] == ["1", "-1", "1"]
    assert {(span.annotator, span.kind, span.attribute) for span in pair.spans} == {("rollouts", "program", "step")}


def test_stepwise_and_process_bench():
    rows = read(stepwise(True, False), stepwise(True, True), annotator="kim", kind="person")
    assert [label.verdict for label in labels_of(rows)] == [Verdict.SECOND]
    assert {(span.annotator, span.kind) for pair in pairs_of(rows) for span in pair.spans} == {("kim", "person")}
    bench = {"id": "g-1", "problem": "Why?", "steps": ["a", "b", "c"], "label": 1, "final_answer_correct": False}
    (pair,) = pairs_of(read(bench, bench | {"label": -1, "steps": ["d"], "final_answer_correct": True}))
    assert spans(pair, "first") == [("a", "1"), ("b", "-1")] and spans(pair, "second") == [("d", "1")]


def test_zero_and_one_are_false_and_true_where_nothing_is_minus_one():
    rows = read(stepwise(1, 0), stepwise(1, 1))
    assert [label.verdict for label in labels_of(rows)] == [Verdict.SECOND]


def test_each_solution_is_compared_with_one_of_the_other_outcome_or_with_all():
    rows = [stepwise(True, n) for n in (True, True, True)] + [stepwise(False), stepwise(True, False)]
    rows = [row | {"completions": [f"{text} of {n}" for text in row["completions"]]} for n, row in enumerate(rows)]
    few, everyone = read(*rows), read(*rows, pairs="all")
    assert len(pairs_of(few)) == 4 and len(pairs_of(everyone)) == 6
    for found in (few, everyone):
        assert outcomes(found) == {"Auxiliary": 3, "Pairs": 2}
        told = [span.text for pair in pairs_of(found) for span in pair.spans]
        assert len(told) == len(set(told)) == 9  # every step once
    assert {label.verdict for label in labels_of(few)} == {Verdict.FIRST}


def test_solutions_of_one_outcome_and_those_of_none_say_nothing_of_each_other():
    assert outcomes(read(stepwise(True), stepwise(True, True))) == {"same outcome": 2}
    unknown = PRM800K | {"label": {"steps": PRM800K["label"]["steps"][:1], "finish_reason": "bad_problem"}}
    assert outcomes(read(unknown)) == {"no outcome": 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (shepherd("++") | {"label": "How many? Step 1: so +1 + and on"}, "unknown label"),
        (shepherd("++") | {"input": "How many?"}, "no steps"),
        (shepherd("+", " "), "empty field"),
        (stepwise(True) | {"labels": []}, "unknown label"),
        (stepwise(2), "unknown label"),
        (stepwise(True, prompt=" "), "empty field"),
        ({"problem": "Why?", "steps": ["a"], "label": 3}, "unknown label"),
        ({"problem": "Why?", "steps": [1], "label": -1}, "wrong type"),
        (PRM800K | {"label": {"steps": [{"completions": [{"text": "x", "rating": 5}]}]}}, "unknown label"),
        (PRM800K | {"label": {"steps": [{"completions": [], "chosen_completion": 3}]}}, "unknown label"),
        ({"text": "x"}, "field missing"),
        ([], "wrong type"),
    ],
)
def test_a_row_that_cannot_be_used_loses_no_other(row, reason):
    rows = read(stepwise(True), row, stepwise(False))
    assert outcomes(rows) == {"Auxiliary": 1, reason: 1, "Pairs": 1}
    assert isinstance(rows[2].outcome, Pairs)


@given(st.lists(st.text(alphabet=" \n\te\u0301abc", max_size=6), min_size=1, max_size=5))
def test_offsets_are_those_of_the_canonical_text(texts):
    rows = read({"prompt": "Why?", "completions": texts, "labels": [True] * len(texts)}, stepwise(False, prompt="Why?"))
    for pair in pairs_of(rows):
        for span in pair.spans:
            (text,) = text_of(getattr(pair, span.of))
            assert canonical_text(text)[span.start : span.end] == span.text == canonical_text(span.text)
