"""Position-Bias-Analyzer: judges' verdicts on MT-bench conversations, both orders, repeated (Shi et al. 2024, arXiv:2406.07791).

Tab-separated, each field quoted; the last column is named by the judge and holds its text, which ends in [[A]], [[B]]
or [[C]]. A is what was shown first. The repetition is in the name of the folder (``Repetition2-…``).
"""

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit, SourceFile
from prefcurate.schemas.formats.cells import cell_records, is_broken
from prefcurate.schemas.formats.rows import RowError, bracket_verdict, raw_of, text_in, user
from prefcurate.schemas.records import (
    GivenLabel,
    GivenMaterial,
    GivenPair,
    InputRow,
    Message,
    Order,
    Pairs,
    Unreadable,
)

COLUMNS = ("question_1", "question_2", "answer1_1", "answer1_2", "answer2_1", "answer2_2", "A", "B")
_NOT_JUDGES = (*COLUMNS, "cmp_index", "reference_answer_1", "reference_answer_2", "evaluating_guidance", "task")
_REPETITION = re.compile(r"[Rr]epetition[_-]?(\d+)")


class PositionBiasReader(Reader):
    """Each record is one verdict of one judge; the other order and the other repetitions are rows of their own.

    Prompt is the first question; a response is the answer, the second question and the answer to it. `line` is the
    line that the record starts on. Repetition 1 is sample 0.
    """

    format: ClassVar[str] = "position_bias"
    suffixes: ClassVar[tuple[str, ...]] = (".tsv",)

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every record of the unit's file, in file order."""
        sample = _sample(unit.file)
        with open_file(unit.file) as stream:
            header: list[str] | None = None
            for record in cell_records(stream, "\t"):
                if record.problem is not None:
                    reason, detail = record.problem.reason, record.problem.detail
                    yield InputRow(record.line, [reason, detail, record.line], record.problem, raw=raw_of(record.cells))
                elif header is None:
                    header = record.cells
                else:
                    yield _row(record.line, header, record.cells, sample)

    def told_by_address(self, file: SourceFile) -> int:
        """The sample: which repetition the name of its folder, or its own name, says."""
        return _sample(file)


def _sample(file: SourceFile) -> int:
    # The nearest folder counts: a folder further up, of whoever keeps the data, may be called so too.
    found = _REPETITION.findall(file.address)
    return max(0, int(found[-1]) - 1) if found else 0


def _row(line: int, header: list[str], record: list[str], sample: int) -> InputRow:
    identity = [sample, [text.encode("utf-8", "backslashreplace").decode() for text in record]]
    try:
        outcome: Pairs | Unreadable = Pairs((_pair(header, record, sample),))
    except RowError as error:
        outcome = Unreadable(error.reason, error.detail)
    return InputRow(line, [header[-1], *identity], outcome, raw=raw_of(record))


def _pair(header: list[str], record: list[str], sample: int) -> GivenPair:
    if len(record) != len(header):
        raise RowError("wrong number of columns", f"{len(record)} fields under {len(header)} column names")
    if any(map(is_broken, record)):
        raise RowError("not UTF-8", "the record holds bytes that are no text")
    row = dict(zip(header, record, strict=True))
    missing = [name for name in COLUMNS if name not in row]
    if missing or header[-1] in _NOT_JUDGES:
        raise RowError("field missing", f"columns {', '.join(missing) or 'of a judge'} are not in the header")
    return GivenPair(
        user(text_in(row, "question_1", empty=False)),
        _response(row, "answer1"),
        _response(row, "answer2"),
        labels=(_verdict(header[-1], row[header[-1]], sample),),
        materials=_reference(row),
        model_first=row["A"],
        model_second=row["B"],
    )


def _response(row: Mapping[str, str], answer: str) -> tuple[Message, ...]:
    first = Message.of_text("assistant", row[f"{answer}_1"])
    if not row["question_2"].strip():
        return (first,)
    return first, Message.of_text("user", row["question_2"]), Message.of_text("assistant", row[f"{answer}_2"])


def _verdict(judge: str, text: str, sample: int) -> GivenLabel:
    parsed = bracket_verdict(text)
    return GivenLabel(
        judge,
        "llm_judge",
        parsed.verdict,
        Order.FIRST_SHOWN_FIRST,
        sample=sample,
        rationale=text or None,
        raw_output=text,
        parse_status=parsed.status,
    )


def _reference(row: Mapping[str, str]) -> tuple[GivenMaterial, ...]:
    """The reference answers to both questions as one text; only questions of mathematics and the like have them."""
    texts = [row.get(name, "").strip() for name in ("reference_answer_1", "reference_answer_2")]
    found = "\n\n".join(text for text in texts if text)
    return (GivenMaterial("reference", found),) if found else ()
