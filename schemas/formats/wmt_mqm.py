"""MQM annotations of translations: errors marked by professional raters, of which rankings follow (Freitag et al. 2021,
arXiv:2104.14478; layout: https://github.com/google-research/google-research/tree/master/marot).

Tab-separated without quoting, one row for each marked error: system, doc, docSegId, globalSegId, rater, source, target, category,
severity and in newer files metadata as JSON; the header may hold a comment. `<v>…</v>` marks the error in target or source.

A rater's score of a translation is the sum of the published weights: 25 for a non-translation, 5 for a major error, 1 for a minor
one, 0.1 for minor punctuation. Raters also mark what is no error of the translation (`Source issue`, `Accuracy/Creative Reinterpretation`):
both weigh nothing, as in the means that the files themselves carry (`metadata.segment.metrics.MQM`).
"""

import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, ClassVar

from prefcurate.schemas.canonical import canonical_text, stable_hash
from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.formats.gather import ALONE
from prefcurate.schemas.formats.lines import RAW_LIMIT, Line, text_lines
from prefcurate.schemas.formats.rows import Outcome, RowError, assistant, user
from prefcurate.schemas.formats.sets import Score, SetResponse, chosen_pairs, compared, with_ratings, with_spans
from prefcurate.schemas.formats.spans import canonical_span
from prefcurate.schemas.records import Auxiliary, GivenPair, GivenSpan, InputRow, Pairs, Unreadable

ATTENTION = "attention_check"
"""The attribute under which it is kept whether a rater found an error that was planted to see whether they read: 1 or 0."""
_COLUMNS = 9
_TENTHS = {"major": 50, "critical": 50, "minor": 10, "neutral": 0, "no error": 0}
"""Of one point, so that sums are exact: 0.1 + 1 and 1 + 0.1 are not the same number in floating point when more is added."""
_PUNCTUATION, _NON_TRANSLATION = 1, 250
_CHECK = {"found": 1.0, "missed": 0.0}
_BLAMELESS = ("source issue", "source error", "accuracy/creative reinterpretation")
_MARK = re.compile("(</?v>)")

Act = tuple[str, str, str]
"""Document, segment and rater: what was rated in one go."""


class WmtMqmReader(Reader):
    """Each row is one error; the last row of a segment and rater gives the pairs of all systems that this rater scored.

    All labels of a segment and rater are one act. A planted error (`HOTW-test`) is no error of the translation: whether it was found is a
    rating of its own. Errors marked in the source weigh like others and have no span. Which of two translations was shown first is not
    in the files.
    """

    format: ClassVar[str] = "wmt_mqm"
    suffixes: ClassVar[tuple[str, ...]] = (".tsv",)

    instruction: str | None = None
    """Put before the source text to make the prompt, such as "Translate into German:"; the files do not say what was asked."""

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the unit's file, in file order; the file is read twice."""
        acts: dict[Act, _Act] = {}
        # A file that breaks in the middle breaks again when its rows are given.
        with suppress(OSError, EOFError, zlib.error), open_file(unit.file) as stream:
            for line in _lines(stream):
                _census(line, acts)
                _interrupt(line, acts)
        with open_file(unit.file) as stream:
            for line in _lines(stream):
                yield self._row(line, acts)

    def _row(self, line: Line, acts: dict[Act, "_Act"]) -> InputRow:
        identity: list[str] = [line.text]
        outcome: Outcome
        if line.problem is not None:
            outcome = line.problem
        else:
            try:
                outcome = self._outcome(_Marked.of(line), line, acts, identity)
            except RowError as error:
                outcome = Unreadable(error.reason, error.detail)
        return InputRow(line.number, identity, outcome, raw=line.text[:RAW_LIMIT])

    def _outcome(self, row: "_Marked", line: Line, acts: dict[Act, "_Act"], identity: list[str]) -> Outcome:
        if not row.rater:
            return Auxiliary()  # Marot allows rows that carry metadata alone
        row.marked()
        act = acts[row.act]
        if len(act.systems) < 2:
            return Unreadable(ALONE, f"{row.rater} rated one translation of this segment; a comparison needs two")
        act.add(row)
        if line.number < act.last:
            return Auxiliary()
        # What the rows before it say is part of what this one says.
        identity.append(stable_hash("rows of an act", sorted(act.said)))
        del acts[row.act]
        return Pairs(tuple(self._pairs(row, act)))

    def _pairs(self, row: "_Marked", act: "_Act") -> Iterator[GivenPair]:
        prompt = user(row.source if self.instruction is None else f"{self.instruction}\n\n{row.source}")
        responses = [translation.response(row.rater) for translation in act.translations.values()]
        ends = chosen_pairs(responses, "all")
        pairs = [
            GivenPair(
                prompt,
                assistant(responses[first].content),
                assistant(responses[second].content),
                labels=tuple(compared(responses[first].scores, responses[second].scores, 0.0)),
                model_first=responses[first].model,
                model_second=responses[second].model,
                group_id="/".join(row.act[:2]),
            )
            for first, second in ends
        ]
        rated = list(with_ratings(pairs, ends, [response.scores for response in responses]))
        return with_spans(rated, ends, [translation.spans for translation in act.translations.values()])


def _lines(stream: IO[bytes]) -> Iterator[Line]:
    """The rows of a table, without its header, which may hold a comment."""
    return (line for line in text_lines(stream) if line.problem is not None or not line.text.startswith("system\t"))


@dataclass(frozen=True, slots=True)
class _Marked:
    """One row: an error that a rater marked, and the translation without the mark."""

    system: str
    act: Act
    source: str
    target: str
    category: str
    severity: str
    span: tuple[int, int] | None
    raw: str

    @property
    def rater(self) -> str:
        """Who marked it; empty in rows that only carry metadata."""
        return self.act[2]

    @classmethod
    def of(cls, line: Line) -> "_Marked":
        """A row of the table.

        Raises:
            RowError: it has too few columns, a severity that is none, or broken marks.
        """
        cells = line.text.split("\t")
        if len(cells) < _COLUMNS:
            raise RowError("ragged row", f"{len(cells)} columns; there should be {_COLUMNS} or more")
        system, doc, segment, _, rater, source, target, category, severity = cells[:_COLUMNS]
        source, _ = _unmarked(source, "source")
        target, span = _unmarked(target, "target")
        row = cls(system, (doc, segment, rater), source, target, category, severity, span, line.text)
        if rater:
            row.check()
        return row

    def check(self) -> None:
        """Raises `RowError` when the row is no known kind of error."""
        if self.is_attention:
            if self.category.lower() not in _CHECK:
                raise RowError(
                    "unknown label", f"an attention check is {self.category!r}; it should be Found or Missed"
                )
        elif _plain(self.severity) not in _TENTHS:
            raise RowError("unknown label", f"the severity is {self.severity!r}; it should be Major, Minor or Neutral")

    @property
    def is_attention(self) -> bool:
        """Whether the error was planted."""
        return self.severity.lower().startswith("hotw")

    @property
    def tenths(self) -> int:
        """What the error weighs, in tenths of a point."""
        category, severity = _plain(self.category), _plain(self.severity)
        if self.is_attention or category in _BLAMELESS:
            return 0
        if category.startswith("non translation"):
            return _NON_TRANSLATION
        return _PUNCTUATION if (category, severity) == ("fluency/punctuation", "minor") else _TENTHS[severity]

    def marked(self) -> GivenSpan | None:
        """What was marked in the translation, in its canonical text.

        Raises:
            RowError: the mark cuts a character that is stored as one.
        """
        moved = None if self.span is None else canonical_span(self.target, *self.span)
        if moved is None:
            return None
        text = canonical_text(self.target)[slice(*moved)]
        return GivenSpan("first", self.rater, "person", "error", f"{self.severity} {self.category}", *moved, text)


def _plain(name: str) -> str:
    # The annotation tools differ in case and in what joins words.
    return name.lower().replace("-", " ").replace("_", " ").strip(" !")


def _unmarked(text: str, what: str) -> tuple[str, tuple[int, int] | None]:
    """A text without its mark, and where the mark was.

    Raises:
        RowError: the mark does not end, or there are several.
    """
    pieces = _MARK.split(text)
    if len(pieces) == 1:
        return text, None
    if [piece for piece in pieces if _MARK.fullmatch(piece)] != ["<v>", "</v>"]:
        raise RowError("broken marks", f"the {what} should hold one <v>…</v>")
    before, _, marked, _, after = pieces
    return before + marked + after, (len(before), len(before) + len(marked))


@dataclass
class _Translation:
    """A translation as one rater saw it: its text and what was marked so far; `known` says that no row of it was lost."""

    system: str
    text: str = ""
    tenths: int = 0
    spans: list[GivenSpan] = field(default_factory=list)
    checks: list[float] = field(default_factory=list)
    known: bool = True

    def response(self, rater: str) -> SetResponse:
        """With the scores of the rater: the sum of all errors, turned so that more is better; 0 is without a fault."""
        scores = [Score(rater, "person", "overall", -self.tenths / 10, (None, 0.0))] if self.known else []
        scores += (
            Score(rater, "person", ATTENTION, found, (0.0, 1.0), sample, compares=False)
            for sample, found in enumerate(self.checks)
        )
        return SetResponse(self.text, self.system, tuple(scores))


@dataclass
class _Act:
    """All rows of one segment by one rater: the last of them, the systems, and which of these lost a row that cannot be read."""

    last: int = 0
    systems: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    translations: dict[str, _Translation] = field(default_factory=dict)

    def add(self, row: _Marked) -> None:
        """Takes note of an error."""
        one = self.translations.setdefault(row.system, _Translation(row.system, row.target))
        one.known = row.system not in self.broken
        self.said.append(stable_hash("row of an act", row.raw))
        if row.is_attention:
            one.checks.append(_CHECK[row.category.lower()])
            return
        one.tenths += row.tenths
        span = row.marked() if canonical_text(row.target) == canonical_text(one.text) else None
        if span is not None:
            one.spans.append(span)


def _census(line: Line, acts: dict[Act, _Act]) -> None:
    """Takes note of which rows belong together. A row that cannot be read still tells whose score is not known."""
    cells = line.text.split("\t")
    if line.problem is not None or len(cells) < _COLUMNS or not cells[4]:
        return
    act = acts.setdefault((cells[1], cells[2], cells[4]), _Act())
    try:
        _Marked.of(line).marked()
    except RowError:
        act.broken.add(cells[0])
        return
    act.last = line.number
    act.systems.add(cells[0])


def _interrupt(line: Line, acts: dict[Act, _Act]) -> None:
    """Where the file breaks off, what was said of the last segment is not known to be everything: it is compared by nobody."""
    if line.problem is None or line.problem.reason != "file broken off" or not acts:
        return
    newest = max(acts.values(), key=lambda act: act.last)
    segment = next(key[:2] for key, act in acts.items() if act is newest)
    for key, act in acts.items():
        if key[:2] == segment:
            act.last = sys.maxsize
