"""Who preferred what, guessed from names and values: the part of a suggestion that says how labels are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefcurate.transforms.ingest.columns import FEW, SIDES, Column, inside, is_number, side_pairs, side_words
from prefcurate.transforms.ingest.suggest_words import word_of

_BEST = ["preferred", "better", "winner", "chosen", "best", "safer"]
LABELS = tuple(
    [
        "label",
        "preference",
        "pref",
        "vote",
        "verdict",
        "choice",
        "judgement",
        "judgment",
        "decision",
        "pick",
        "selected",
        "annotation",
        "rating",
    ]
    + _BEST
)
SCORES = ("score", "rating", "overall", "grade", "helpfulness", "quality", "reward", "points", "stars", "value")
RANKS = ("rank", "place", "position")
WHO = (
    "annotator",
    "worker",
    "rater",
    "labeler",
    "labeller",
    "reviewer",
    "user",
    "judge",
    "evaluator",
    "who",
    "email",
    "coder",
    "grader",
    "expert",
)
_OF_WHO = frozenset({*WHO, "id", "name", "address", "hash", "initials", "model"})
IDS = ("id", "uuid", "key")
MODELS = ("model", "system", "policy", "generator", "engine")
WHY = ("rationale", "reason", "explanation", "comment", "justification", "why", "feedback", "critique", "notes")
_COUNTS = frozenset({"total", "num", "count", "number", "cancelled", "n", "time"})
LONGEST = 20
"""Points of a scale from one response to the other, at most."""
_MACHINES = ("gpt", "claude", "gemini", "llama", "mistral", "llm", "qwen", "judge", "model")


@dataclass
class Suggestion:
    """A format and its settings (of `mapping` the fields), what was guessed in them, and the columns that no field reads."""

    format: str = "mapping"
    fields: dict[str, Any] = field(default_factory=dict)
    guesses: list[str] = field(default_factory=list)
    models: tuple[Column, Column] | None = None
    unread: list[str] = field(default_factory=list)

    @property
    def found(self) -> bool:
        """Whether there are two responses to compare."""
        return bool({"response_a", "responses", "chosen"} & set(self.fields))


def is_named(column: Column, names: Sequence[str]) -> bool:
    """Whether a word of a column's name is one of some names, or its plural."""
    return any(word.rstrip("s") in names or word in names for word in column.words)


def take(left: list[Column], column: Column) -> str:
    """A column's path; it, and what lies inside, is used up."""
    left[:] = [
        c for c in left if c.path != column.path and not c.path.startswith((f"{column.path}.", f"{column.path}["))
    ]
    return column.path


def label(made: Suggestion, left: list[Column], pair: tuple[Column, Column]) -> None:
    """Adds how the preference between two responses is written: a vote, one for each element of a list, flags, or two ratings."""
    lists = [column for column in left if column.objects and any(map(is_vote, inside(column)))]
    if lists:
        entries = [_of_list(made, left, column, pair) for column in lists]
        made.fields["label"] = entries[0] if len(entries) == 1 else entries
        return
    flags = _flags(left)
    scores = [p for p in side_pairs([c for c in left if c.is_number], SIDES) if is_named(p[0], SCORES)]
    sided = [column for p in scores for column in p]
    told = [column for column in left if is_vote(column) or _is_about(column, pair)]
    votes = [column for column in told if column not in sided and not _tells_order(column)]
    people = [column for column in votes if not is_named(column, LABELS)]
    if flags and not any(_says_sides(vote) for vote in votes):
        made.fields["label"] = {"columns": {word: take(left, column) for word, column in flags.items()}}
    elif len(people) == len(votes) > 1:
        rules = [_meaning(made, column, pair) for column in people]
        said = {value: word for rule in rules for value, word in rule.get("values", {}).items()}
        made.fields["label"] = [
            {
                **rule,
                **({"values": dict(said)} if "values" in rule else {}),
                "annotator": {"constant": take(left, column)},
            }
            for rule, column in zip(rules, people, strict=True)
        ]
        made.guesses.append(
            f"{', '.join(repr(c.path) for c in people)} are taken for people, each with a column of votes"
        )
    elif votes:
        vote = best_vote(votes)
        take(left, vote)
        made.fields["label"] = _meaning(made, vote, pair)
    elif winner := _winners_text(left, pair):
        made.fields["label"] = _by_text(made, winner, pair)
        take(left, winner)
    elif scores:
        made.fields["label"] = {"path_a": take(left, scores[0][0]), "path_b": take(left, scores[0][1])}
        made.guesses.append("the higher of the two ratings is the better one (`higher_is_better: false` turns it)")
    elif signed := [column for column in left if _is_signed(column)]:
        made.fields["label"] = _meaning(made, signed[0], pair)
        take(left, signed[0])


def _is_signed(column: Column) -> bool:
    """Whether it holds a few numbers on both sides of zero, as a slider between two responses gives them."""
    if not 1 < len(column.distinct) <= FEW or not all(map(is_number, column.distinct)):
        return False
    numbers = sorted(map(float, column.distinct))
    return numbers[0] < 0 < numbers[-1]


def _of_list(made: Suggestion, left: list[Column], column: Column, pair: tuple[Column, Column]) -> dict[str, Any]:
    of_each = inside(column)
    vote = best_vote([one for one in of_each if is_vote(one)])
    return {"each": take(left, column), **_meaning(made, vote, pair)} | about(of_each, (vote.path,))


def best_vote(votes: Sequence[Column]) -> Column:
    """The vote that most likely decides: one that names sides, and is about the whole."""
    return max(
        votes,
        key=lambda vote: (_says_sides(vote), is_named(vote, LABELS), "overall" in vote.words, is_named(vote, _BEST)),
    )


def order(made: Suggestion, left: list[Column]) -> None:
    """Adds which response was shown first, where a column says it."""
    for column in filter(_tells_order, left):
        words = {value: word_of(value) for value in column.distinct}
        if {"swapped", "flipped", "reversed"} & set(column.words) and column.is_flag:
            words = {value: "b" if value.lower() in ("1", "1.0", "true") else "a" for value in words}
        if set(words.values()) <= {"a", "b"}:
            values = {value: "ab" if word == "a" else "ba" for value, word in words.items()}
            made.fields["order"] = {"path": take(left, column), "values": values}
            made.guesses.append(
                f"{column.path!r} tells which response was shown first; the label is about the columns (else `of: shown`)"
            )
            return


def _tells_order(column: Column) -> bool:
    words = set(column.words)
    told = {"shown", "order", "swapped", "flipped", "reversed", "presented"} & words
    return bool(told) and 0 < len(column.distinct) <= 2


def _winners_text(left: Sequence[Column], pair: tuple[Column, Column]) -> Column | None:
    """A column that holds the better response itself."""
    texts = {value for column in pair for value in column.distinct}
    told = (c for c in left if c.is_text and not is_named(c, WHY))
    return next((c for c in told if 2 * sum(str(value).strip() in texts for value in c.values) > len(c.values)), None)


def _by_text(made: Suggestion, winner: Column, pair: tuple[Column, Column]) -> dict[str, Any]:
    texts = {value for column in pair for value in column.distinct}
    said = {value: word_of(value) or "skip" for value in winner.distinct if value not in texts}
    told: dict[str, Any] = {"path": winner.path, "same_as": {"a": pair[0].path, "b": pair[1].path}}
    made.guesses.append(f"{winner.path!r} holds the text of the better response")
    return told | ({"values": said} if 0 < len(said) <= FEW else {})


def _flags(left: list[Column]) -> dict[str, Column]:
    """Columns of which one is set for each label: a side each, and a tie."""
    sets = [column for column in left if column.is_flag]
    pairs = [pair for pair in side_pairs(sets, SIDES) if is_named(pair[0], (*LABELS, "win", "wins", "won"))]
    if not pairs:
        return {}
    ties = [column for column in sets if any(word_of(word) == "tie" for word in column.words)]
    return {"a": pairs[0][0], "b": pairs[0][1]} | ({"tie": ties[0]} if ties else {})


def is_vote(column: Column) -> bool:
    """Whether a column says which of two is preferred, by its name or by its few values."""
    if not 0 < len(column.distinct) <= FEW or column.is_messages or is_named(column, WHY):
        return False
    if is_named(column, IDS) and not is_named(column, _BEST):
        return False
    if is_named(column, LABELS) and not _COUNTS & set(column.words):
        return len(column.distinct) > 1 or any(map(word_of, column.distinct))
    return _says_sides(column) and not column.is_number


def _is_about(column: Column, pair: tuple[Column, Column]) -> bool:
    """Whether each value is the name of one of two texts or a vote's word, and some are such names."""
    if not 0 < len(column.distinct) <= FEW or is_named(column, (*WHY, *MODELS)) or column.is_number:
        return False
    known = all(_word_about(value, pair) for value in column.distinct)
    return known and any(named_in(value, pair) for value in column.distinct)


def _word_about(value: str, pair: tuple[Column, Column]) -> str | None:
    named = named_in(value, pair)
    return word_of(value) if named is None else "a" if named is pair[0] else "b"


def named_in(value: str, columns: Sequence[Column]) -> Column | None:
    """The one column whose name has a value in it, letters and digits alone counted."""
    said = _plain(value)
    found = [column for column in columns if len(said) > 1 and said in _plain(column.path)]
    return found[0] if len(found) == 1 else None


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _says_sides(column: Column) -> bool:
    return {"a", "b"} <= {word_of(value) for value in column.distinct}


def _meaning(made: Suggestion, vote: Column, pair: tuple[Column, Column]) -> dict[str, Any]:
    """A vote's rule: what each of its values means."""
    numbers = sorted({float(value) for value in vote.distinct}) if all(map(is_number, vote.distinct)) else []
    sides = side_words(*pair)
    if sides is not None and {value.lower().removesuffix(".0") for value in vote.distinct} == set(sides):
        one = sides[0]
        values = {value: "a" if value.lower().removesuffix(".0") == one else "b" for value in vote.distinct}
        return {"path": vote.path, "values": values}
    if numbers and numbers[0] < 0 < numbers[-1]:
        made.guesses.append(f"{vote.path!r}: above zero is for a, below for b (if not: `positive: b`)")
        return {"path": vote.path, "positive": "a"}
    if numbers == [0.0, 1.0]:
        made.guesses.append(
            f"{vote.path!r}: 0 is the first response, 1 the second; the other way round where it says whether a is better"
        )
        return {"path": vote.path, "values": {value: "a" if float(value) == 0 else "b" for value in vote.distinct}}
    if numbers and numbers[0] >= 1 and 5 <= numbers[-1] <= LONGEST and all(number == int(number) for number in numbers):
        return _scale(made, vote, 1, int(numbers[-1]))
    said = {value: word for value in vote.distinct if (word := _word_about(value, pair)) is not None}
    others = [value for value in vote.distinct if value not in said]
    for one_, other in (pair, made.models) if made.models else (pair,):
        if not {"a", "b"} & set(said.values()) and others and set(others) <= {*one_.distinct, *other.distinct}:
            told = {"path": vote.path, "same_as": {"a": one_.path, "b": other.path}}
            return told | ({"values": said} if said else {})
    made.guesses += [
        f"{vote.path!r}: {value!r} is taken for {said[value]}"
        for value in said
        if value.lower().removesuffix(".0") in ("0", "1.5", "3", "c", "none")
    ]
    if others:
        made.guesses.append(
            f"{vote.path!r}: what {', '.join(map(repr, others))} means is not known: say a, b, tie, both_bad, … or skip"
        )
    return {"path": vote.path, "values": said | dict.fromkeys(others, "skip")}


def _scale(made: Suggestion, vote: Column, low: int, high: int) -> dict[str, Any]:
    """A scale from one response to the other, such as 1 to 7 with 4 in the middle."""
    middle = (low + high) / 2
    ways = {value: "a" if value < middle else "b" if value > middle else "tie" for value in range(low, high + 1)}
    tie = f", {middle:g} is a tie" if middle == int(middle) else ""
    made.guesses.append(
        f"{vote.path!r}: {low} is much better for a, {high} for b{tie}; turn the values where it is the other way round"
    )
    return {"path": vote.path, "values": {str(value): word for value, word in ways.items()}}


def about(of_each: Sequence[Column], used: Sequence[str]) -> dict[str, Any]:
    """Who gave a label and why."""
    told: dict[str, Any] = {}
    who = [c for c in of_each if c.path not in used and _tells_who(c)]
    why = [c for c in of_each if c.path not in used and c.is_text and is_named(c, WHY)]
    if who:
        told["annotator"] = who[0].path
        if any(mark in value.lower() for value in who[0].distinct for mark in _MACHINES):
            told["kind"] = "llm_judge"
    if why:
        told["rationale"] = why[0].path
    return told


def _tells_who(column: Column) -> bool:
    if not column.distinct or column.is_content or isinstance(column.values[0], Mapping) or not column.words:
        return False
    last = column.words[-1]
    *above, _ = column.path.lower().split(".")
    if above and above[-1] in WHO and last in _OF_WHO:
        return True
    return last == "by" or (is_named(column, WHO) and (last in _OF_WHO or last.rstrip("s") in WHO))
