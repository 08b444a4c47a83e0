"""PRD's Vicuna80: answers of five models, votes of people and verdicts of five judges (Li et al. 2023, arXiv:2307.02762).

The comparison lies in a file's name, ``ratings-{who}/answer_{model1}-vs-answer_{model2}-{who}-reviewer….jsonl``; answers
and questions are joined from ``generations/`` and ``prompts/``. Choose votes or verdicts by `path`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit, SourceFile
from prefcurate.schemas.formats.rows import (
    RowError,
    assistant,
    auxiliary,
    file_name,
    folder_name,
    input_rows,
    joined_rows,
    text_in,
    user,
    value_in,
)
from prefcurate.schemas.records import Auxiliary, GivenLabel, GivenPair, InputRow, Order, Pairs, Unreadable, Verdict

_RATINGS = re.compile(r"answer[_-](?P<first>.+?)-vs-answer[_-](?P<second>.+)-reviewer(?:[_-]threeclass)?\.jsonl$")
_ANSWERS = re.compile(r"answer_(?P<model>.+)\.jsonl$")
_PEOPLE = "human"
_VERDICTS = {1: Verdict.FIRST, 2: Verdict.SECOND, 3: Verdict.TIE}


@dataclass(frozen=True, slots=True)
class _Ratings:
    """What a ratings file's name says. `sample` 1 is a judge's second run, whose file is named with ``-`` for ``_``."""

    who: str
    first: str
    second: str
    sample: int

    @classmethod
    def of(cls, file: SourceFile) -> "_Ratings | None":
        match = _RATINGS.match(file_name(file))
        who = folder_name(file).removeprefix("ratings-")
        if match is None or not match["second"].endswith(f"-{who}"):
            return None
        second = match["second"].removesuffix(f"-{who}")
        return cls(who, match["first"], second, int(file_name(file).startswith("answer-")))

    def reversed_of(self, other: "_Ratings | None") -> bool:
        return other is not None and (other.who, other.first, other.second) == (self.who, self.second, self.first)


class PrdReader(Reader):
    """Each row of a ratings file is one vote or verdict; answers and questions are joined into it.

    Judges were shown model1's answer first. People saw each pair in one random order: their votes on a question lie
    in the file of that order alone, so files that come in both directions tell the order; where only one direction
    exists (Claude's), nothing says that the order was varied, and it is unknown. A judge's empty text carries
    score 3 in the source, which is a failed call and not a tie.
    """

    format: ClassVar[str] = "prd"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl",)

    def plan(self, files: Sequence[SourceFile]) -> list[ReadUnit]:
        """Joins the two models' answers and the questions into each ratings file."""
        files = sorted(files)
        ratings = {file: named for file in files if (named := _Ratings.of(file)) is not None}
        if not ratings:
            raise ValueError("no file is named ratings-{who}/answer_{model1}-vs-answer_{model2}-{who}-reviewer….jsonl")
        return [ReadUnit(file, _joined(file, ratings, files)) for file in files]

    def told_by_address(self, file: SourceFile) -> list[Any]:
        """Who rated, or whether it is joined: the folder says it."""
        named = _Ratings.of(file)
        return [None if named is None else named.who, _is_joinable(file)]

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the unit's file, in file order."""
        named = _Ratings.of(unit.file)
        if named is None:
            with open_file(unit.file) as stream:
                yield from input_rows(stream, auxiliary if _is_joinable(unit.file) else _unknown_file)
            return
        side = _Side.load(named, unit.joined, open_file)
        about = {"who": named.who, "first": named.first, "second": named.second, "sample": named.sample}
        with open_file(unit.file) as stream:
            yield from input_rows(stream, lambda row: _pair(row, named, side), about, row_id="review_id")


def _joined(
    file: SourceFile, ratings: Mapping[SourceFile, _Ratings], files: Sequence[SourceFile]
) -> tuple[SourceFile, ...]:
    named = ratings.get(file)
    if named is None:
        return ()
    answers = {f"answer_{named.first}.jsonl", f"answer_{named.second}.jsonl"}
    tables = [f for f in files if f not in ratings and (file_name(f) in answers or "questions" in file_name(f))]
    twin = [f for f in files if named.who == _PEOPLE and named.reversed_of(ratings.get(f))]
    return (*tables, *twin)


def _is_joinable(file: SourceFile) -> bool:
    return folder_name(file) in ("prompts", "prompt", "generations")


def _unknown_file(_: Mapping[str, Any]) -> Unreadable:
    return Unreadable("file not recognised", "the name is none of answers, questions and ratings of one pair of models")


@dataclass(frozen=True, slots=True)
class _Side:
    """What is joined: answer texts by id and by (model, question), question texts, the order people saw."""

    by_id: Mapping[str, str]
    by_question: Mapping[tuple[str, Any], str]
    questions: Mapping[Any, str]
    people_order: Order

    @classmethod
    def load(cls, named: _Ratings, files: tuple[SourceFile, ...], open_file: Opener) -> "_Side":
        by_id: dict[str, str] = {}
        by_question: dict[tuple[str, Any], str] = {}
        questions: dict[Any, str] = {}
        tables = tuple(file for file in files if _Ratings.of(file) is None)
        for file in tables:
            match = _ANSWERS.match(file_name(file))
            for row in joined_rows((file,), open_file):
                text, question = row.get("text"), row.get("question_id")
                if not isinstance(text, str) or not isinstance(question, int | str):
                    continue
                if match is None:
                    questions.setdefault(question, text)
                else:
                    by_id.setdefault(str(row.get("answer_id")), text)
                    by_question.setdefault((match["model"], question), text)
        both_directions = len(tables) < len(files)
        return cls(by_id, by_question, questions, Order.FIRST_SHOWN_FIRST if both_directions else Order.UNKNOWN)

    def answer(self, row: Mapping[str, Any], key: str, model: str, question: Any) -> str:
        given = row.get(key)
        text = self.by_question.get((model, question)) if given is None else self.by_id.get(str(given))
        if text is None:
            raise RowError("response text missing", f"there is no answer of {model} to question {question}")
        return text


def _pair(row: Mapping[str, Any], named: _Ratings, side: _Side) -> Pairs | Auxiliary:
    question = value_in(row, "question_id")
    if not isinstance(question, int | str):
        raise RowError("wrong type", "'question_id' should be a number or text")
    first = side.answer(row, "answer1_id", named.first, question)
    second = side.answer(row, "answer2_id", named.second, question)
    prompt = side.questions.get(question) or (text_in(row, "text") if named.who == _PEOPLE else "")
    if not prompt.strip():
        raise RowError("prompt text missing", f"there is no question {question}")
    label = _vote(row, side.people_order) if named.who == _PEOPLE else _verdict(row, named)
    pair = GivenPair(
        user(prompt),
        assistant(first),
        assistant(second),
        labels=(label,),
        model_first=named.first,
        model_second=named.second,
    )
    return Pairs((pair,))


def _vote(row: Mapping[str, Any], order: Order) -> GivenLabel:
    score = _VERDICTS.get(_score(row))
    if score is None:
        raise RowError("unknown label", f"'score' is {row.get('score')!r}; it should be 1, 2 or 3")
    return GivenLabel("anonymous", "person", score, order=order)


def _verdict(row: Mapping[str, Any], named: _Ratings) -> GivenLabel:
    text = text_in(row, "text")
    verdict = _VERDICTS.get(_score(row)) if text.strip() else None
    return GivenLabel(
        named.who,
        "llm_judge",
        verdict,
        order=Order.FIRST_SHOWN_FIRST,
        sample=named.sample,
        rationale=text or None,
        raw_output=text,
        parse_status="ok" if verdict else "unparsed" if text.strip() else "empty",
    )


def _score(row: Mapping[str, Any]) -> int:
    score = value_in(row, "score")
    if isinstance(score, str) and score.strip().isdecimal():
        return int(score)
    return score if isinstance(score, int) and not isinstance(score, bool) else 0
