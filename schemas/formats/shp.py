"""Community votes: SHP and SHP-2 (Ethayarajh et al. 2022, arXiv:2110.08420; https://huggingface.co/datasets/stanfordnlp/SHP), and answers to a
question with scores and dates, as of Stack Exchange.

SHP has a pair in each row: `history`, `human_ref_A`, `score_A`, `created_at_utc_A`, … and `labels`, 1 where A is preferred. Answers are a list under
`answers` with a text, a score and a date each.

What was posted first is seen and voted on longer, and a high score draws votes, so that a higher score alone is no preference: it counts
where the better answer was written no earlier than the other and won all the same (`later_wins`). One vote more or less is chance: both need a
score of `min_score`, and the better one `min_score_ratio` times as much as the other. These are the rules by which SHP was made (its first
version asked for a ratio of 2). A pair that fails one stays, without a label; the scores stay as ratings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.formats.base import Opener, ReadUnit
from prefcurate.schemas.formats.conversations import text_of
from prefcurate.schemas.formats.mapping_fields import FieldSpec, Looker
from prefcurate.schemas.formats.mapping_paths import Scope, row_scope
from prefcurate.schemas.formats.mapping_values import Values, is_nothing
from prefcurate.schemas.formats.rows import Outcome, RowError, assistant, input_row, user
from prefcurate.schemas.formats.sets import Score, SetResponse, WhichPairs, chosen_pairs, with_ratings
from prefcurate.schemas.formats.tabular import TabularReader
from prefcurate.schemas.formats.times import epoch
from prefcurate.schemas.records import GivenLabel, GivenPair, InputRow, Pairs, Verdict

ANNOTATOR = "votes"
_LOOK = Looker(frozenset())
_PREFERRED = Values.of({1: "first", 0: "second"})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its score and when it was written (seconds, in whatever era), where that is known."""

    text: str
    score: float | None
    written: float | None


class ShpReader(TabularReader):
    """Each row is a pair of SHP, or a question with all of its answers, of which every two are a pair."""

    format: ClassVar[str] = "shp"

    min_score_ratio: float = Field(default=1.0, ge=1)
    """How many times the other's score the better one has at least; an equal score is never a preference."""
    min_score: float = 2
    """The score that both have at least (on Reddit an answer begins with 1)."""
    later_wins: bool = True
    """Whether only an answer counts as better that was not written before the other."""
    prompt: FieldSpec = FieldSpec(first=("history", "question", "prompt", "title"))
    answers: FieldSpec = FieldSpec(path="answers")
    """Of questions with all their answers: the list; the three below start at each."""
    text: FieldSpec = FieldSpec(first=("text", "body", "content"))
    score: FieldSpec = FieldSpec(path="score")
    written: FieldSpec = FieldSpec(first=("created_at_utc", "creation_date", "created_utc", "created_at", "date"))
    pairs: WhichPairs = "all"

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the unit's file, in file order."""
        for row in self.rows(unit.file, open_file):
            yield input_row(row, self._outcome)

    def _outcome(self, row: Mapping[str, Any]) -> Outcome:
        scope = row_scope(row)
        question = text_of(_LOOK.required(self.prompt, scope, "prompt"), "prompt")
        if not question.strip():
            raise RowError("empty field", "the prompt is blank")
        if "human_ref_A" in row:
            first, second = (_side(row, side) for side in "AB")
            post = row.get("post_id")
            pair = self._pair(question, first, second, post if isinstance(post, str) else None)
            _check(row.get("labels"), first, second)
            return Pairs(tuple(with_ratings([pair], [(0, 1)], [_rating(first), _rating(second)])))
        return Pairs(tuple(self._of_question(question, scope)))

    def _of_question(self, question: str, scope: Scope) -> Iterator[GivenPair]:
        given = _LOOK.required(self.answers, scope, "answers")
        if not isinstance(given, list):
            raise RowError("wrong type", f"'{self.answers}' should be a list and is {str(given)[:80]!r}")
        found = [self._answer(scope.within(number, one), number) for number, one in enumerate(given)]
        if len(found) < 2:
            raise RowError("one response", f"the question has {len(found)} answers; a comparison needs two")
        scored = [SetResponse(answer.text, scores=tuple(_rating(answer, compares=True))) for answer in found]
        ends = chosen_pairs(scored, self.pairs)
        group = stable_hash("question", question)
        pairs = [self._pair(question, found[one], found[other], group) for one, other in ends]
        yield from with_ratings(pairs, ends, [_rating(answer) for answer in found])

    def _answer(self, scope: Scope, number: int) -> Answer:
        text = _LOOK.value(self.text, scope)
        if not isinstance(text, str):
            raise RowError("field missing", f"answer {number + 1} has no text at {self.text}")
        return Answer(text, _LOOK.number(self.score, scope), epoch(_LOOK.value(self.written, scope)))

    def _pair(self, question: str, first: Answer, second: Answer, group: str | None) -> GivenPair:
        return GivenPair(
            user(question),
            assistant(first.text),
            assistant(second.text),
            labels=tuple(self._labels(first, second)),
            group_id=group,
        )

    def _labels(self, first: Answer, second: Answer) -> Iterator[GivenLabel]:
        """The community's preference, where the rules let it count; the strength is the ratio of the scores."""
        if first.score is None or second.score is None or first.score == second.score:
            return
        better, worse = (first, second) if first.score > second.score else (second, first)
        assert better.score is not None and worse.score is not None
        if worse.score < self.min_score or better.score < worse.score * self.min_score_ratio:
            return
        if self.later_wins and (better.written is None or worse.written is None or better.written < worse.written):
            return
        ratio = better.score / worse.score if worse.score > 0 else None
        verdict = Verdict.FIRST if better is first else Verdict.SECOND
        yield GivenLabel(ANNOTATOR, "person", verdict, strength=ratio, judgement=ANNOTATOR)


def _side(row: Mapping[str, Any], side: str) -> Answer:
    text = row.get(f"human_ref_{side}")
    if not isinstance(text, str):
        raise RowError("field missing", f"'human_ref_{side}' should be text")
    scope = row_scope(row)
    score = _LOOK.number(FieldSpec(path=f"score_{side}"), scope)
    return Answer(text, score, epoch(row.get(f"created_at_utc_{side}")))


def _check(label: Any, first: Answer, second: Answer) -> None:
    """Raises `RowError` where the row's own label is none, or not the one that its scores give."""
    if is_nothing(label):
        return
    verdict = _PREFERRED.get(label)
    if verdict is None:
        raise RowError("unknown label", f"'labels' is {label!r}; it should be 1 (A is preferred) or 0")
    if first.score is not None and second.score is not None and first.score != second.score:
        by_score = "first" if first.score > second.score else "second"
        if verdict != by_score:
            raise RowError(
                "contradiction", f"'labels' is {label}, but the scores are {first.score:g} and {second.score:g}"
            )


def _rating(answer: Answer, *, compares: bool = False) -> list[Score]:
    if answer.score is None:
        return []
    return [Score(ANNOTATOR, "person", ANNOTATOR, answer.score, compares=compares)]
