"""What a prompt demands of its response in a form that a program can verify."""

from dataclasses import dataclass
from typing import Literal

Relation = Literal["at least", "at most", "less than", "more than", "exactly", "around"]
Value = str | int | tuple[str, ...]

AROUND = 0.2
"""“About 200 words” is kept within a fifth of it."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One demand: its kind (a key of `prefcurate.transforms.measures.satisfied.CHECKS`), its arguments, and where it stands.

    `start` and `end` are character offsets into the prompt it was read from; both 0 when it came as data.
    """

    kind: str
    arguments: tuple[tuple[str, Value], ...] = ()
    start: int = 0
    end: int = 0

    @classmethod
    def of(cls, kind: str, start: int = 0, end: int = 0, /, **arguments: Value) -> "Requirement":
        """A requirement with its arguments by name."""
        return cls(kind, tuple(sorted(arguments.items())), start, end)

    def text(self, name: str) -> str:
        """An argument that is text."""
        return str(dict(self.arguments)[name])

    def number(self, name: str) -> int:
        """An argument that is a whole number."""
        value = dict(self.arguments)[name]
        if not isinstance(value, int):
            raise ValueError(f"{self.kind}: {name} is {value!r}, not a whole number")
        return value

    def list(self, name: str) -> tuple[str, ...]:
        """An argument that is a list of texts."""
        value = dict(self.arguments)[name]
        if not isinstance(value, tuple):
            raise ValueError(f"{self.kind}: {name} is {value!r}, not a list")
        return value

    def counts(self, count: int) -> bool:
        """Whether a count stands in the demanded `relation` to the demanded `count`."""
        return compare(count, self.text("relation"), self.number("count"))

    def describe(self) -> str:
        """In words, for rationales and rubrics: ``words: at least 300``."""
        values = dict(self.arguments)
        told = [f"{values.pop('relation')} {values.pop('count')}"] if "relation" in values else []
        told += [", ".join(v) if isinstance(v, tuple) else str(v) for v in values.values()]
        return f"{self.kind}: {'; '.join(told)}" if told else self.kind


def compare(count: int, relation: str, wanted: int) -> bool:
    """Whether ``count`` stands in a relation to ``wanted``.

    Raises:
        ValueError: there is no such relation.
    """
    outcomes: dict[str, bool] = {
        "at least": count >= wanted,
        "at most": count <= wanted,
        "less than": count < wanted,
        "more than": count > wanted,
        "exactly": count == wanted,
        "around": abs(count - wanted) <= AROUND * wanted,
    }
    if relation not in outcomes:
        raise ValueError(f"there is no relation {relation!r}; known: {', '.join(outcomes)}")
    return outcomes[relation]
