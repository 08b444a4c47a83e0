"""Settings for an export of a labelling tool, guessed from its records: which texts were compared, by which question, answered how."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from prefcurate.schemas.formats.argilla import ArgillaReader
from prefcurate.schemas.formats.label_studio_project import LabelStudioProjectReader
from prefcurate.schemas.formats.labelbox import LabelboxReader
from prefcurate.schemas.formats.rows import RowError
from prefcurate.schemas.formats.tool_exports import Record, ToolReader
from prefcurate.transforms.ingest.columns import FEW, SIDES, Column, columns, mostly, numbered, side_pairs
from prefcurate.transforms.ingest.suggest_labels import WHY, Suggestion, best_vote, is_named, is_vote, take
from prefcurate.transforms.ingest.suggest_words import word_of

_ANY: dict[str, Any] = {"prompt": "prompt", "response_a": "a", "response_b": "b"}
"""Texts that a reader must name; its records do not depend on them."""


def tool_export(rows: Sequence[Any]) -> Suggestion | None:
    """A tool's format and its settings; None where the rows are no export of one, or compare nothing."""
    kind = next((kind for kind, is_its in _TOOLS if mostly(rows, is_its)), None)
    if kind is None:
        return None
    records = list(_records(kind, rows))
    made = Suggestion(format=kind.format)
    left = columns([record.fields for record in records])
    answers = {column.path: column for column in _answered(records)}
    names = _texts(made, left, next(filter(None, map(_ranked, answers.values())), ()))
    if not names:
        return None
    _questions(made, answers, names)
    return made if {"question", "ratings"} & set(made.fields) else None


def _is_task(row: Any) -> bool:
    return isinstance(row.get("data"), Mapping) and any(
        isinstance(row.get(name), list) for name in ("annotations", "completions")
    )


def _is_data_row(row: Any) -> bool:
    return isinstance(row.get("data_row"), Mapping) and isinstance(row.get("projects"), Mapping)


def _is_record(row: Any) -> bool:
    nested = isinstance(row.get("fields"), Mapping) and "responses" in row
    return nested or any(str(key).endswith((".responses", "-suggestion")) for key in row)


_TOOLS: tuple[tuple[type[ToolReader], Any], ...] = (
    (LabelStudioProjectReader, _is_task),
    (LabelboxReader, _is_data_row),
    (ArgillaReader, _is_record),
)


def _records(kind: type[ToolReader], rows: Sequence[Any]) -> Iterator[Record]:
    """The records, with the answers to every question."""
    asked: set[str] = set()
    for questions in ({"": "overall"}, None):
        reader = kind.model_validate(_ANY | {"question": questions or dict.fromkeys(sorted(asked), "overall")})
        for row in rows:
            with suppress(RowError):
                record = reader.record(row)
                asked |= record.asked
                if questions is None:
                    yield record


def _answered(records: Sequence[Record]) -> Iterator[Column]:
    """What was answered to each question, as a column."""
    found: dict[str, list[Any]] = {}
    for record in records:
        for answer in record.answers:
            value = answer.value
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            if answer.status == "ok" and value is not None:
                found.setdefault(answer.question, []).append(value)
    for question, values in found.items():
        yield Column(question, tuple(values), len(records))


def _ranked(column: Column) -> tuple[str, ...]:
    """The names of the responses that a question ranks."""
    names: set[str] = set()
    for value in column.values:
        told = value.get("value") if isinstance(value, Mapping) else value
        for one in told if isinstance(told, list) else ():
            name = one.get("value") if isinstance(one, Mapping) else one
            names |= {name} if isinstance(name, str) else set()
    return tuple(sorted(names)) if len(names) > 1 else ()


def _texts(made: Suggestion, left: list[Column], ranked: tuple[str, ...]) -> tuple[str, ...]:
    """Names the prompt and the responses; gives the responses' names."""
    content = [column for column in left if column.is_content]
    sets = [group for group in numbered(content) if len(group) == len(ranked)]
    if len(ranked) > 2 and sets:
        group = sorted(sets[0], key=lambda column: column.path)
        made.fields["responses"] = {name: take(left, column) for name, column in zip(ranked, group, strict=True)}
        made.guesses.append("the responses' names in the ranking are taken for the texts in their order")
    else:
        pairs = sorted(side_pairs(content, SIDES), key=lambda pair: -pair[0].length)
        if not pairs:
            return ()
        made.fields |= {"response_a": take(left, pairs[0][0]), "response_b": take(left, pairs[0][1])}
    rest = sorted((c for c in left if c.is_content), key=lambda c: (not is_named(c, _ASKS), -c.length))
    if not rest:
        return ()
    made.fields = {"prompt": take(left, rest[0])} | made.fields
    return tuple(made.fields.get("responses") or "ab")


_ASKS = ("prompt", "question", "instruction", "query", "input", "context")


def _questions(made: Suggestion, answers: dict[str, Column], names: tuple[str, ...]) -> None:
    rankings = [column for column in answers.values() if _ranked(column)]
    scores = side_pairs([column for column in answers.values() if column.is_number], SIDES)
    sided = [column for pair in scores for column in pair]
    votes = [column for column in answers.values() if (is_vote(column) or _names_sides(column)) and column not in sided]
    why = [c for c in answers.values() if c.is_text and c not in votes and (is_named(c, WHY) or c.is_content)]
    if rankings or votes:
        chosen = rankings[0] if rankings else best_vote(votes)
        made.fields["question"] = chosen.path
        if not rankings and set(chosen.distinct) != {"left", "right"}:
            sides = {made.fields["response_a"]: "a", made.fields["response_b"]: "b"} if len(names) == 2 else {}
            said = {value: sides.get(value) or word_of(value) or "skip" for value in chosen.distinct}
            made.fields["values"] = (sides if set(sides) & set(said) else {}) | said
            unknown = [value for value, word in made.fields["values"].items() if word == "skip"]
            if unknown:
                made.guesses.append(
                    f"{chosen.path!r}: what {', '.join(map(repr, unknown))} means is not known: say a, b, tie, … or skip"
                )
    if scores and len(names) == 2:
        made.fields["ratings"] = {scores[0][0].path: "a", scores[0][1].path: "b"}
    if why:
        made.fields["rationale"] = why[0].path
    told = {made.fields.get("question"), made.fields.get("rationale"), *made.fields.get("ratings", ())}
    made.unread = sorted(set(answers) - told)


def _names_sides(column: Column) -> bool:
    """Whether each answer is one of a vote's words, although not all of them were given."""
    return 0 < len(column.distinct) <= FEW and not column.is_number and all(map(word_of, column.distinct))
