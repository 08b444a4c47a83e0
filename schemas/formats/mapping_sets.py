"""Several responses to one prompt, as a mapping describes them: in a list of the row, in columns, or one in each row.

    responses: {each: completions, text: response, model: model, ratings: {path: score, scale: [1, 10]}}
    responses: {each: generations, text: ".", ratings: {path: "$.ratings[@index]"}}       two lists side by side
    responses: [{text: answer_1, rank: rank_1}, {text: answer_2, rank: rank_2}]          columns
    responses: {text: response, ratings: [{path: helpfulness, attribute: {constant: helpfulness}}]}
                                                  one in each row: rows with the same prompt (or `group_by`) are a set
    responses: {each: answers, text: ".", order: $.ranking}           `ranking` lists the numbers of the answers, best first

`pairs` says which of a set become pairs, `min_gap` how much two ratings must differ to be a preference.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from prefcurate.schemas.formats.mapping_fields import FieldSpec, Looker, Settings, plain_text
from prefcurate.schemas.formats.mapping_labels import Asker, Entry, scopes_of
from prefcurate.schemas.formats.mapping_paths import ABSENT, HERE, Path, Scope, missing_message
from prefcurate.schemas.formats.mapping_rules import About
from prefcurate.schemas.formats.mapping_values import is_nothing
from prefcurate.schemas.formats.rows import RowError
from prefcurate.schemas.formats.sets import Score, SetResponse


class ScoreSpec(About):
    """One score of a response: `{path: score, attribute: {constant: helpfulness}, scale: [1, 5]}`.

    With `each` there is one for each element of a list or object: `{each: annotations, path: Rating, attribute: "@key"}`.
    """

    path: FieldSpec
    each: FieldSpec | None = None
    scale: tuple[float, float] | None = None
    compares: bool = True
    """Whether its differences are labels; otherwise it is kept as a rating alone."""


class ResponseSpec(Settings):
    """A response of a set, or with `each` as many as a list has. Its own paths start at the element."""

    each: FieldSpec | None = None
    text: FieldSpec = Field(default_factory=lambda: FieldSpec(path="."))
    """Text or a list of messages."""
    model: FieldSpec | None = None
    ratings: tuple[ScoreSpec, ...] = ()
    rank: FieldSpec | None = None
    """A number: the smaller, the better."""
    order: FieldSpec | None = None
    """A list of the responses' numbers (from 0) or keys, best first; what stands together in a list of its own is tied."""

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"text": given}
        if isinstance(given, Mapping) and "rating" in given:
            raise ValueError("`rating` is called `ratings` here: one entry, or a list of them")
        return given

    @field_validator("ratings", mode="before")
    @classmethod
    def _one_is_a_list(cls, given: Any) -> Any:
        return [_rating(one) for one in (given if isinstance(given, list | tuple) else [given])]

    @model_validator(mode="after")
    def _rank_or_order(self) -> "ResponseSpec":
        if self.rank is not None and self.order is not None:
            raise ValueError("`rank` and `order` say the same thing in two ways; use one")
        return self

    def row_specs(self) -> Iterator[FieldSpec]:
        """The fields whose paths start at the row: `each` itself, what says `$`, and everything where there is no list."""
        if self.each is None:
            yield from self.own_specs()
            return
        yield self.each
        for spec in self.own_specs():
            if any(path.from_row and HERE not in path.steps for path in spec.paths()):
                yield spec

    def own_specs(self) -> Iterator[FieldSpec]:
        """The fields of one response."""
        yield from (spec for name in ("text", "model", "rank", "order") if (spec := getattr(self, name)) is not None)
        for rating in self.ratings:
            yield rating.each or rating.path


def _rating(given: Any) -> Any:
    return {"path": given} if isinstance(given, str) else given


class SetAsker:
    """Reads the responses of a row; `default` is what the fields beside say about annotator, kind, …"""

    def __init__(self, look: Looker, default: About, responses: tuple[ResponseSpec, ...]) -> None:
        self._look = look
        self._asker = Asker(look, default, (), ())
        self._responses = [(spec, [Entry.of(rating, default) for rating in spec.ratings]) for spec in responses]
        self._ranking = Entry.of(About(), default)

    def responses(self, row: Scope) -> list[SetResponse]:
        """The responses of a row; an element without any text (null, blank, absent) is none.

        Raises:
            RowError: a field is a typing error or of a wrong type, or the order names a response twice.
        """
        found = []
        for number, (spec, ratings) in enumerate(self._responses):
            for scope in self.scopes(spec, row, number):
                content = self._look.value(spec.text, scope)
                if not is_nothing(content):
                    scores = (*self._ranked(spec, scope), *self._rated(ratings, scope))
                    found.append(SetResponse(content, self._look.text(spec.model, scope), scores, number))
        return found

    def looked_up(self, row: Scope) -> Iterator[tuple[str, Path, Scope]]:
        """Every path that is looked up for a response in a list: what for, and where it starts."""
        for number, (spec, _) in enumerate(self._responses):
            for scope in self.scopes(spec, row, number) if spec.each is not None else ():
                for field in spec.own_specs():
                    yield from ((f"responses, each {spec.each}", path, scope) for path in field.looked_up(scope))

    def missing(self, row: Scope) -> str:
        """Why a row has too few responses, in words: what the first of them lacks."""
        for number, (spec, _) in enumerate(self._responses):
            for scope in self.scopes(spec, row, number):
                for path in spec.text.looked_up(scope):
                    if path.find(scope) is ABSENT:
                        return missing_message(path, scope, self._look.used)
        return ""

    def scopes(self, spec: ResponseSpec, row: Scope, number: int) -> Iterator[Scope]:
        """Where the paths of an entry's responses start."""
        if spec.each is None:
            yield Scope(row.row, row.element, number, row.columns)
            return
        yield from scopes_of(self._look, spec.each, row)

    def _ranked(self, spec: ResponseSpec, scope: Scope) -> Iterator[Score]:
        rank = self._look.number(spec.rank, scope)
        if spec.order is not None:
            order = self._look.value(spec.order, scope)
            rank = None if is_nothing(order) else place_in(order, scope.key, str(spec.order))
        if rank is not None:
            about = self._asker.about(self._ranking, scope)
            yield Score(
                about.annotator, about.kind, about.attribute, rank, sample=about.sample, is_rank=True,
                answered_at=about.answered_at, seconds=about.seconds,
            )  # fmt: skip

    def _rated(self, ratings: list[Entry], scope: Scope) -> Iterator[Score]:
        for entry in ratings:
            for inner in scopes_of(self._look, entry.spec.each, scope):
                value = self._look.number(entry.spec.path, inner)
                if value is not None:
                    about = self._asker.about(entry, inner)
                    yield Score(
                        about.annotator,
                        about.kind,
                        about.attribute,
                        value,
                        entry.spec.scale or (None, None),
                        about.sample,
                        about.rationale,
                        compares=entry.spec.compares,
                        answered_at=about.answered_at,
                        seconds=about.seconds,
                    )


_LETTERS = re.compile(r"[^\s>=<,]+")


def place_in(order: Any, key: str | int | None, what: str) -> float | None:
    """The place (from 0) of a response in an order, best first; None when it is not in it.

    An order is a list of numbers or keys, with lists of those that are tied, or text such as `2 > 0 = 1`.

    Raises:
        RowError: it is something else, or names a response twice.
    """
    steps = _steps(order, what)
    places = [place for place, step in enumerate(steps) if str(key) in step]
    if len(places) > 1:
        raise RowError("unknown label", f"{what!r} names {key!r} twice: {str(order)[:80]!r}")
    return float(places[0]) if places else None


def _steps(order: Any, what: str) -> list[list[str]]:
    if isinstance(order, str) and ">" in order:
        return [_LETTERS.findall(step) for step in order.split(">")]
    if not isinstance(order, list | tuple):
        raise RowError(
            "wrong type", f"{what!r} should be a list, best first, or text such as 2 > 0 = 1; it is {str(order)[:80]!r}"
        )
    steps = (step if isinstance(step, list | tuple) else [step] for step in order)
    return [[plain_text(one) for one in step] for step in steps]
