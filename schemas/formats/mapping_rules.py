"""How one label of the `mapping` reader is worded in its source: the rule from a row's values to one of our words.

Exactly one of these says it:

    {path: vote, values: {"1": a, "2": b, "0": tie}}          a table (without `values` the source uses our words)
    {path: winner, same_as: {a: model_a, b: model_b}}         the winner's name, as another field has it
    {path: score_diff, positive: a}                           a sign; zero is a tie
    {path_a: score_a, path_b: score_b, min_gap: 1}            two ratings; equal, or nearer than `min_gap`, is a tie
    {columns: {a: a_wins, b: b_wins, tie: tied}}              one flag a label, of which one is set
    {p_a: probability}                                        above a half is a
    {constant: a}                                             the same in every row: chosen and rejected
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

from pydantic import Field, field_validator, model_validator

from prefcurate.schemas.formats.mapping_fields import FieldSpec, Looker, Settings, number_in
from prefcurate.schemas.formats.mapping_paths import ABSENT, Scope
from prefcurate.schemas.formats.mapping_values import Values, forms, is_nothing, own_words, truth
from prefcurate.schemas.formats.rows import RowError
from prefcurate.schemas.formats.sets import nearer
from prefcurate.schemas.records import AnnotatorKind

Word = Literal["a", "b", "tie", "both_bad", "both_good", "unratable", "skip"]
"""What a value of a source may mean; `skip` is no label: the pair is used without it."""

WORDS: tuple[str, ...] = get_args(Word)
KINDS: tuple[str, ...] = get_args(AnnotatorKind)
ORDERS = ("ab", "ba", "unknown")
_OWN = own_words(*WORDS)


@dataclass(frozen=True, slots=True)
class Ruled:
    """What a rule made of a row: a word, nothing (no label), or a value that it does not know and why."""

    word: str | None = None
    unknown: str | None = None
    raw: str | None = None
    strength: float | None = None
    scores: tuple[float | None, float | None] = (None, None)


class About(Settings):
    """Who gave a label or a rating, and under which conditions."""

    added: ClassVar[frozenset[str]] = frozenset({"answered_at", "started_at", "seconds"})

    annotator: FieldSpec | None = None
    kind: FieldSpec | None = None
    order: FieldSpec | None = None
    family: FieldSpec | None = None
    attribute: FieldSpec | None = None
    context: FieldSpec | None = None
    principle: FieldSpec | None = None
    sample: FieldSpec | None = None
    rationale: FieldSpec | None = None
    answered_at: FieldSpec | None = None
    """When: a date and time (ISO 8601), or seconds or milliseconds since 1970."""
    started_at: FieldSpec | None = None
    """When the annotator began: what the answer took is the time until `answered_at`."""
    seconds: FieldSpec | None = None
    """What the answer took."""

    @field_validator("kind", "order", mode="before")
    @classmethod
    def _our_word_is_a_constant(cls, given: Any) -> Any:
        return {"constant": given} if isinstance(given, str) and given in (*KINDS, "ab", "ba") else given

    @field_validator("kind")
    @classmethod
    def _kinds(cls, spec: FieldSpec | None) -> FieldSpec | None:
        return _one_of(spec, KINDS)

    @field_validator("order")
    @classmethod
    def _orders(cls, spec: FieldSpec | None) -> FieldSpec | None:
        return _one_of(spec, ORDERS)

    def specs(self) -> list[FieldSpec]:
        """Every field that it names."""
        return [spec for name in type(self).model_fields if isinstance(spec := getattr(self, name), FieldSpec)]


def _one_of(spec: FieldSpec | None, words: tuple[str, ...]) -> FieldSpec | None:
    if spec is None:
        return None
    said = [spec.constant] if spec.constant is not None else list((spec.values or {}).values())
    wrong = [word for word in said if word not in words]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is none of {', '.join(words)}")
    return spec


class Rule(About):
    """A label's rule and what is said about its annotator; see the module's beginning."""

    path: FieldSpec | None = None
    values: dict[Any, Word] | None = None
    same_as: dict[Word, FieldSpec] | None = None
    positive: Word | None = None
    negative: Word | None = None
    zero: Word = "tie"
    path_a: FieldSpec | None = None
    path_b: FieldSpec | None = None
    higher_is_better: bool = True
    min_gap: float = Field(default=0, ge=0)
    """The smallest difference of two ratings, or size of a signed one, that is a preference."""
    scale: tuple[float, float] | None = None
    """The lowest and the highest rating possible."""
    columns: dict[Word, FieldSpec] | None = None
    constant: Word | None = None
    of: Literal["fields", "shown"] = "fields"
    """What a and b mean here: the fields response_a and response_b, or the response shown first and second."""
    p_a: FieldSpec | None = None
    strength: FieldSpec | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> "Rule":
        ratings = self.path_a is not None or self.path_b is not None
        named = {
            "path": self.path is not None,
            "path_a and path_b": ratings,
            "columns": self.columns is not None,
            "constant": self.constant is not None,
        }
        found = [name for name, is_there in named.items() if is_there]
        if len(found) > 1 or (not found and self.p_a is None):
            said = " and ".join(found) or "none of them"
            raise ValueError(
                f"a label comes from one of path, path_a and path_b, columns, constant and p_a; here is {said}"
            )
        if ratings and (self.path_a is None or self.path_b is None):
            raise ValueError("path_a and path_b go together: the rating of each response")
        needs_path = [name for name in ("values", "same_as", "positive", "negative") if getattr(self, name) is not None]
        if needs_path and self.path is None:
            raise ValueError(f"{needs_path[0]} says what the values at `path` mean, and there is no path")
        if self.signed and (self.values or self.same_as):
            raise ValueError(
                "positive and negative are for numbers; values and same_as are for everything else: use one"
            )
        if self.positive is not None and self.positive == self.negative:
            raise ValueError(f"positive and negative are both {self.positive!r}")
        _ = self.table
        return self

    @property
    def signed(self) -> bool:
        """Whether the sign of a number says the label."""
        return self.positive is not None or self.negative is not None

    @cached_property
    def table(self) -> Values:
        """The meaning of the values at `path`."""
        return _OWN if self.values is None else Values.of(self.values)

    def specs(self) -> list[FieldSpec]:
        """Every field that it names."""
        return [*super().specs(), *(self.same_as or {}).values(), *(self.columns or {}).values()]

    def apply(self, look: Looker, scope: Scope) -> Ruled:
        """What the rule makes of a row.

        Raises:
            RowError: a field's name is a typing error.
        """
        if self.constant is not None:
            return _worded(self.constant)
        if self.columns is not None:
            return _from_columns(self.columns, look, scope)
        if self.path_a is not None and self.path_b is not None:
            return self._from_ratings(look.number(self.path_a, scope), look.number(self.path_b, scope))
        if self.path is None:
            p_a = look.number(self.p_a, scope)
            return Ruled() if p_a is None else Ruled(_by_sign(p_a - 0.5, "a", "b", "tie"))
        value = look.value(self.path, scope)
        return self._from_number(value) if self.signed else self._from_value(value, look, scope)

    def _from_value(self, value: Any, look: Looker, scope: Scope) -> Ruled:
        for word, spec in (self.same_as or {}).items():
            other = look.value(spec, scope)
            if not is_nothing(value) and not is_nothing(other) and _same(value, other):
                return _worded(word)
        own_words = self.same_as is None or self.values is not None
        meaning = self.table.get(value) if own_words and value is not ABSENT else None
        if meaning is not None:
            return _WORDED[meaning]
        if is_nothing(value):
            return Ruled()
        return Ruled(unknown=f"{str(self.path)!r} is {value!r}; {self._known()}", raw=str(value))

    def _known(self) -> str:
        if self.same_as is not None:
            others = " or ".join(repr(str(spec)) for spec in self.same_as.values())
            return f"it should be the value of {others}" + (
                f" or one of {self.table.known()}"
                if self.values
                else "; say under `values` what others mean, such as tie"
            )
        if self.values is None:
            return f"known values: {', '.join(WORDS)}; say under `values` what others mean"
        return f"known values: {self.table.known()}"

    def _from_number(self, value: Any) -> Ruled:
        try:
            number = number_in(value, str(self.path))
        except RowError:
            return Ruled(unknown=f"{str(self.path)!r} is {value!r}, which is no number", raw=str(value))
        if number is None:
            return Ruled()
        opposite: dict[str | None, str] = {"a": "b", "b": "a"}
        positive = self.positive or opposite.get(self.negative, "skip")
        negative = self.negative or opposite.get(self.positive, "skip")
        gap = 0.0 if nearer(number, self.min_gap) else number
        return _worded(_by_sign(gap, positive, negative, self.zero), strength=number if positive == "a" else -number)

    def _from_ratings(self, a: float | None, b: float | None) -> Ruled:
        if a is None or b is None:
            return Ruled(scores=(a, b))
        gap = (a - b) if self.higher_is_better else (b - a)
        word = _by_sign(0.0 if nearer(gap, self.min_gap) else gap, "a", "b", self.zero)
        return _worded(word, strength=gap, scores=(a, b))


def _by_sign(number: float, positive: str, negative: str, zero: str) -> str:
    return positive if number > 0 else negative if number < 0 else zero


def _worded(
    word: str, strength: float | None = None, scores: tuple[float | None, float | None] = (None, None)
) -> Ruled:
    return Ruled(None if word == "skip" else word, strength=strength, scores=scores)


_WORDED = {word: _worded(word) for word in WORDS}


def _same(one: Any, other: Any) -> bool:
    return forms(one)[0] == forms(other)[0] or bool(set(_words_of(one)) & set(_words_of(other)))


def _words_of(value: Any) -> list[str]:
    return [form for form in forms(value) if form.startswith(("text ", "number "))]


def _from_columns(columns: Mapping[Word, FieldSpec], look: Looker, scope: Scope) -> Ruled:
    given = {word: look.value(spec, scope) for word, spec in columns.items()}
    flags = {word: truth(value) for word, value in given.items()}
    odd = [word for word, flag in flags.items() if flag is None]
    if odd:
        raw = given[odd[0]]
        return Ruled(unknown=f"{str(columns[odd[0]])!r} is {raw!r}, neither set nor unset", raw=str(raw))
    chosen = [word for word, flag in flags.items() if flag]
    if len(chosen) > 1:
        names = " and ".join(repr(str(columns[word])) for word in chosen)
        return Ruled(unknown=f"{names} are both set; one of them can be", raw=", ".join(chosen))
    return _worded(chosen[0]) if chosen else Ruled()


def kind_of(spec: FieldSpec | None, look: Looker, scope: Scope) -> AnnotatorKind:
    """The kind of annotator of a row; a person when nothing says otherwise (`check` says so in words).

    Raises:
        RowError: the value is none of the four kinds.
    """
    if spec is None:
        return "person"
    word = _word(look, spec, scope)
    if word not in KINDS:
        raise RowError("unknown kind", f"{str(spec)!r} is {word!r}; known kinds: {', '.join(KINDS)}")
    return word  # type: ignore[return-value]


def order_of(spec: FieldSpec | None, look: Looker, scope: Scope) -> str:
    """Which response was shown first: ab, ba or unknown.

    Raises:
        RowError: the value is none of them.
    """
    word = None if spec is None else _word(look, spec, scope)
    if word is None:
        return "unknown"
    if word not in ORDERS:
        raise RowError(
            "unknown order", f"{str(spec)!r} is {word!r}; known values: ab, ba; say under `values` what others mean"
        )
    return word


def _word(look: Looker, spec: FieldSpec, scope: Scope) -> str | None:
    word = look.text(spec, scope)
    return None if word is None else word.lower()
