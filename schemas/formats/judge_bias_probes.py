"""Answers with a planted error, reference, formatting or gender bias beside an answer without (Chen et al. 2024, arXiv:2402.10669).

One JSON object on each line of `factual_error.json`, `gender.json`, `reference.json`, `rich_content.json` and the control `raw.json`
(https://github.com/FreedomIntelligence/Humans_LLMs_Judgement_Bias): `answers.answer1` and `answers.answer2`, of which one has a `perturb`.
Which of them is edited differs from row to row, but for gender, where it is always the first.

These were made as probes of judges. They are read as data (origin `data`), not as this project's own probes: those are planted into the
questions that a run asks, while these are comparisons that somebody chose to list as a source, to be counted, judged and shown.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.formats.rows import assistant, input_rows, object_of, text_in, user, value_in
from prefcurate.schemas.records import GivenLabel, GivenPair, InputRow, Pairs, Verdict

ANNOTATOR = "construction"
ERROR = "factual_error"
"""The only edit that makes an answer wrong by construction: a reference or formatting may please, and gender bias is a matter of judgement."""


class JudgeBiasProbesReader(Reader):
    """Each row is one pair in its own order; the one with a planted error loses by construction, the others have no label.

    The edit stands in the name of the edited answer's model: `gpt-4+reference`.
    """

    format: ClassVar[str] = "judge_bias_probes"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl")

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the unit's file, in file order."""
        with open_file(unit.file) as stream:
            yield from input_rows(stream, _pair, row_id="question_id")


def _pair(row: Mapping[str, Any]) -> Pairs:
    answers = object_of(value_in(row, "answers"), "'answers'")
    first, second = (object_of(value_in(answers, key), f"'{key}'") for key in ("answer1", "answer2"))
    pair = GivenPair(
        user(text_in(row, "prompt", empty=False)),
        assistant(text_in(first, "answer")),
        assistant(text_in(second, "answer")),
        labels=tuple(_labels(_edit(first), _edit(second))),
        model_first=_model(row, _edit(first)),
        model_second=_model(row, _edit(second)),
    )
    return Pairs((pair,))


def _edit(answer: Mapping[str, Any]) -> str:
    """What was done to an answer; empty for nothing."""
    return text_in(answer, "perturb").strip() if "perturb" in answer else ""


def _labels(first: str, second: str) -> Iterator[GivenLabel]:
    if (first == ERROR) != (second == ERROR):
        yield GivenLabel(ANNOTATOR, "program", Verdict.SECOND if first == ERROR else Verdict.FIRST)


def _model(row: Mapping[str, Any], edit: str) -> str | None:
    model = row.get("model_id")
    if not isinstance(model, str) or not model:
        return None
    return f"{model}+{edit}" if edit else model
