"""Solutions whose steps are labelled, as process reward models learn from: four layouts, told apart by the row's keys.

- PRM800K (Lightman et al. 2023, arXiv:2305.20050; https://github.com/openai/prm800k): `question.problem` and `label.steps`, each with alternative
  `completions` rated -1, 0 or 1 by a person. The alternatives at one step go on from the same steps before: they are a set.
- Math-Shepherd (Wang et al. 2023, arXiv:2312.08935): `input` with a `ки` behind each step and `label` with + or - in its place, by rollouts.
- TRL's stepwise supervision (https://huggingface.co/docs/trl/dataset_formats): `prompt`, `completions`, `labels`.
- ProcessBench (Zheng et al. 2024, arXiv:2412.06559): `problem`, `steps`, `label` (the number of the first wrong step, or -1).

A solution is one response, its steps on lines; each label of a step is a span of attribute `step`, labelled 1, 0 or -1. Solutions of several
rows to one problem are compared by their outcome: right above wrong. Those with the same outcome say nothing of each other.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, ClassVar, Literal

from prefcurate.schemas.canonical import canonical_text
from prefcurate.schemas.formats.base import Opener, ReadUnit
from prefcurate.schemas.formats.gather import ALONE
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.prm_layouts import Solution, Step, solution_of
from prefcurate.schemas.formats.rows import BROKEN_OFF, Outcome, RowError, assistant, object_of, raw_of, user
from prefcurate.schemas.formats.sets import Score, compared, with_ratings, with_spans
from prefcurate.schemas.formats.tabular import TabularReader
from prefcurate.schemas.records import (
    AnnotatorKind,
    Auxiliary,
    GivenLabel,
    GivenMaterial,
    GivenPair,
    GivenSpan,
    InputRow,
    Pairs,
    Unreadable,
    Verdict,
)

OUTCOME = "outcome"
"""Who compares whole solutions: whether the answer was right, which a program knows by the truth."""
STEP = "step"


class PrmReader(TabularReader):
    """Each row is one solution: it is compared with those of the other outcome before it, and its alternative steps with each other."""

    format: ClassVar[str] = "prm"

    pairs: Literal["few", "all"] = "few"
    """Solutions of which outcomes differ that are compared: each at least once, or every right one with every wrong one."""
    annotator: str | None = None
    """Who labelled the steps, where the layout does not tell."""
    kind: AnnotatorKind | None = None

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every solution of the unit's file, in file order; the file is read twice."""
        problems: dict[str, _Problem] = {}
        # A file that breaks in the middle breaks again when its rows are given.
        with suppress(*BROKEN_OFF):
            for row in self.rows(unit.file, open_file):
                with suppress(RowError):
                    solution = self._solution(row)
                    problems.setdefault(solution.key, _Problem()).count(solution)
        for row in self.rows(unit.file, open_file):
            yield self._input_row(row, problems)

    def _solution(self, row: JsonRow) -> Solution:
        if row.problem is not None:
            raise RowError(row.problem.reason, row.problem.detail)
        found = solution_of(object_of(row.value, "the row"))
        return replace(found, annotator=self.annotator or found.annotator, kind=self.kind or found.kind)

    def _input_row(self, row: JsonRow, problems: "dict[str, _Problem]") -> InputRow:
        identity: Any = ["unreadable", row.raw] if row.problem is not None else row.value
        outcome: Outcome
        try:
            outcome = self._outcome(self._solution(row), problems)
        except RowError as error:
            outcome = Unreadable(error.reason, error.detail)
        return InputRow(row.line, identity, outcome, raw=row.raw or raw_of(row.value))

    def _outcome(self, solution: Solution, problems: "dict[str, _Problem]") -> Outcome:
        problem = problems.get(solution.key, _Problem())
        pairs = [*_alternatives(solution), *problem.meet(solution, self.pairs == "all")]
        if pairs:
            return Pairs(tuple(pairs))
        if solution.right is None:
            raise RowError("no outcome", "nobody said whether the solution is right, and no step has alternatives")
        if problem.right and problem.wrong:
            return Auxiliary()  # later solutions are compared with it
        count = problem.right + problem.wrong
        if count == 1:
            raise RowError(ALONE, "no row has another solution to this problem; a comparison needs two")
        raise RowError(
            "same outcome", f"all {count} solutions to this problem are {'right' if problem.right else 'wrong'}"
        )


@dataclass
class _Known:
    """A solution that waits for others; its spans are told once."""

    solution: Solution
    met: bool = False


@dataclass
class _Problem:
    """How many solutions a problem has in the file, right and wrong, and those read so far."""

    right: int = 0
    wrong: int = 0
    left: int = 0
    known: dict[bool, list[_Known]] = field(default_factory=lambda: {True: [], False: []})

    def count(self, solution: Solution) -> None:
        """Takes note that there is a solution."""
        self.right += solution.right is True
        self.wrong += solution.right is False
        self.left += 1

    def meet(self, solution: Solution, everyone: bool) -> Iterator[GivenPair]:
        """The pairs of a solution with those of the other outcome before it."""
        self.left -= 1
        if solution.right is None or not (self.right and self.wrong):
            return
        mine, others = _Known(solution), self.known[not solution.right]
        chosen = others if everyone else [other for other in others if not other.met] or others[-1:]
        for other in chosen:
            yield _by_outcome(other, mine)
        self.known[solution.right].append(mine)
        if not self.left:
            self.known = {True: [], False: []}


def _by_outcome(first: _Known, second: _Known) -> GivenPair:
    """A right and a wrong solution, in the order of their rows."""
    verdict = Verdict.FIRST if first.solution.right else Verdict.SECOND
    label = GivenLabel(OUTCOME, "program", verdict)
    pair = _pair(second.solution, first.solution.steps, second.solution.steps, (label,))
    spans = [() if one.met else tuple(_spans(one.solution, one.solution.steps)) for one in (first, second)]
    first.met = second.met = True
    return next(with_spans([pair], [(0, 1)], spans))


def _alternatives(solution: Solution) -> Iterator[GivenPair]:
    """The pairs of alternatives at each step, with labels of one act for each step."""
    for before, steps in solution.alternatives:
        scores = [
            [Score(solution.annotator, solution.kind, "overall", float(step.rating), (-1.0, 1.0))]
            if step.rating is not None
            else []
            for step in steps
        ]
        ends = list(combinations(range(len(steps)), 2))
        pairs = []
        for one, other in ends:
            labels = tuple(
                replace(label, judgement=f"step {len(before)}") for label in compared(scores[one], scores[other], 0.0)
            )
            pairs.append(_pair(solution, (*before, steps[one]), (*before, steps[other]), labels))
        spans = [tuple(_spans(solution, (*before, step))) for step in steps]
        yield from with_spans(list(with_ratings(pairs, ends, scores)), ends, spans)


def _pair(of: Solution, first: tuple[Step, ...], second: tuple[Step, ...], labels: tuple[GivenLabel, ...]) -> GivenPair:
    reference = (GivenMaterial("reference", of.reference),) if of.reference and of.reference.strip() else ()
    return GivenPair(
        user(of.problem),
        assistant(_text(first)),
        assistant(_text(second)),
        labels,
        materials=reference,
        group_id=of.key,
    )


def _text(steps: tuple[Step, ...]) -> str:
    """The steps as one text that is its own canonical form."""
    return "\n".join(text for step in steps if (text := canonical_text(step.text)))


def _spans(solution: Solution, steps: tuple[Step, ...]) -> Iterator[GivenSpan]:
    start = 0
    for step in steps:
        text = canonical_text(step.text)
        if text:
            end = start + len(text)
            if step.rating is not None:
                label = str(step.rating)
                yield GivenSpan("first", solution.annotator, solution.kind, STEP, label, start, end, text)
            start = end + 1
