"""A description to start from, for a file that nobody has described: `prefcurate check --suggest FILE`.

Everything here is a guess from names and values, told as such; what it made of the file is read back with it and shown, since only a
person knows what a 1 means.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefcurate.transforms.ingest.columns import PREFERRED, SIDES, Column, columns, numbered, side_pairs
from prefcurate.transforms.ingest.suggest_labels import (
    IDS,
    MODELS,
    PROMPTS,
    RANKS,
    RESPONSES,
    SCORES,
    WHO,
    WHY,
    Suggestion,
    about,
    is_named,
    label,
    take,
)


def suggest(rows: Sequence[Any]) -> Suggestion:
    """Fields for some rows of a file; without responses nothing that could be compared was seen."""
    left = columns([row for row in rows if isinstance(row, Mapping)])
    made = Suggestion()
    for step in (_responses, _prompt, _who_and_what):
        step(made, left)
    made.unread = sorted(column.path for column in left if "." not in column.path and "[" not in column.path)
    return made


def _responses(made: Suggestion, left: list[Column]) -> None:
    content = [column for column in left if column.is_content]
    preferred = _named(side_pairs(content, PREFERRED))
    if preferred:
        made.format = "hf_preference"
        _two(made, left, preferred, ("chosen", "rejected"))
        made.guesses.append(f"{preferred[0].path!r} is always the better one")
        return
    lists = [column for column in left if column.objects and _response_inside(column)]
    many = [group for group in numbered(content) if is_named(group[0], RESPONSES)]
    several = [column for column in left if column.texts and is_named(column, RESPONSES)]
    if lists:
        _set_of_objects(made, left, lists[0])
    elif many:
        _set_of_columns(made, left, many[0])
    elif several:
        _set_of_lists(made, left, several[0])
    elif pair := _named(side_pairs(content, SIDES)):
        _two(made, left, pair)
        label(made, left, pair)
    else:
        _one_a_row(made, left, content)


def _named(pairs: Sequence[tuple[Column, Column]]) -> tuple[Column, Column] | None:
    """The pair that is most likely text of responses: by its name, then by its length."""
    ranked = sorted(pairs, key=lambda pair: (is_named(pair[0], WHY), not is_named(pair[0], RESPONSES), -pair[0].length))
    return ranked[0] if ranked else None


def _two(
    made: Suggestion,
    left: list[Column],
    pair: tuple[Column, Column],
    sides: tuple[str, str] = ("response_a", "response_b"),
) -> None:
    models = tuple(f"model_{side.removeprefix('response_')}" for side in sides)
    made.fields |= {side: take(left, column) for side, column in zip(sides, pair, strict=True)}
    for one, other in side_pairs([column for column in left if column.is_text], (*SIDES, *PREFERRED)):
        if is_named(one, MODELS) and made.models is None:
            made.models = one, other
            made.fields |= {models[0]: take(left, one), models[1]: take(left, other)}


def _response_inside(column: Column) -> bool:
    inside = columns([item for value in column.values for item in value])
    return any(c.is_content and is_named(c, RESPONSES) for c in inside) and max(map(len, column.values)) > 1


def _set_of_objects(made: Suggestion, left: list[Column], column: Column) -> None:
    inside = columns([item for value in column.values for item in value])
    text = next(c for c in inside if c.is_content and is_named(c, RESPONSES))
    made.fields["responses"] = {"each": take(left, column), "text": text.path, **_scored(made, inside)}


def _scored(made: Suggestion, inside: Sequence[Column]) -> dict[str, Any]:
    """Model, rank and ratings of responses, from the columns beside their text."""
    told: dict[str, Any] = {}
    models = [c for c in inside if c.is_text and is_named(c, MODELS)]
    ranks = [c for c in inside if c.is_number and is_named(c, RANKS)]
    scores = [c for c in inside if c.is_number and not is_named(c, (*RANKS, *IDS, *MODELS)) and is_named(c, SCORES)]
    if models:
        told["model"] = models[0].path
    if ranks:
        told["rank"] = ranks[0].path
        made.guesses.append(f"{ranks[0].path!r}: the smaller, the better")
    elif scores:
        told["ratings"] = [
            {"path": c.path} if n == 0 else {"path": c.path, "attribute": {"constant": c.path.rsplit(".", 1)[-1]}}
            for n, c in enumerate(scores)
        ]
        made.guesses.append(f"{scores[0].path!r} decides which is better overall")
    return told


def _set_of_columns(made: Suggestion, left: list[Column], group: list[Column]) -> None:
    beside = [
        g
        for g in numbered([c for c in left if c.is_number])
        if len(g) == len(group) and is_named(g[0], (*SCORES, *RANKS))
    ]
    entries = [{"text": take(left, column)} for column in group]
    if beside:
        kind = "rank" if is_named(beside[0][0], RANKS) else "ratings"
        made.guesses.append(
            f"{beside[0][0].path!r} and the others: {'the smaller' if kind == 'rank' else 'the higher'}, the better"
        )
        for entry, column in zip(entries, beside[0], strict=True):
            entry[kind] = take(left, column)
    made.fields["responses"] = entries


def _set_of_lists(made: Suggestion, left: list[Column], column: Column) -> None:
    sizes = list(map(len, column.values))
    beside = [c for c in left if c is not column and (c.numbers or c.texts) and list(map(len, c.values)) == sizes]
    told: dict[str, Any] = {"each": take(left, column)}
    for other in beside:
        kind = "model" if other.texts and is_named(other, MODELS) else "rank" if is_named(other, RANKS) else "ratings"
        if kind not in told and (kind == "model" or other.numbers):
            told[kind] = f"$.{take(left, other)}[@index]"
    made.fields["responses"] = told


def _one_a_row(made: Suggestion, left: list[Column], content: Sequence[Column]) -> None:
    texts = sorted((c for c in content if is_named(c, RESPONSES) and not is_named(c, PROMPTS)), key=lambda c: -c.length)
    scores = [c for c in left if c.is_number and is_named(c, (*SCORES, *RANKS)) and not is_named(c, IDS)]
    if texts and scores:
        made.fields["responses"] = {"text": take(left, texts[0]), **_scored(made, scores)}
        for column in scores:
            take(left, column)
        made.guesses.append("each row is one response; rows with the same prompt are compared")


def _prompt(made: Suggestion, left: list[Column]) -> None:
    content = [column for column in left if column.is_content]
    named = [
        c for name in PROMPTS for c in left if name in c.words and (c.is_content or (c.is_text and not c.is_number))
    ]
    rest = sorted((c for c in content if not is_named(c, (*WHY, *MODELS, *WHO, *IDS))), key=lambda c: -c.length)
    if named or rest:
        made.fields = {"prompt": take(left, (named or rest)[0])} | made.fields
        if not named:
            made.guesses.append(f"{made.fields['prompt']!r} is the prompt, as the longest text that is left")
    elif made.format == "hf_preference":
        made.guesses.append("no prompt: what both responses have in common at the beginning is taken for it")


def _who_and_what(made: Suggestion, left: list[Column]) -> None:
    made.fields |= {name: path for name, path in about(left, ()).items() if name not in made.fields}
    for name in ("annotator", "rationale"):
        left[:] = [column for column in left if column.path != made.fields.get(name)]
    told = made.fields.get("label")
    kind = made.fields.pop("kind", None) or (told.get("kind") if isinstance(told, dict) else None)
    made.fields["kind"] = kind or "person"
    made.guesses.append(
        f"kind: {made.fields['kind']}: who labelled is taken for {'people' if kind in (None, 'person') else 'a model'}"
    )
    ids = [c for c in left if c.words and c.words[-1] in IDS and len(c.distinct) == c.rows == len(c.values)]
    if ids and "." not in ids[0].path:
        made.fields["row_id"] = take(left, ids[0])
