"""MT-bench judgement logs of FastChat's llm_judge: pair verdicts in both orders (Zheng et al. 2023, arXiv:2306.05685).

Judgements (``*pair*.jsonl``) are joined with ``model_answer/`` and with ``question.jsonl`` where it is given; without
it the questions are read from the judge's own prompt. Scores of single answers (``*single*.jsonl``) become ratings of
the pairs that hold these answers, since a score alone compares nothing; scores without such a pair are not kept.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit, SourceFile
from prefcurate.schemas.formats.rows import (
    RowError,
    file_name,
    folder_name,
    input_rows,
    joined_rows,
    text_in,
    user,
    value_in,
)
from prefcurate.schemas.records import (
    Auxiliary,
    GivenLabel,
    GivenMaterial,
    GivenPair,
    GivenRating,
    InputRow,
    Message,
    Order,
    Pairs,
    ParseStatus,
    Verdict,
)

_VERDICTS = {"model_1": Verdict.FIRST, "model_2": Verdict.SECOND, "tie": Verdict.TIE}
_QUESTION = re.compile(r"\[User Question\]\n(.*?)\n\n\[The Start of (?:Reference Answer|Assistant A's Answer)\]", re.S)
_REFERENCE = re.compile(r"\[The Start of Reference Answer\]\n(.*?)\n\[The End of Reference Answer\]", re.S)
_TURN = "\n\n### Assistant A:\n"


class FastchatReader(Reader):
    """Each judgement row is one pair with two verdicts: g1 shows model_1 first, g2 shows model_2 first.

    The winners in the file already name models in both games. `error` is a verdict that could not be read, never a tie.
    A judgement of turn 2 is about two answers and the question between them.
    """

    format: ClassVar[str] = "fastchat"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl",)

    def plan(self, files: Sequence[SourceFile]) -> list[ReadUnit]:
        """Joins answers, questions and single scores into each judgement file."""
        files = sorted(files)
        tables = tuple(file for file in files if _table(file) is not None)
        judgements = [file for file in files if _is_judgement(file)]
        if not judgements:
            raise ValueError("no file is named *pair*.jsonl: judgements of pairs are what this format is about")
        return [ReadUnit(file, tables if file in judgements else ()) for file in files]

    def told_by_address(self, file: SourceFile) -> str | None:
        """Which joined table it is: answers are known by their folder."""
        return _table(file)

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the unit's file, in file order."""
        side = _Side.load(unit.joined, open_file) if _is_judgement(unit.file) else _Side()
        with open_file(unit.file) as stream:
            yield from input_rows(stream, lambda row: _outcome(row, side))


Table = Literal["answers", "questions", "scores"]


def _table(file: SourceFile) -> Table | None:
    """Which joined table a file is by its name; None for judgements of pairs and for what is only kept along."""
    name = file_name(file)
    if folder_name(file) == "model_answer":
        return "answers"
    if "single" in name:
        return "scores"
    return "questions" if name.startswith("question") else None


def _is_judgement(file: SourceFile) -> bool:
    return _table(file) is None and "pair" in file_name(file)


@dataclass(frozen=True, slots=True)
class _Side:
    """What is joined: turns of a model's answer, turns of a question, ratings of a model's answer at a turn."""

    answers: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    questions: dict[str, list[str]] = field(default_factory=dict)
    scores: dict[tuple[str, str, int], list[Mapping[str, Any]]] = field(default_factory=dict)

    @classmethod
    def load(cls, files: tuple[SourceFile, ...], open_file: Opener) -> "_Side":
        side = cls()
        for file in files:
            table = _table(file)
            for row in joined_rows((file,), open_file):
                question, model = str(row.get("question_id")), str(row.get("model_id", row.get("model")))
                if table == "answers" and (turns := _turns(row)):
                    side.answers.setdefault((model, question), turns)
                elif table == "questions" and (turns := _strings(row.get("turns"))):
                    side.questions.setdefault(question, turns)
                elif table == "scores" and isinstance(row.get("turn"), int):
                    side.scores.setdefault((model, question, row["turn"]), []).append(row)
        return side

    def answer(self, model: str, question: str, turn: int) -> list[str]:
        turns = self.answers.get((model, question), [])
        if len(turns) < turn:
            raise RowError(
                "response text missing", f"there is no answer of {model} to question {question}, turn {turn}"
            )
        return turns[:turn]


def _turns(row: Mapping[str, Any]) -> list[str]:
    choices = row.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return _strings(first.get("turns")) if isinstance(first, dict) else []


def _strings(value: Any) -> list[str]:
    return value if isinstance(value, list) and all(isinstance(text, str) for text in value) else []


def _outcome(row: Mapping[str, Any], side: _Side) -> Pairs | Auxiliary:
    if "g1_winner" in row:
        return Pairs((_pair(row, side),))
    if any(key in row for key in ("choices", "turns", "prompt_template", "score")):
        return Auxiliary()
    raise RowError("row not recognised", "it is none of judgement, answer, question, score and judge prompt")


def _pair(row: Mapping[str, Any], side: _Side) -> GivenPair:
    question, turn = str(value_in(row, "question_id")), row.get("turn", 1)
    if type(turn) is not int or turn not in (1, 2):
        raise RowError("wrong type", f"'turn' is {turn!r}; it should be 1 or 2")
    first, second = text_in(row, "model_1"), text_in(row, "model_2")
    answers = side.answer(first, question, turn), side.answer(second, question, turn)
    asked = side.questions.get(question, [])[:turn]
    if len(asked) < turn:
        asked = _asked(text_in(row, "g1_user_prompt"), turn, answers[0])
    return GivenPair(
        user(asked[0]),
        _conversation(asked, answers[0]),
        _conversation(asked, answers[1]),
        labels=tuple(_verdicts(row)),
        ratings=tuple(_ratings(side.scores, (first, second), question, turn)),
        materials=_reference(row),
        model_first=first,
        model_second=second,
    )


def _asked(prompt: str, turn: int, answers: Sequence[str]) -> list[str]:
    """The questions as the judge's prompt gives them (judge_prompts.jsonl holds its templates)."""
    if turn == 1:
        match = _QUESTION.search(prompt)
        if match is not None:
            return [match[1]]
    else:
        _, _, rest = prompt.partition("### User:\n")
        first, found, rest = rest.partition(_TURN + answers[0] + "\n\n### User:\n")
        second, found_2, _ = rest.partition(_TURN + answers[1])
        if found and found_2:
            return [first, second]
    raise RowError(
        "prompt text missing", "no question file is given, and the judge's prompt does not show the question"
    )


def _conversation(asked: Sequence[str], answers: Sequence[str]) -> tuple[Message, ...]:
    """The answers with the questions after the first between them; the first question is the prompt."""
    messages = [Message.of_text("assistant", answers[0])]
    for question, answer in zip(asked[1:], answers[1:], strict=True):
        messages += [Message.of_text("user", question), Message.of_text("assistant", answer)]
    return tuple(messages)


def _verdicts(row: Mapping[str, Any]) -> Iterator[GivenLabel]:
    judge = row.get("judge")
    name = judge[0] if isinstance(judge, list) and judge else judge
    if not isinstance(name, str):
        raise RowError("wrong type", "'judge' should name the judge")
    for game, order in (("g1", Order.FIRST_SHOWN_FIRST), ("g2", Order.SECOND_SHOWN_FIRST)):
        winner = row.get(f"{game}_winner")
        if winner is None:
            continue
        text = row.get(f"{game}_judgment")
        text = text if isinstance(text, str) else None
        verdict, status = _verdict(winner)
        yield GivenLabel(name, "llm_judge", verdict, order, rationale=text, raw_output=text, parse_status=status)


def _verdict(winner: Any) -> tuple[Verdict | None, ParseStatus]:
    if winner == "error":
        return None, "unparsed"
    verdict = _VERDICTS.get(winner) if isinstance(winner, str) else None
    if verdict is None:
        raise RowError("unknown label", f"the winner is {winner!r}; it should be model_1, model_2, tie or error")
    return verdict, "ok"


def _ratings(
    scores: Mapping[tuple[str, str, int], Sequence[Mapping[str, Any]]],
    models: tuple[str, str],
    question: str,
    turn: int,
) -> Iterator[GivenRating]:
    """A score of -1 is FastChat's mark of an answer that could not be read."""
    sides: tuple[Literal["first", "second"], ...] = ("first", "second")
    for of, model in zip(sides, models, strict=True):
        for row in scores.get((model, question, turn), ()):
            judge, score, text = row.get("judge"), row.get("score"), row.get("judgment")
            name = judge[0] if isinstance(judge, list) and judge else judge
            if isinstance(name, str) and isinstance(score, int | float) and 1 <= score <= 10:
                rationale = text if isinstance(text, str) else None
                yield GivenRating(of, name, "llm_judge", "overall", float(score), 1, 10, rationale=rationale)


def _reference(row: Mapping[str, Any]) -> tuple[GivenMaterial, ...]:
    prompt = row.get("g1_user_prompt")
    match = _REFERENCE.search(prompt) if isinstance(prompt, str) else None
    return (GivenMaterial("reference", match[1]),) if match is not None and match[1].strip() else ()
