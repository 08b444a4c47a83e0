"""The layouts of labelled steps, each row as one solution: PRM800K, Math-Shepherd, TRL's stepwise supervision, ProcessBench.

See `prm` for where they are documented.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prefcurate.schemas.canonical import canonical_text, stable_hash
from prefcurate.schemas.formats.mapping_values import is_nothing, truth
from prefcurate.schemas.formats.rows import RowError, list_in, object_of, optional_list, text_in, value_in
from prefcurate.schemas.records import AnnotatorKind

_MARK = "ки"
_FIRST_STEP = "Step 1:"
_FINISHED = {"solution": True, "found_error": False}
_RATINGS = (-1, 0, 1)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a solution and what was said of it: 1, 0 or -1, or nothing."""

    text: str
    rating: int | None


@dataclass(frozen=True, slots=True)
class Solution:
    """A problem, the steps of one solution, whether it is right, and the alternatives at its steps: (steps before, set of steps)."""

    problem: str
    steps: tuple[Step, ...]
    right: bool | None
    annotator: str
    kind: AnnotatorKind
    alternatives: tuple[tuple[tuple[Step, ...], tuple[Step, ...]], ...] = ()
    reference: str | None = None

    @property
    def key(self) -> str:
        """The same in all solutions to one problem."""
        return stable_hash("problem", canonical_text(self.problem))


def solution_of(row: Mapping[str, Any]) -> Solution:
    """A row of any of the layouts.

    Raises:
        RowError: it is of none, or its labels do not fit its steps.
    """
    if "question" in row and "label" in row:
        return _prm800k(row)
    if "input" in row and "label" in row:
        return _math_shepherd(row)
    if "completions" in row and "labels" in row:
        return _stepwise(row)
    if "problem" in row and "steps" in row:
        return _process_bench(row)
    raise RowError("field missing", f"the row has {', '.join(map(repr, list(row)[:8]))}; see the layouts of `prm`")


def _prm800k(row: Mapping[str, Any]) -> Solution:
    question, label = object_of(row["question"], "'question'"), object_of(row["label"], "'label'")
    path: list[Step] = []
    alternatives = []
    for given in list_in(label, "steps"):
        about = object_of(given, "a step")
        steps, taken = _completions(about)
        if len({canonical_text(step.text) for step in steps}) > 1:
            alternatives.append((tuple(path), tuple(steps)))
        if taken is None:
            break
        path.append(taken)
    labeller = row.get("labeler")
    reference = question.get("ground_truth_solution") or question.get("ground_truth_answer")
    return Solution(
        problem=text_in(question, "problem", empty=False),
        steps=_whole(path, question.get("pre_generated_steps")),
        right=_FINISHED.get(str(label.get("finish_reason"))),
        annotator=labeller if isinstance(labeller, str) and labeller else "anonymous",
        kind="person",
        alternatives=tuple(alternatives),
        reference=reference if isinstance(reference, str) else None,
    )


def _completions(about: Mapping[str, Any]) -> tuple[list[Step], Step | None]:
    """The alternatives at a step, and the one that the solution went on with; the first where labelling stopped there."""
    given = [object_of(one, "a completion") for one in optional_list(about, "completions")]
    steps = [Step(text_in(one, "text"), _rating(one.get("rating"))) for one in given]
    human = about.get("human_completion")
    if human is not None:
        # Labellers wrote a step of their own where all others were wrong.
        steps.append(Step(text_in(object_of(human, "'human_completion'"), "text"), 1))
        return steps, steps[-1]
    chosen = about.get("chosen_completion")
    if chosen is None:
        return steps, steps[0] if steps else None
    if not isinstance(chosen, int) or isinstance(chosen, bool) or not 0 <= chosen < len(given):
        raise RowError("unknown label", f"'chosen_completion' is {chosen!r} of {len(given)} completions")
    return steps, steps[chosen]


def _whole(path: list[Step], generated: Any) -> tuple[Step, ...]:
    """The labelled steps with those that were generated after them and that nobody looked at."""
    if not isinstance(generated, list) or not all(isinstance(text, str) for text in generated):
        return tuple(path)
    same = len(generated) >= len(path) and all(
        canonical_text(step.text) == canonical_text(text) for step, text in zip(path, generated, strict=False)
    )
    return (*path, *(Step(text, None) for text in generated[len(path) :])) if same else tuple(path)


def _rating(given: Any) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or given not in _RATINGS:
        raise RowError("unknown label", f"the rating of a step is {given!r}; it should be -1, 0 or 1")
    return int(given)


def _math_shepherd(row: Mapping[str, Any]) -> Solution:
    pieces, marked = text_in(row, "input").split(_MARK), text_in(row, "label")
    if len(pieces) < 2 or _FIRST_STEP not in pieces[0]:
        raise RowError("no steps", f"'input' should hold a question, {_FIRST_STEP!r} and {_MARK!r} behind each step")
    ratings, place = [], 0
    for piece in pieces[:-1]:
        if not marked.startswith(piece, place) or marked[place + len(piece) : place + len(piece) + 1] not in ("+", "-"):
            raise RowError("unknown label", "'label' should be 'input' with + or - for each mark")
        place += len(piece) + 1
        ratings.append(1 if marked[place - 1] == "+" else -1)
    question, _, first = pieces[0].partition(_FIRST_STEP)
    if not question.strip():
        raise RowError("empty field", "there is no question before the first step")
    texts = [_FIRST_STEP + first, *pieces[1:-1]]
    steps = tuple(Step(text, rating) for text, rating in zip(texts, ratings, strict=True))
    # The last step has the answer: it is right where the answer is.
    return Solution(question.strip(), steps, ratings[-1] > 0, "rollouts", "program")


def _stepwise(row: Mapping[str, Any]) -> Solution:
    texts, labels = list_in(row, "completions"), list_in(row, "labels")
    if len(texts) != len(labels) or not texts or not all(isinstance(text, str) for text in texts):
        raise RowError("unknown label", f"{len(labels)} labels for {len(texts)} completions; each step has one")
    ratings = [(1 if label else -1) if isinstance(label, bool) else _rating(label) for label in labels]
    if not any(isinstance(label, bool) for label in labels) and -1 not in ratings:
        ratings = [-1 if rating == 0 else rating for rating in ratings]  # 0 and 1 are false and true
    steps = tuple(Step(text, rating) for text, rating in zip(texts, ratings, strict=True))
    last = ratings[-1]
    return Solution(text_in(row, "prompt", empty=False), steps, None if last is None else last > 0, "steps", "program")


def _process_bench(row: Mapping[str, Any]) -> Solution:
    texts, first_wrong = list_in(row, "steps"), value_in(row, "label")
    if not all(isinstance(text, str) for text in texts) or not texts:
        raise RowError("wrong type", "'steps' should be texts")
    if isinstance(first_wrong, str) and first_wrong.lstrip("-").isdecimal():
        first_wrong = int(first_wrong)  # a CSV has no numbers
    if isinstance(first_wrong, bool) or not isinstance(first_wrong, int) or not -1 <= first_wrong < len(texts):
        raise RowError("unknown label", f"'label' is {first_wrong!r}; it should be the number of a step, or -1")
    known = len(texts) if first_wrong < 0 else first_wrong + 1
    ratings = [(-1 if number == first_wrong else 1) if number < known else None for number in range(len(texts))]
    given = row.get("final_answer_correct")
    told = None if is_nothing(given) else truth(given)
    right = first_wrong < 0 if told is None else told
    steps = tuple(Step(text, rating) for text, rating in zip(texts, ratings, strict=True))
    return Solution(text_in(row, "problem", empty=False), steps, right, "expert", "person")
