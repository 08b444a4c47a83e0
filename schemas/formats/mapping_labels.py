"""The opinions of one row: one label, a list of them, or one for each element of a list in the row."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from pydantic import model_validator

from prefcurate.schemas.formats.mapping_fields import FieldSpec, Looker
from prefcurate.schemas.formats.mapping_paths import Path, Scope
from prefcurate.schemas.formats.mapping_rules import About, Rule, Ruled, kind_of, order_of
from prefcurate.schemas.formats.mapping_template import Template
from prefcurate.schemas.formats.mapping_values import is_nothing
from prefcurate.schemas.formats.rows import RowError, held
from prefcurate.schemas.formats.times import between, duration, moment
from prefcurate.schemas.records import AnnotatorKind, GivenLabel, GivenRating, Order, Verdict

ANONYMOUS = "anonymous"
"""The annotator of a label that nobody's name stands at."""

_SHORT = 64
_MOST_KNOWN = 10_000

_VERDICTS = {"a": Verdict.FIRST, "b": Verdict.SECOND}
_RULES = frozenset({"path", "path_a", "path_b", "columns", "constant", "p_a"})
_ORDERS = {"ab": Order.FIRST_SHOWN_FIRST, "ba": Order.SECOND_SHOWN_FIRST, "unknown": Order.UNKNOWN}


class LabelSpec(Rule):
    """One entry under `label`. With `each`, its paths start at every element of a list (or object) in the row."""

    each: FieldSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "each" in given and not _RULES & set(given):
            return {**given, "path": "."}
        return {"path": given} if isinstance(given, str) else given

    def specs(self) -> list[FieldSpec]:
        """Every field that it names; `each` itself, whose path starts at the row, is none of them."""
        return [spec for spec in super().specs() if spec is not self.each]


class RatingSpec(About):
    """One score of one response: `{of: a, path: score_a, attribute: {constant: helpfulness}, scale: [1, 5]}`."""

    of: Literal["a", "b"]
    path: FieldSpec
    scale: tuple[float, float] | None = None


@dataclass(frozen=True)
class Opinions:
    """Everything that a row says about its pair."""

    labels: tuple[GivenLabel, ...]
    ratings: tuple[GivenRating, ...]


@dataclass(frozen=True, slots=True)
class Who:
    """Who gave a rating, of what, why, and when."""

    annotator: str
    kind: AnnotatorKind
    attribute: str
    sample: int
    rationale: str | None
    answered_at: str | None
    seconds: float | None


@dataclass(frozen=True)
class Entry:
    """A label's or a rating's setting, and who gives it under which conditions: what it says itself, or else what stands beside `label`."""

    spec: Any
    about: Mapping[str, tuple[FieldSpec, bool]]
    """By name, only what is said anywhere; with whether its path starts at the row."""

    @classmethod
    def of(cls, spec: About, default: About) -> "Entry":
        """An entry, put together once and asked for each row."""
        own = {name: (getattr(spec, name), False) for name in About.model_fields}
        shared = {name: (getattr(default, name), True) for name in About.model_fields}
        said = {name: own[name] if own[name][0] is not None else shared[name] for name in own}
        return cls(spec, {name: field for name, field in said.items() if field[0] is not None})

    def where(self, name: str, scope: Scope) -> tuple[FieldSpec | None, Scope]:
        """A field and where its path starts."""
        field, from_row = self.about.get(name, (None, False))
        return field, scope.root if from_row else scope

    @cached_property
    def places(self) -> tuple[tuple[Path, bool], ...] | None:
        """The paths whose text and a label's word are all that a label depends on; None where there is more (a strength, a rationale)."""
        specs = [field for field, _ in self.about.values()]
        own = any(getattr(self.spec, name, None) is not None for name in ("strength", "p_a"))
        if own or "rationale" in self.about or any(isinstance(spec.parsed, Template) or spec.first for spec in specs):
            return None
        return tuple(
            (field.parsed, from_row) for field, from_row in self.about.values() if isinstance(field.parsed, Path)
        )

    def names(self, scope: Scope) -> tuple[str, ...] | None:
        """What stands at the places; None unless all of it is short text."""
        found = []
        for path, from_row in self.places or ():
            value = path.find(scope.root if from_row else scope)
            if type(value) is not str or len(value) > _SHORT:
                return None
            found.append(value)
        return tuple(found)


class Asker:
    """Reads labels and ratings; `default` is what the fields beside `label` say about annotator, kind, order, …"""

    def __init__(
        self, look: Looker, default: About, labels: Iterable[LabelSpec], ratings: Iterable[RatingSpec]
    ) -> None:
        self.look = look
        self._labels = [Entry.of(spec, default) for spec in labels]
        self._ratings = [Entry.of(spec, default) for spec in ratings]
        self._known: dict[tuple[int, str | None, tuple[str, ...]], GivenLabel] = {}

    def opinions(self, row: Scope, asked: Callable[[RatingSpec], bool]) -> Opinions:
        """The opinions of a row, with those ratings that are asked for.

        A value that the rule does not know stays as an unparsed label when another label of the row is good; a row
        whose every label is unknown is unreadable, since its pair would look as if nobody had judged it.

        Raises:
            RowError: no label of the row could be understood, or a field is a typing error or of a wrong type.
        """
        given: list[GivenLabel] = []
        scores: list[GivenRating] = []
        unknown: list[str] = []
        for number, entry in enumerate(self._labels):
            for scope in scopes_of(self.look, entry.spec.each, row):
                ruled = entry.spec.apply(self.look, scope)
                scores += self._scores(entry, ruled, scope)
                if ruled.unknown is not None:
                    unknown.append(ruled.unknown)
                if ruled.word is not None or ruled.unknown is not None:
                    given.append(self._label(number, entry, ruled, scope))
        if unknown and len(unknown) == len(given):
            raise RowError("unknown label", unknown[0])
        for entry in self._ratings:
            if asked(entry.spec):
                scores += self._rating(entry, row)
        return Opinions(tuple(given), tuple(scores))

    def about(self, entry: Entry, scope: Scope) -> "Who":
        """Who gives a rating and of what."""
        return Who(
            annotator=self._annotator(entry, scope),
            kind=self._kind(entry, scope),
            attribute=self._text(entry, "attribute", scope) or "overall",
            sample=self._sample(entry, scope),
            rationale=self._text(entry, "rationale", scope),
            answered_at=moment(self._value(entry, "answered_at", scope)),
            seconds=self._seconds(entry, scope),
        )

    def _text(self, entry: Entry, name: str, scope: Scope) -> str | None:
        return self.look.text(*entry.where(name, scope)) if name in entry.about else None

    def _value(self, entry: Entry, name: str, scope: Scope) -> Any:
        return self.look.value(*entry.where(name, scope)) if name in entry.about else None

    def _seconds(self, entry: Entry, scope: Scope) -> float | None:
        if "seconds" in entry.about:
            return duration(self._value(entry, "seconds", scope))
        return between(*(self._value(entry, name, scope) for name in ("started_at", "answered_at")))

    def _sample(self, entry: Entry, scope: Scope) -> int:
        number = self.look.number(*entry.where("sample", scope)) if "sample" in entry.about else None
        return 0 if number is None else int(number)

    def _annotator(self, entry: Entry, scope: Scope) -> str:
        return self._text(entry, "annotator", scope) or ANONYMOUS

    def _kind(self, entry: Entry, scope: Scope) -> Any:
        field, where = entry.where("kind", scope)
        return kind_of(field, self.look, where)

    def _order(self, entry: Entry, scope: Scope) -> str:
        field, where = entry.where("order", scope)
        return order_of(field, self.look, where)

    def _label(self, number: int, entry: Entry, ruled: Ruled, scope: Scope) -> GivenLabel:
        """A label; the same few annotators stand in a million rows, and what they say under the same conditions is made once."""
        plain = entry.places is not None and ruled.strength is None and ruled.unknown is None
        names = entry.names(scope) if plain else None
        if names is None:
            return self._made(entry, ruled, scope)
        key = (number, ruled.word, names)
        if key not in self._known:
            if len(self._known) == _MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._made(entry, ruled, scope)
        return self._known[key]

    def _made(self, entry: Entry, ruled: Ruled, scope: Scope) -> GivenLabel:
        strength = self.look.number(entry.spec.strength, scope)
        label = GivenLabel(
            annotator=self._annotator(entry, scope),
            kind=self._kind(entry, scope),
            verdict=None if ruled.word is None else _VERDICTS.get(ruled.word) or Verdict(ruled.word),
            order=_ORDERS[self._order(entry, scope)],
            p_first=self._probability(entry.spec, scope),
            strength=ruled.strength if strength is None else strength,
            attribute=self._text(entry, "attribute", scope) or "overall",
            context=self._text(entry, "context", scope) or "none",
            principle=self._text(entry, "principle", scope),
            sample=self._sample(entry, scope),
            rationale=self._text(entry, "rationale", scope),
            raw_output=ruled.raw,
            parse_status="ok" if ruled.unknown is None else "unparsed",
            family=self._text(entry, "family", scope),
            answered_at=moment(self._value(entry, "answered_at", scope)),
            seconds=self._seconds(entry, scope),
        )
        return _mirrored(label) if self._is_mirrored(entry, scope) else label

    def _is_mirrored(self, entry: Entry, scope: Scope) -> bool:
        """Whether a and b of this label are the fields' b and a: said in shown order, and b was shown first."""
        if entry.spec.of == "fields":
            return False
        order = self._order(entry, scope)
        if order == "unknown":
            raise RowError("unknown order", "the label is given in shown order (of: shown), and the order is not known")
        return order == "ba"

    def _probability(self, spec: LabelSpec, scope: Scope) -> float | None:
        p = self.look.number(spec.p_a, scope)
        if p is not None and not 0 <= p <= 1:
            raise RowError("wrong type", f"{str(spec.p_a)!r} should be a probability and is {p!r}")
        return p

    def _scores(self, entry: Entry, ruled: Ruled, scope: Scope) -> Iterator[GivenRating]:
        if ruled.scores == (None, None):
            return
        sides = ("second", "first") if self._is_mirrored(entry, scope) else ("first", "second")
        for side, score in zip(sides, ruled.scores, strict=True):
            if score is not None:
                yield self._score(entry, side, score, scope)

    def _rating(self, entry: Entry, row: Scope) -> Iterator[GivenRating]:
        score = self.look.number(entry.spec.path, row)
        if score is not None:
            yield self._score(entry, "first" if entry.spec.of == "a" else "second", score, row)

    def _score(self, entry: Entry, side: Any, score: float, scope: Scope) -> GivenRating:
        low, high = entry.spec.scale or (None, None)
        about = self.about(entry, scope)
        return GivenRating(
            of=side,
            annotator=about.annotator,
            kind=about.kind,
            attribute=about.attribute,
            value=score,
            scale_min=low,
            scale_max=high,
            sample=about.sample,
            rationale=about.rationale,
        )


def scopes_of(look: Looker, each: FieldSpec | None, scope: Scope) -> Iterator[Scope]:
    """Where paths start: at the scope itself, or with `each` at every element that is there of a list or an object.

    Raises:
        RowError: the value at `each` is neither.
    """
    if each is None:
        yield scope
        return
    value = look.value(each, scope)
    if is_nothing(value):
        return
    value = held(value)
    if isinstance(value, Mapping):
        elements: list[tuple[str | int, Any]] = list(value.items())
    elif isinstance(value, list | tuple):
        elements = list(enumerate(value))
    else:
        raise RowError("wrong type", f"each: {str(each)!r} should be a list and is {str(value)[:80]!r}")
    yield from (scope.within(key, element) for key, element in elements if not is_nothing(element))


def _mirrored(label: GivenLabel) -> GivenLabel:
    turned = {Verdict.FIRST: Verdict.SECOND, Verdict.SECOND: Verdict.FIRST}
    return replace(
        label,
        verdict=None if label.verdict is None else turned.get(label.verdict, label.verdict),
        p_first=None if label.p_first is None else 1.0 - label.p_first,
        strength=None if label.strength is None else -label.strength,
    )
