"""Auto-J's pairwise test: a person's label and one judge's verdicts in both orders (Li et al. 2023, arXiv:2310.05470).

``test/testdata_pairwise.jsonl`` holds the pairs, ``outputs/pairwise_{judge}_output.jsonl`` a verdict on each line for the pair on the same
line, ``outputs/pairwise_exchange_{judge}_output.jsonl`` those of the other order (https://github.com/GAIR-NLP/auto-j). 0 is the first
response, 1 the second, 2 a tie; in the other order "first" is what was shown first: the second response of the pair.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit, SourceFile
from prefcurate.schemas.formats.lines import json_rows
from prefcurate.schemas.formats.rows import (
    Outcome,
    RowError,
    assistant,
    auxiliary,
    file_name,
    input_row,
    text_in,
    user,
    value_in,
)
from prefcurate.schemas.records import Auxiliary, GivenLabel, GivenPair, InputRow, Order, Pairs, Verdict

ANNOTATOR = "anonymous"
_OUTPUT = re.compile(r"pairwise_(?P<exchange>exchange_)?(?P<judge>.+)_output\.jsonl$")
_VERDICTS = {0: Verdict.FIRST, 1: Verdict.SECOND, 2: Verdict.TIE}
_EXCHANGED = {0: Verdict.SECOND, 1: Verdict.FIRST, 2: Verdict.TIE}


@dataclass(frozen=True, slots=True)
class _Output:
    """What the name of a file of verdicts says. The judge of the published files, called `example`, is Auto-J itself."""

    judge: str
    exchanged: bool

    @classmethod
    def of(cls, file: SourceFile) -> "_Output | None":
        match = _OUTPUT.match(file_name(file))
        if match is None:
            return None
        return cls("auto-j" if match["judge"] == "example" else match["judge"], match["exchange"] is not None)

    def label(self, row: Mapping[str, Any]) -> GivenLabel:
        """A verdict about the pair as its file has it; what is none of 0, 1 and 2 could not be read."""
        given = row.get("output")
        known = given if type(given) is int else -1
        verdict = (_EXCHANGED if self.exchanged else _VERDICTS).get(known)
        return GivenLabel(
            self.judge,
            "llm_judge",
            verdict,
            order=Order.SECOND_SHOWN_FIRST if self.exchanged else Order.FIRST_SHOWN_FIRST,
            raw_output=str(given),
            parse_status="ok" if verdict else "unparsed",
        )


_Said = tuple[_Output, Mapping[int, Mapping[str, Any]]]
"""A judge's verdicts in one order, by line."""


class AutoJReader(Reader):
    """Each row of the test data is one pair with a person's label; rows of verdicts are joined into it by their line."""

    format: ClassVar[str] = "auto_j"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl",)

    def plan(self, files: Sequence[SourceFile]) -> list[ReadUnit]:
        """Joins all verdicts into the pairs, and the pairs into each file of verdicts, to know which lines there are."""
        files = sorted(files)
        outputs = tuple(file for file in files if _Output.of(file) is not None)
        pairs = [file for file in files if file not in outputs]
        if len(pairs) != 1:
            raise ValueError(
                f"{len(pairs)} files besides pairwise_…_output.jsonl; verdicts are joined by line into one file of pairs"
            )
        return [ReadUnit(file, outputs if file in pairs else tuple(pairs)) for file in files]

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the unit's file, in file order."""
        named = _Output.of(unit.file)
        if named is None:
            said = [(output, _by_line(file, open_file)) for file in unit.joined if (output := _Output.of(file))]
            with open_file(unit.file) as stream:
                for row in json_rows(stream):
                    yield input_row(row, partial(_pair, line=row.line, said=said))
            return
        lines = _by_line(unit.joined[0], open_file)
        about = [named.judge, named.exchanged]
        with open_file(unit.file) as stream:
            for row in json_rows(stream):
                yield input_row(row, auxiliary if row.line in lines else _orphan, [*about, row.line])


def _by_line(file: SourceFile, open_file: Opener) -> dict[int, Mapping[str, Any]]:
    with open_file(file) as stream:
        return {row.line: row.value for row in json_rows(stream) if isinstance(row.value, dict)}


def _orphan(_: Mapping[str, Any]) -> Auxiliary:
    raise RowError("no pair", "the file of pairs has no pair on this line that the verdict could be about")


def _pair(row: Mapping[str, Any], line: int, said: Sequence[_Said]) -> Outcome:
    given = value_in(row, "label")
    verdict = _VERDICTS.get(given) if type(given) is int else None
    if verdict is None:
        raise RowError("unknown label", f"'label' is {given!r}; it should be 0, 1 or 2 (a tie)")
    judged = (output.label(rows[line]) for output, rows in said if line in rows)
    pair = GivenPair(
        user(text_in(row, "prompt", empty=False)),
        assistant(text_in(row, "response 1")),
        assistant(text_in(row, "response 2")),
        labels=(GivenLabel(ANNOTATOR, "person", verdict), *judged),
    )
    return Pairs((pair,))
