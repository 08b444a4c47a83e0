"""Position-Bias-Analyzer: judges' verdicts on MT-bench conversations, both orders, repeated (Shi et al. 2024, arXiv:2406.07791).

Tab-separated, each field quoted; the last column is named by the judge and holds its text, which ends in [[A]], [[B]]
or [[C]]. A is what was shown first. The repetition is in the name of the folder (``Repetition2-…``).
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, ClassVar

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.formats.lines import MAX_ROW_BYTES, Guarded
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

if TYPE_CHECKING:
    import _csv

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
        match = _REPETITION.search(unit.file.uri)
        sample = max(0, int(match[1]) - 1) if match is not None else 0
        with open_file(unit.file) as stream:
            header: list[str] | None = None
            for line, record in records(stream):
                if isinstance(record, Unreadable):
                    yield InputRow(line, [record.reason, record.detail, line], record)
                elif header is None:
                    header = record
                else:
                    yield _row(line, header, record, sample)


Record = list[str] | Unreadable


def records(stream: IO[bytes]) -> Iterator[tuple[int, Record]]:
    """Records of a tab-separated file with the line each starts on; bytes that are no UTF-8 come as lone surrogates.

    Where the file breaks off, the record before the break is not trusted: its last field may be cut.
    """
    guard = Guarded(stream)
    text = io.TextIOWrapper(io.BufferedReader(guard), "utf-8-sig", errors="surrogateescape", newline="")
    csv.field_size_limit(MAX_ROW_BYTES)
    line, last = 1, None
    for item in _records(csv.reader(text, delimiter="\t", strict=True)):
        if last is not None:
            yield line, last
        line, last = item
    if guard.problem is not None:
        yield line, guard.problem
    elif last is not None:
        yield line, last


def _records(reader: "_csv.Reader") -> Iterator[tuple[int, Record]]:
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Unreadable("bad TSV", f"{error}, in the record that starts here")
            continue
        if record:
            yield line, record


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
    if any(not text.isascii() and _broken(text) for text in record):
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


def _broken(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


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
