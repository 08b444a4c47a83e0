"""Prometheus' evaluation data: rated answers inside judge prompts, and HHH pairs (Kim et al. 2023, arXiv:2310.08491).

`vicuna_eval.json` and `mt_bench_eval.json` have a row for each question and model: `instruction` is the whole prompt of the judge, with the
question, the answer, a reference answer and the rubric under headings of their own, and `gpt4_score` and `gpt4_feedback` are three samples
of GPT-4's opinion on the answer alone. Answers to one question (`idx`) are a set. `hhh_alignment_eval.json` has pairs of such prompts.
(https://github.com/prometheus-eval/prometheus-eval, eval/benchmark/data)

A question of MT-bench is the second of a dialogue, whose first answer is the model's own: there the prompt is the first question, and a
response is all that follows, as in `position_bias`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any, ClassVar

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.formats.gather import gathered
from prefcurate.schemas.formats.lines import JsonRow, json_rows
from prefcurate.schemas.formats.mapping_pairs import PairBuilder
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.formats.rows import (
    Outcome,
    RowError,
    assistant,
    input_row,
    list_in,
    object_of,
    text_in,
    user,
    value_in,
)
from prefcurate.schemas.records import GivenLabel, GivenMaterial, GivenPair, InputRow, Pairs, Unreadable, Verdict

JUDGE, AUTHORS = "gpt-4", "authors"
SCALE = (1, 5)
_HEADINGS = {
    "question": "###The instruction to evaluate:",
    "answer": "###Response to evaluate:",
    "reference": "###Reference Answer (Score 5):",
    "rubric": "###Score Rubrics:",
    "end": "###Feedback:",
}
_SPLIT = re.compile(f"(?:^|\n\n)({'|'.join(map(re.escape, _HEADINGS.values()))})[ \n]?")
_DIALOGUE = re.compile(
    r"Here is a previous dialogue[^\n]*\nUser: (.*?)\n\nAssistant:(.*)\n\nUser: (.*?)\n\nAssistant:\s*$", re.S
)


class PrometheusReader(Reader):
    """Each rated answer is a row; it is compared with those to the same question before it, once for each sample of the judge.

    Of an HHH row the first response is the chosen one. Words on one answer stay with its rating.
    """

    format: ClassVar[str] = "prometheus"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl")

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the unit's file, in file order; a file of rated answers is read twice."""

        def rows() -> Iterator[JsonRow]:
            with open_file(unit.file) as stream:
                yield from json_rows(stream)

        if any(isinstance(row.value, dict) and "chosen_instruction" in row.value for row in islice(rows(), 1)):
            yield from (input_row(row, _hhh) for row in rows())
            return
        yield from gathered(_builder(), lambda: map(_recast, rows()), columns=False)


@cache
def _builder() -> PairBuilder:
    score = {
        "each": "scores",
        "path": "value",
        "sample": "@index",
        "rationale": "feedback",
        "scale": SCALE,
        "annotator": {"constant": JUDGE},
        "kind": {"constant": "llm_judge"},
    }
    responses = {"text": "conversation", "model": "model", "ratings": score}
    return PairBuilder(
        Fields.model_validate(
            {"responses": responses, "group_by": "question", "reference": "reference", "rubric": "rubric"}
        )
    )


def _recast(row: JsonRow) -> JsonRow:
    """A rated answer with what stands in its judge prompt as fields."""
    if row.problem is not None:
        return row
    try:
        return replace(row, value=_rated(object_of(row.value, "the row")))
    except RowError as error:
        return JsonRow(row.line, None, row.raw, Unreadable(error.reason, error.detail))


def _rated(row: Mapping[str, Any]) -> dict[str, Any]:
    told = _sections(text_in(row, "instruction"))
    scores, feedback = list_in(row, "gpt4_score"), list_in(row, "gpt4_feedback")
    if len(scores) != len(feedback):
        raise RowError("unknown label", f"{len(scores)} scores with {len(feedback)} texts; each sample has both")
    dialogue = _DIALOGUE.match(told["question"])
    turns = [told["question"]] if dialogue is None else [text.strip() for text in dialogue.groups()]
    # In a dialogue the first question and the one asked now are everybody's; what was answered between is the model's own.
    question = [value_in(row, "idx"), *turns[::2]]
    roles = ("user", "assistant")
    return {
        "question": question,
        "conversation": [
            {"role": roles[number % 2], "content": text} for number, text in enumerate([*turns, told["answer"]])
        ],
        "model": row.get("response_source"),
        "reference": told.get("reference"),
        "rubric": told["rubric"],
        "scores": [{"value": _score(s), "feedback": text} for s, text in zip(scores, feedback, strict=True)],
    }


def _score(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not SCALE[0] <= given <= SCALE[1]:
        raise RowError("unknown label", f"a score is {given!r}; it should be a number from {SCALE[0]} to {SCALE[1]}")
    return given


def _sections(prompt: str) -> dict[str, str]:
    """What stands under the headings of a judge's prompt.

    Raises:
        RowError: a heading is not there, or twice, so that nobody knows what is whose.
    """
    _, *pieces = _SPLIT.split(prompt)
    names = {heading: name for name, heading in _HEADINGS.items()}
    found = [names[heading] for heading in pieces[::2]]
    if found not in (["question", "answer", "reference", "rubric", "end"], ["question", "answer", "rubric", "end"]):
        raise RowError(
            "no judge prompt", f"the headings are {', '.join(found) or 'none'}; known are {', '.join(_HEADINGS)}"
        )
    return dict(zip(found, (text.strip() for text in pieces[1::2]), strict=True))


def _hhh(row: Mapping[str, Any]) -> Outcome:
    chosen, rejected = (_sections(text_in(row, f"{side}_instruction")) for side in ("chosen", "rejected"))
    if chosen["question"] != rejected["question"]:
        raise RowError("prompts differ", "the two judge prompts ask about different questions")
    pair = GivenPair(
        user(chosen["question"]),
        assistant(chosen["answer"]),
        assistant(rejected["answer"]),
        labels=(GivenLabel(AUTHORS, "person", Verdict.FIRST),),
        materials=(GivenMaterial("rubric", chosen["rubric"]),),
    )
    return Pairs((pair,))
