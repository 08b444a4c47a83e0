"""Who preferred what, guessed from names and values: the part of a suggestion that says how labels are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefcurate.transforms.ingest.columns import FEW, SIDES, Column, columns, side_pairs

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
    "argument",
)
LABELS = (
    "label",
    "preference",
    "preferred",
    "winner",
    "vote",
    "verdict",
    "choice",
    "better",
    "best",
    "judgement",
    "judgment",
    "decision",
    "pick",
    "selected",
    "annotation",
    "rating",
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
)
IDS = ("id", "uuid", "key")
MODELS = ("model", "system", "policy", "generator", "engine")
WHY = ("rationale", "reason", "explanation", "comment", "justification", "why", "feedback", "critique")
_MACHINES = ("gpt", "claude", "gemini", "llama", "mistral", "llm", "qwen", "judge", "model")
_TIES = frozenset({"tie", "equal", "same", "both", "draw", "c", "neither", "no preference", "none", "tied"})
_FIRST = frozenset(
    {
        "a",
        "1",
        "first",
        "left",
        "model_a",
        "response_a",
        "answer_a",
        "assistant_a",
        "model a",
        "response a",
        "answer a",
        "a1",
        "response1",
        "answer1",
        "response_1",
        "answer_1",
        "one",
        "x",
    }
)
_SECOND = frozenset(
    {
        "b",
        "2",
        "second",
        "right",
        "model_b",
        "response_b",
        "answer_b",
        "assistant_b",
        "model b",
        "response b",
        "answer b",
        "a2",
        "response2",
        "answer2",
        "response_2",
        "answer_2",
        "two",
        "y",
    }
)


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
    lists = [column for column in left if column.objects and _vote_inside(column)]
    if lists:
        inside = columns([item for value in lists[0].values for item in value])
        vote = next(column for column in inside if _is_vote(column))
        entry = {"each": take(left, lists[0]), **_meaning(made, vote, pair)}
        made.fields["label"] = entry | about(inside, (vote.path,))
        return
    flags = _flags(left)
    scores = [p for p in side_pairs([c for c in left if c.is_number], SIDES) if is_named(p[0], SCORES)]
    sided = [column for p in scores for column in p]
    votes = [column for column in left if _is_vote(column) and column not in sided]
    if flags and not any(_says_sides(vote) for vote in votes):
        made.fields["label"] = {"columns": {word: take(left, column) for word, column in flags.items()}}
    elif votes:
        vote = max(votes, key=_says_sides)
        take(left, vote)
        made.fields["label"] = _meaning(made, vote, pair)
    elif scores:
        made.fields["label"] = {"path_a": take(left, scores[0][0]), "path_b": take(left, scores[0][1])}
        made.guesses.append("the higher of the two ratings is the better one (`higher_is_better: false` turns it)")


def _flags(left: list[Column]) -> dict[str, Column]:
    """Columns of which one is set for each label: a side each, and a tie."""
    sets = [
        c for c in left if {s.lower() for s in c.distinct} <= {"0", "1", "0.0", "1.0", "true", "false"} and c.values
    ]
    pairs = [pair for pair in side_pairs(sets, SIDES) if is_named(pair[0], (*LABELS, "win", "wins", "won"))]
    if not pairs:
        return {}
    ties = [column for column in sets if any(word in _TIES for word in column.words)]
    return {"a": pairs[0][0], "b": pairs[0][1]} | ({"tie": ties[0]} if ties else {})


def _is_vote(column: Column) -> bool:
    few = (
        0 < len(column.distinct) <= FEW and not column.is_messages and not isinstance(column.values[0], Mapping | list)
    )
    told = is_named(column, LABELS) or (_says_sides(column) and not column.is_number)
    return few and told and not is_named(column, (*WHY, *IDS))


def _says_sides(column: Column) -> bool:
    said = {value.lower() for value in column.distinct}
    return bool(said & _FIRST) and bool(said & _SECOND)


def _vote_inside(column: Column) -> bool:
    return any(_is_vote(inner) for inner in columns([item for value in column.values for item in value]))


def _meaning(made: Suggestion, vote: Column, pair: tuple[Column, Column]) -> dict[str, Any]:
    """A vote's rule: what each of its values means."""
    said = {value: word for value in vote.distinct if (word := _word(value)) is not None}
    others = [value for value in vote.distinct if value not in said]
    for one, other in (pair, made.models) if made.models else (pair,):
        if not {"a", "b"} & set(said.values()) and others and set(others) <= {*one.distinct, *other.distinct}:
            told = {"path": vote.path, "same_as": {"a": one.path, "b": other.path}}
            return told | ({"values": said} if said else {})
    if vote.is_number and not {"a", "b"} <= set(said.values()):
        numbers = {float(value) for value in vote.distinct}
        if min(numbers) < 0 < max(numbers):
            made.guesses.append(f"{vote.path!r}: above zero is for a, below for b (if not: `positive: b`)")
            return {"path": vote.path, "positive": "a"}
    if {float(v) for v in vote.distinct if _as_number(v)} == {0.0, 1.0} and len(vote.distinct) == 2:
        made.guesses.append(
            f"{vote.path!r}: 0 is the first response, 1 the second; the other way round where it says whether a is better"
        )
        return {"path": vote.path, "values": {value: "a" if float(value) == 0 else "b" for value in vote.distinct}}
    if said:
        made.guesses += [
            f"{vote.path!r}: {value!r} is taken for {said[value]}" for value in said if value in ("0", "3", "c", "none")
        ]
    if others:
        made.guesses.append(
            f"{vote.path!r}: what {', '.join(map(repr, others))} means is not known: say a, b, tie, both_bad, … or skip"
        )
    return {"path": vote.path, "values": said | dict.fromkeys(others, "skip")}


def _as_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _word(value: str) -> str | None:
    said = value.strip().lower().removesuffix(".0")
    if said in _FIRST:
        return "a"
    if said in _SECOND:
        return "b"
    if said in ("0", "3") or said in _TIES or said.startswith("tie"):
        return "both_bad" if "bad" in said else "tie"
    return "both_bad" if "bad" in said else "both_good" if "both" in said and "good" in said else None


def about(inside: Sequence[Column], used: Sequence[str]) -> dict[str, Any]:
    """Who gave a label and why."""
    told: dict[str, Any] = {}
    who = [c for c in inside if c.path not in used and is_named(c, WHO) and len(c.distinct) and not c.is_content]
    why = [c for c in inside if c.path not in used and c.is_text and is_named(c, WHY)]
    if who:
        told["annotator"] = who[0].path
        if any(mark in value.lower() for value in who[0].distinct for mark in _MACHINES):
            told["kind"] = "llm_judge"
    if why:
        told["rationale"] = why[0].path
    return told
