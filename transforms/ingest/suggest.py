"""A description to start from, for a file that nobody has described: `prefcurate check --suggest FILE`.

Everything here is a guess from names and values, told as such; what it made of the file is read back with it and shown, since only a
person knows what a 1 means.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefcurate.transforms.ingest.columns import (
    FEW,
    PREFERRED,
    SIDES,
    Column,
    columns,
    inside,
    numbered,
    side_pairs,
)
from prefcurate.transforms.ingest.suggest_labels import (
    IDS,
    LABELS,
    MODELS,
    RANKS,
    SCORES,
    WHO,
    WHY,
    Suggestion,
    about,
    is_named,
    is_vote,
    label,
    named_in,
    order,
    take,
)
from prefcurate.transforms.ingest.suggest_tools import tool_export

PROMPTS = (
    "prompt",
    "question",
    "instruction",
    "query",
    "input",
    "context",
    "problem",
    "post",
    "history",
    "conversation",
    "task",
    "user",
    "title",
)
RESPONSES = (
    "response",
    "answer",
    "completion",
    "output",
    "generation",
    "reply",
    "summary",
    "candidate",
    "assistant",
    "text",
    "conversation",
    "translation",
    "argument",
)


def suggest(rows: Sequence[Any]) -> Suggestion:
    """Fields for some rows of a file; without responses nothing that could be compared was seen."""
    objects = [row for row in rows if isinstance(row, Mapping)]
    export = tool_export(objects)
    if export is not None:
        return export
    left = columns(objects)
    made = Suggestion()
    for step in (_responses, _prompt, _who_and_what):
        step(made, left)
    if (
        "prompt" not in made.fields
        and isinstance(made.fields.get("responses"), dict)
        and "each" not in made.fields["responses"]
    ):
        del made.fields["responses"]  # rows of one response each: nothing says which belong together
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
    several = [column for column in left if column.texts and is_named(column, RESPONSES) and _sizes(column)[-1] > 1]
    two = _two_in_a_list(left, lists, several)
    if two:
        column, elements = two
        take(left, column)
        made.fields |= {"response_a": elements[0].path, "response_b": elements[1].path}
        label(made, left, elements)
    elif lists:
        _set_of_objects(made, left, lists[0])
    elif many:
        _set_of_columns(made, left, many[0])
    elif pair := _named(side_pairs(content, SIDES)):
        _two(made, left, pair)
        order(made, left)
        label(made, left, pair)
    elif several:
        _set_of_lists(made, left, several[0])
    elif scored := _named_by_scores(content, left):
        made.fields["responses"] = [
            {"text": take(left, text), "model": {"constant": text.path}, "ratings": take(left, score)}
            for text, score in scored
        ]
        made.guesses.append(f"{scored[0][1].path!r} and the others: the higher, the better")
    elif voted := _named_by_votes(content, left):
        one, other = voted
        _two(made, left, (one, other))
        order(made, left)
        label(made, left, (one, other))
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
    for one, other in side_pairs([column for column in left if column.is_number], PREFERRED):
        if sides[0] == "chosen" and is_named(one, SCORES) and "score_chosen" not in made.fields:
            made.fields |= {"score_chosen": take(left, one), "score_rejected": take(left, other)}
    turns = [column for column in left if column.is_number and column.words in (("turn",), ("turns",))]
    if turns and pair[0].is_messages and made.format == "mapping":
        made.fields["turns"] = take(left, turns[0])
        made.guesses.append(f"{made.fields['turns']!r} says how many turns of the conversations were judged")


def _two_in_a_list(
    left: Sequence[Column], lists: Sequence[Column], several: Sequence[Column]
) -> tuple[Column, tuple[Column, Column]] | None:
    """The two elements of lists of two, where a vote beside them says which is better."""
    for column in (*lists, *several):
        if set(_sizes(column)) != {2} or not any(is_vote(c) for c in left if c is not column and not c.is_content):
            continue
        inner = next((c.path for c in inside(column) if c.is_content and is_named(c, RESPONSES)), "")
        values = [value for value in column.values if isinstance(value, list)]
        texts = [[(one[n].get(inner) if inner else one[n]) for one in values] for n in (0, 1)]
        names = [f"{column.path}[{n}]" + (f".{inner}" if inner else "") for n in (0, 1)]
        return column, (Column(names[0], tuple(texts[0]), column.rows), Column(names[1], tuple(texts[1]), column.rows))
    return None


def _named_by_scores(content: Sequence[Column], left: Sequence[Column]) -> list[tuple[Column, Column]]:
    """Texts whose names stand in those of scores: `claude` and `helpfulness_claude`."""
    scores = [column for column in left if _is_score(column)]
    named = [(text, [score for score in scores if named_in(text.path, [score])]) for text in content]
    sure = [(text, found[0]) for text, found in named if len(found) == 1]
    return sure if len(sure) > 1 and len({score.path for _, score in sure}) == len(sure) else []


def _named_by_votes(content: Sequence[Column], left: Sequence[Column]) -> tuple[Column, Column] | None:
    """The two texts whose names are the values of a vote: `winner` is "GPT-4", and there is a column `GPT-4 answer`."""
    for vote in (column for column in left if column not in content and 1 < len(column.distinct) <= FEW):
        named = {value: named_in(value, [c for c in content if c is not vote]) for value in vote.distinct}
        sure = [column for column in content if column in named.values()]
        if len(sure) == 2:
            return sure[0], sure[1]
    return None


def _sizes(column: Column) -> list[int]:
    """How long its lists are, from the shortest; two columns of lists stand side by side where these are alike."""
    return sorted(len(value) for value in column.values if isinstance(value, list))


def _response_inside(column: Column) -> bool:
    return any(c.is_content and is_named(c, RESPONSES) for c in inside(column)) and _sizes(column)[-1] > 1


def _set_of_objects(made: Suggestion, left: list[Column], column: Column) -> None:
    of_each = inside(column)
    text = next(c for c in of_each if c.is_content and is_named(c, RESPONSES))
    made.fields["responses"] = {"each": take(left, column), "text": text.path, **_scored(made, of_each)}


def _scored(made: Suggestion, of_each: Sequence[Column]) -> dict[str, Any]:
    """Model, rank and ratings of responses, from the columns beside their text."""
    told: dict[str, Any] = {}
    models = [c for c in of_each if c.is_text and is_named(c, MODELS)]
    ranks = [c for c in of_each if c.is_number and is_named(c, RANKS)]
    scores = [c for c in of_each if _is_score(c) and not is_named(c, (*RANKS, *IDS, *MODELS))]
    if models:
        told["model"] = models[0].path
    if ranks:
        told["rank"] = ranks[0].path
        made.guesses.append(f"{ranks[0].path!r}: the smaller, the better")
    elif scores:
        told["ratings"] = [
            _of_each(c) if n == 0 else _of_each(c) | {"attribute": {"constant": c.path.rsplit(".", 1)[-1]}}
            for n, c in enumerate(scores)
        ]
        made.guesses.append(f"{scores[0].path!r} decides which is better overall")
    return told


def _is_score(column: Column) -> bool:
    if column.is_number or column.numbers:
        return is_named(column, SCORES)
    return column.is_flag and is_named(column, LABELS)


def _of_each(column: Column) -> dict[str, Any]:
    """A rating, or one for each element of a list of them."""
    return {"each": column.path, "path": "."} if column.numbers else {"path": column.path}


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
    beside = [c for c in left if c is not column and (c.numbers or c.texts) and set(_sizes(c)) <= set(_sizes(column))]
    told: dict[str, Any] = {"each": take(left, column)}
    for other in beside:
        kind = "model" if other.texts and is_named(other, MODELS) else "rank" if is_named(other, RANKS) else "ratings"
        if kind not in told and (kind == "model" or other.numbers):
            told[kind] = f"$.{take(left, other)}[@index]"
    made.fields["responses"] = told


def _one_a_row(made: Suggestion, left: list[Column], content: Sequence[Column]) -> None:
    texts = sorted((c for c in content if is_named(c, RESPONSES) and not is_named(c, PROMPTS)), key=lambda c: -c.length)
    scores = [c for c in left if (_is_score(c) or (c.is_number and is_named(c, RANKS))) and not is_named(c, IDS)]
    if texts and scores:
        made.fields["responses"] = {"text": take(left, texts[0]), **_scored(made, scores)}
        for column in scores:
            take(left, column)
        made.guesses.append("each row is one response; rows with the same prompt are compared")


def _prompt(made: Suggestion, left: list[Column]) -> None:
    content = [column for column in left if column.is_content]
    named = sorted((c for c in left if _may_ask(c)), key=lambda c: _as_prompt(made, c))
    rest = sorted((c for c in content if not is_named(c, (*WHY, *MODELS, *WHO, *IDS))), key=lambda c: -c.length)
    if named or rest:
        made.fields = {"prompt": take(left, (named or rest)[0])} | made.fields
        if not named:
            made.guesses.append(f"{made.fields['prompt']!r} is the prompt, as the longest text that is left")
    elif made.format == "hf_preference":
        made.guesses.append("no prompt: what both responses have in common at the beginning is taken for it")


def _may_ask(column: Column) -> bool:
    if not is_named(column, PROMPTS) or is_named(column, (*WHY, *IDS)) or "system" in column.words:
        return False
    return column.is_content or (column.is_text and not column.is_number)


def _as_prompt(made: Suggestion, column: Column) -> tuple[bool, bool, int]:
    """What speaks for a prompt, best first: a beginning of its name that the responses' have too, its whole name, its words."""
    response = str(made.fields.get("chosen") or made.fields.get("response_a") or "")
    head = Column(response, (), 0).words[:1]
    begins = len(column.words) > 1 and column.words[:1] == head and not set(head) & {*PROMPTS, *RESPONSES}
    place = min(
        PROMPTS.index(word) for word in (*column.words, *(w.rstrip("s") for w in column.words)) if word in PROMPTS
    )
    return not begins, len(column.words) > 1, place


def _who_and_what(made: Suggestion, left: list[Column]) -> None:
    system = [
        c for c in left if "system" in c.words and c.is_text and c.length > 12 and any(" " in str(v) for v in c.values)
    ]
    if system:
        made.fields["system"] = take(left, system[0])
    made.fields |= {name: path for name, path in about(left, ()).items() if name not in made.fields}
    for name in ("annotator", "rationale"):
        left[:] = [column for column in left if column.path != made.fields.get(name)]
    told = made.fields.get("label")
    kind = made.fields.pop("kind", None) or (told.get("kind") if isinstance(told, dict) else None)
    if isinstance(told, list):
        made.fields.pop("annotator", None)
    made.fields["kind"] = kind or "person"
    made.guesses.append(
        f"kind: {made.fields['kind']}: who labelled is taken for {'people' if kind in (None, 'person') else 'a model'}"
    )
    ids = [c for c in left if c.words and c.words[-1] in IDS and len(c.distinct) == c.rows == len(c.values)]
    if ids and "." not in ids[0].path:
        made.fields["row_id"] = take(left, ids[0])
