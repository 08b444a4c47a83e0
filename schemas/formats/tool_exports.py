"""What exports of labelling tools have in common: a record's texts, and answers of people and models to named questions.

    prompt: instruction                          a field of the record (path or template)
    response_a: response1                        … or `responses: {response-1: first, response-2: second, …}` for a set
    response_b: response2
    question: preference                         whose answers compare; {preference: overall, safety: safety} names attributes
    values: {"Response 1": a, "Both are bad": both_bad}
    ratings: {rating_1: a, rating_2: {of: b, scale: [1, 5]}}      questions about one response
    rationale: reason                            a question answered in words, kept with the labels of who answered it

An answer is a word that `values` (or our own words) knows, or a ranking: a list of names, best first, or of ranks with names. An answer that
means nothing known is kept as unparsed; one that was skipped, discarded or left as a draft is an opinion without a verdict.
"""

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from pydantic import Field, field_validator, model_validator

from prefcurate.schemas.formats.base import Opener, ReadUnit
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping_fields import FieldSpec, Looker, Settings
from prefcurate.schemas.formats.mapping_pairs import PairBuilder
from prefcurate.schemas.formats.mapping_paths import is_misspelt, near_key, row_scope
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.formats.mapping_rules import WORDS, Word
from prefcurate.schemas.formats.mapping_values import Values, is_nothing
from prefcurate.schemas.formats.rows import RowError, raw_of
from prefcurate.schemas.formats.sets import Score, chosen_pairs, with_ratings
from prefcurate.schemas.formats.tabular import TabularReader
from prefcurate.schemas.records import (
    AnnotatorKind,
    GivenLabel,
    GivenPair,
    InputRow,
    Pairs,
    ParseStatus,
    Unreadable,
    Verdict,
)

ANONYMOUS = "anonymous"
_LOOK = Looker(frozenset())
_SIDES: dict[str, Word] = {"left": "a", "right": "b", "first": "a", "second": "b"}
_VERDICTS = {"a": Verdict.FIRST, "b": Verdict.SECOND} | {str(verdict): verdict for verdict in Verdict}


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered to a question; `status` is other than ok when the tool says that it is no answer."""

    annotator: str
    kind: AnnotatorKind
    question: str
    value: Any
    status: ParseStatus = "ok"
    answered_at: str | None = None
    seconds: float | None = None

    @property
    def said(self) -> dict[str, Any]:
        """What the answer is, without the tool's dates and counters, which say nothing about the opinion."""
        return {name: told for name, told in asdict(self).items() if name not in ("answered_at", "seconds")}


@dataclass(frozen=True, slots=True)
class Record:
    """One record of an export: what its paths start at, the answers in a lasting order, and its own id."""

    fields: Mapping[str, Any]
    answers: tuple[Answer, ...]
    row_id: str | None
    asked: frozenset[str] = frozenset()
    """All questions that somebody answered in the record, those that no setting names too."""


class SideRating(Settings):
    """A question about one response: `{of: a, attribute: honesty, scale: [1, 5]}`."""

    of: str
    attribute: str = "overall"
    scale: tuple[float, float] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, given: Any) -> Any:
        return {"of": given} if isinstance(given, str) else given


class ToolReader(TabularReader):
    """The base of readers of labelling tools; subclasses implement `record`, and `records` where a row holds several."""

    prompt: FieldSpec
    response_a: FieldSpec | None = None
    response_b: FieldSpec | None = None
    responses: dict[str, FieldSpec] = Field(default_factory=dict)
    """Instead of response_a and response_b: each response's name in a ranking, and its field."""
    system: FieldSpec | None = None
    model_a: FieldSpec | None = None
    model_b: FieldSpec | None = None
    question: dict[str, str] = Field(default_factory=dict)
    """The questions that compare, with the attribute that each is about."""
    values: dict[Any, Word] | None = None
    ratings: dict[str, SideRating] = Field(default_factory=dict)
    rationale: str | None = None
    min_gap: float = Field(default=0, ge=0)
    """The smallest difference of two ratings by one person that is a preference."""

    @field_validator("question", mode="before")
    @classmethod
    def _overall(cls, given: Any) -> Any:
        return {given: "overall"} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _whole(self) -> "ToolReader":
        two = self.response_a is not None and self.response_b is not None
        if two == bool(self.responses) or (self.responses and (self.response_a or self.response_b)):
            raise ValueError("name `response_a` and `response_b`, or `responses` for a set of them")
        if len(self.responses) == 1:
            raise ValueError("responses: a comparison needs two; one is named")
        if not self.question and not self.ratings:
            raise ValueError("name the `question` that compares, or the `ratings` of each response")
        strange = [rating.of for rating in self.ratings.values() if rating.of not in self.named()]
        if strange:
            raise ValueError(f"ratings: {strange[0]!r} is none of the responses {', '.join(self.named())}")
        return self

    def named(self) -> dict[str, FieldSpec]:
        """The responses by name; two are called a and b."""
        if self.responses:
            return self.responses
        assert self.response_a is not None and self.response_b is not None
        return {"a": self.response_a, "b": self.response_b}

    @abstractmethod
    def record(self, row: Mapping[str, Any]) -> Record:
        """What a row says.

        Raises:
            RowError: it is no record of this tool.
        """

    def records(self, row: JsonRow) -> Iterator[JsonRow]:
        """The records of a row of the file: itself, unless a tool writes several into one."""
        yield row

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every record of the unit's file, in file order."""
        columns = self.has_columns(unit.file)
        for row in self.rows(unit.file, open_file):
            yield from (self._input_row(one, columns) for one in self.records(row))

    def _input_row(self, row: JsonRow, columns: bool) -> InputRow:
        if row.problem is not None:
            return InputRow(row.line, ["unreadable", row.raw], row.problem, raw=row.raw)
        raw, identity, row_id = row.raw or raw_of(row.value), row.value, None
        try:
            if not isinstance(row.value, Mapping):
                raise RowError("not an object", f"the row is {str(row.value)[:80]!r}")
            record = self.record(row.value)
            identity = {"fields": record.fields, "answers": [answer.said for answer in record.answers]}
            row_id = record.row_id
            self._check_names(record.asked)
            outcome: Pairs | Unreadable = Pairs(tuple(self._pairs(record, columns)))
        except RowError as error:
            outcome = Unreadable(error.reason, error.detail)
        return InputRow(row.line, identity, outcome, row_id, raw)

    def _check_names(self, asked: frozenset[str]) -> None:
        """Raises `RowError` where a question in the settings looks like a misspelt one of the record."""
        mine = [*self.question, *self.ratings, *([self.rationale] if self.rationale else [])]
        names = dict.fromkeys(sorted(asked))
        for name in mine:
            if name not in asked and is_misspelt(name, names, mine):
                detail = f"nobody was asked {name!r}; did you mean {near_key(name, names, mine)!r}?"
                raise RowError("field missing", detail)

    @cached_property
    def _builder(self) -> PairBuilder:
        responses = [{"text": spec, "model": {"constant": name}} for name, spec in self.named().items()]
        return PairBuilder(
            Fields.model_validate(
                {"prompt": self.prompt, "responses": responses, "system": self.system, "min_gap": self.min_gap}
            )
        )

    @cached_property
    def _table(self) -> Values:
        if self.values is not None:
            return Values.of(self.values)
        own: dict[Any, str] = {word: word for word in WORDS} | _SIDES
        if not self.responses:
            own |= {str(spec): word for spec, word in ((self.response_a, "a"), (self.response_b, "b"))}
        return Values.of(own)

    def _pairs(self, record: Record, columns: bool) -> Iterator[GivenPair]:
        scope = row_scope(record.fields, columns)
        found = self._builder.set_of(scope)
        by_name = {response.model or "": response for response in found.responses}
        missing = [name for name in self.named() if name not in by_name]
        if len(by_name) < 2 or (missing and not self.responses):
            why = self._builder.missing_response(scope)
            raise RowError("one response", f"there is no text of {', '.join(missing)}" + (f"; {why}" if why else ""))
        opinions = self._opinions(record.answers, tuple(by_name))
        scored = [replace(one, scores=tuple(opinions.scores.get(name, ()))) for name, one in by_name.items()]
        ends = chosen_pairs(scored, "all")
        pairs = [self._builder.pair_of(found, scored[first], scored[second]) for first, second in ends]
        # What is not about two of several responses stands with the first pair.
        pairs[0] = replace(pairs[0], labels=(*pairs[0].labels, *opinions.labels))
        rated = with_ratings(pairs, ends, [response.scores for response in scored])
        yield from (self._told(pair, scope, opinions.words) for pair in rated)

    def _told(self, pair: GivenPair, scope: Any, words: Mapping[tuple[str, str], str]) -> GivenPair:
        """The pair with the models' names instead of the responses', and the labels with their reasons."""
        names: list[str | None] = [None, None]
        if not self.responses:
            names = [_LOOK.text(spec, scope) for spec in (self.model_a, self.model_b)]
        labels = tuple(
            replace(label, rationale=label.rationale or words.get((label.kind, label.annotator)))
            for label in pair.labels
        )
        return replace(pair, labels=labels, model_first=names[0], model_second=names[1])

    def _opinions(self, answers: Sequence[Answer], names: tuple[str, ...]) -> "_Opinions":
        found = _Opinions()
        seen: Counter[tuple[str, str, str]] = Counter()
        for answer in answers:
            if answer.question == self.rationale:
                found.reason(answer)
            elif answer.question in self.question or answer.question in self.ratings:
                who = answer.kind, answer.annotator, answer.question
                self._take(found, answer, seen[who], names)
                seen[who] += 1
        return found

    def _take(self, found: "_Opinions", answer: Answer, sample: int, names: tuple[str, ...]) -> None:
        rating = self.ratings.get(answer.question)
        attribute = self.question[answer.question] if rating is None else rating.attribute
        status: ParseStatus = answer.status if answer.status != "ok" or not _is_empty(answer.value) else "empty"
        if rating is not None and status == "ok":
            value = _number(answer.value)
            if value is not None:
                scale = rating.scale or (None, None)
                found.score(rating.of, Score(answer.annotator, answer.kind, attribute, value, scale, sample))
                return
        ranks = ranking(answer.value, names) if rating is None and status == "ok" else None
        if ranks is not None:
            for name, rank in ranks.items():
                found.score(name, Score(answer.annotator, answer.kind, attribute, rank, sample=sample, is_rank=True))
            return
        word = self._word(answer.value) if rating is None and status == "ok" and len(names) == 2 else None
        if word != "skip":
            found.labels.append(_label(answer, attribute, sample, word, status))

    def _word(self, value: Any) -> str | None:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        return None if isinstance(value, list | Mapping) else self._table.get(value)


@dataclass
class _Opinions:
    """All opinions of a record: scores by response, labels about the two, and reasons by who gave them."""

    scores: dict[str, list[Score]] = field(default_factory=dict)
    labels: list[GivenLabel] = field(default_factory=list)
    words: dict[tuple[str, str], str] = field(default_factory=dict)

    def score(self, name: str, score: Score) -> None:
        self.scores.setdefault(name, []).append(score)

    def reason(self, answer: Answer) -> None:
        texts = answer.value if isinstance(answer.value, list) else [answer.value]
        told = "\n".join(text for text in texts if isinstance(text, str)).strip()
        if told:
            self.words[answer.kind, answer.annotator] = told


def _label(answer: Answer, attribute: str, sample: int, word: str | None, status: ParseStatus) -> GivenLabel:
    verdict = None if word is None else _VERDICTS[word]
    if verdict is None and status == "ok":
        status = "unparsed"
    raw = None if verdict is not None else json.dumps(answer.value, ensure_ascii=False)
    return GivenLabel(
        answer.annotator, answer.kind, verdict, attribute=attribute, sample=sample, raw_output=raw, parse_status=status,
        answered_at=answer.answered_at, seconds=answer.seconds,
    )  # fmt: skip


def _is_empty(value: Any) -> bool:
    return is_nothing(value) or value == [] or value == {}


def _number(value: Any) -> float | None:
    """A rating: a number, text that is one, or a list that holds one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    try:
        return None if isinstance(value, bool | list | Mapping) else float(value)
    except (TypeError, ValueError):
        return None


def ranking(value: Any, names: Iterable[str]) -> dict[str, float] | None:
    """The ranks in an answer by the responses' names, 1 or less being best; None when it is no ranking of them.

    `["B", "A"]`, `[{"rank": 1, "value": "B"}, …]`, or the same as columns: `{"rank": [1, …], "value": ["B", …]}`.
    """
    if isinstance(value, Mapping) and isinstance(value.get("rank"), list) and isinstance(value.get("value"), list):
        value = [{"rank": rank, "value": name} for rank, name in zip(value["rank"], value["value"], strict=False)]
    if not isinstance(value, list) or len(value) < 2:
        return None
    if all(isinstance(one, Mapping) for one in value):
        steps = [(one.get("value"), _number(one.get("rank"))) for one in value]
    else:
        steps = [(one, float(place)) for place, one in enumerate(value)]
    known = set(names)
    ranks = {str(name): rank for name, rank in steps if rank is not None and str(name) in known}
    return ranks if len(ranks) == len(steps) else None
