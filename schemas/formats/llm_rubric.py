"""LLM-Rubric: whole dialogues rated on nine questions, each alone (Hashemi et al. 2024, arXiv:2501.00274).

``human_judges_*.tsv`` has a row for each person and dialogue with Q0 (overall) to Q8 from 1 to 4, 0 where a question does not apply, or
nothing; ``gpt-*_evaluations*.tsv`` a row for each dialogue and question with a judge's sample and a probability of each score;
``real_data.json`` the messages of the real dialogues, ``*_dialogue_ids.tsv`` lists (https://github.com/microsoft/LLM-Rubric).

Nothing here can be compared. Two dialogues are not two answers to one prompt: each user said something else from the first turn on, and what
was rated is the dialogue as a whole. So every rating goes to quarantine and says why; no comparison is made up.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit, SourceFile
from prefcurate.schemas.formats.cells import cell_records
from prefcurate.schemas.formats.gather import ALONE
from prefcurate.schemas.formats.rows import RowError, auxiliary, file_name, input_rows, joined_rows, raw_of, text_in
from prefcurate.schemas.records import Auxiliary, InputRow, Unreadable

QUESTIONS = tuple(f"Q{number}" for number in range(9))
_PROBABILITIES = tuple(f"answer{score}_prob" for score in range(1, 5))


class LlmRubricReader(Reader):
    """Each rating is a row that cannot be used, with what it says; dialogues and lists of ids are joined into it."""

    format: ClassVar[str] = "llm_rubric"
    suffixes: ClassVar[tuple[str, ...]] = (".tsv", ".json")

    def plan(self, files: Sequence[SourceFile]) -> list[ReadUnit]:
        """Joins the dialogues into each table, to know of which there is a text."""
        files = sorted(files)
        dialogues = tuple(file for file in files if file_name(file).endswith(".json"))
        return [ReadUnit(file, () if file in dialogues else dialogues) for file in files]

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the unit's file, in file order."""
        if file_name(unit.file).endswith(".json"):
            with open_file(unit.file) as stream:
                yield from input_rows(stream, auxiliary, row_id="_id")
            return
        known = {row.get("_id") for row in joined_rows(unit.joined, open_file)}
        with open_file(unit.file) as stream:
            header: list[str] | None = None
            for record in cell_records(stream, "\t"):
                if record.problem is not None:
                    identity = [record.problem.reason, record.line]
                    yield InputRow(record.line, identity, record.problem, raw=raw_of(record.cells))
                elif header is None:
                    header = record.cells
                else:
                    yield _row(record.line, header, record.cells, known)


def _row(line: int, header: list[str], cells: list[str], known: set[Any]) -> InputRow:
    outcome: Auxiliary | Unreadable
    try:
        if len(cells) != len(header):
            raise RowError("ragged row", f"{len(cells)} cells where the header has {len(header)}")
        outcome = Auxiliary() if header == ["text_id"] else _alone(dict(zip(header, cells, strict=True)), known)
    except RowError as error:
        outcome = Unreadable(error.reason, error.detail)
    storable = [text.encode("utf-8", "backslashreplace").decode() for text in cells]
    return InputRow(line, [header[-1], storable], outcome, raw=raw_of(cells))


def _alone(row: Mapping[str, str], known: set[Any]) -> Unreadable:
    dialogue = text_in(row, "text_id", empty=False)
    told = ", ".join(
        f"{name} {'does not apply' if value is None else f'{value:g}'}" for name, value in said(row).items()
    )
    if dialogue not in known:
        return Unreadable("response text missing", f"there is no text of the dialogue {dialogue!r} ({told})")
    detail = f"the dialogue {dialogue!r} is rated as a whole ({told}); no other answers the same prompt"
    return Unreadable(ALONE, detail)


def said(row: Mapping[str, str]) -> dict[str, float | None]:
    """The ratings of a row by question: a person's, or a judge's mean; None where a question does not apply, absent where blank.

    Raises:
        RowError: a rating is none of 0 to 4, or a judge's probabilities are none.
    """
    if "criterion" in row:
        shares = [_number(row, name) for name in _PROBABILITIES]
        if not all(0 <= share <= 1 for share in shares):
            raise RowError("unknown label", f"{', '.join(_PROBABILITIES)} should be from 0 to 1")
        return {row["criterion"]: sum(score * share for score, share in enumerate(shares, start=1))}
    values = {name: _number(row, name) for name in QUESTIONS if text_in(row, name).strip()}
    wrong = [name for name, value in values.items() if value not in (0, 1, 2, 3, 4)]
    if wrong:
        raise RowError(
            "unknown label", f"{wrong[0]} is {row[wrong[0]]!r}; it should be 1 to 4, or 0 for not applicable"
        )
    return {name: value or None for name, value in values.items()}


def _number(row: Mapping[str, str], name: str) -> float:
    try:
        return float(text_in(row, name))
    except ValueError as error:
        raise RowError("unknown label", f"{name} is {row[name]!r}, which is no number") from error
