"""A decision in words for people who do not know the code: how much each opinion is worth here, and what would change it."""

import math
import textwrap
from collections.abc import Iterator, Sequence

from prefcurate.pipelines.plain import line, wrapped
from prefcurate.transforms.consensus.acts import BOTH, DIVIDED, FIRST, SECOND
from prefcurate.transforms.consensus.change import Change, outcome
from prefcurate.transforms.consensus.decide import Decision
from prefcurate.transforms.consensus.explain import Explained
from prefcurate.transforms.consensus.worth import Worth

_CELLS = {
    BOTH: "in both orders",
    FIRST: "asked in one order, for what was shown first",
    SECOND: "asked in one order, for what was shown second",
    DIVIDED: "by most of its answers, which differ",
}
_NUMBERS = ("no", "one", "two", "three", "four", "five")
_SIDES = {"a": "A", "b": "B", "tie": "neither"}
_EVEN = 0.01
_NAMES = 44


def worth_lines(found: Explained) -> Iterator[str]:
    """What each opinion is worth, as odds that multiply to the probabilities below them."""
    parts = found.worths.parts
    yield wrapped(f"What each opinion is worth here (odds, which multiply; by {found.how.words}):")
    if not parts:
        yield wrapped("nobody who counts has said anything: both are equally probable", 4)
        return
    rows = [(_name(part), _worth(part)) for part in _ordered(parts)]
    rows.append(("all together", _odds(found.worths.log_odds)))
    width = min(_NAMES, max(len(name) for name, _ in rows))
    for name, worth in rows:
        yield from _row(name, worth, width)
    beliefs = found.worths.beliefs
    yield wrapped(
        f"that is: A is better with {beliefs.p_a:.0%}, B with {beliefs.p_b:.0%}, neither with {beliefs.p_tie:.0%}", 4
    )
    yield from (wrapped(remark, 4) for remark in _remarks(found))


def change_lines(found: Explained) -> Iterator[str]:
    """What would change the decision, each computed by deciding again."""
    yield wrapped("What would change it (each decided anew):")
    told = [*_of_people(found), *_of_gold(found.changes), *_of_voices(found.changes), *_of_settings(found)]
    for text in told or ["nothing that was tried: more people, fewer opinions, another min_accuracy"]:
        yield _bullet(text)
    yield _bullet("a line in the overrides file stands above everything")


def becomes(made: Decision) -> str:
    """A decision that would be made."""
    side = _SIDES.get(made.label or "", "")
    return {
        "keep": f"the label that came ({side}) would be published",
        "flip": f"it would be flipped: {side} would be published",
        "assign": f"{side} would be published",
        "soften": f"{side} would be published with its probability ({made.expected_accuracy or 0:.0%})",
        "drop": "it would be dropped as a tie" if made.label == "tie" else "it would be dropped",
        "hold": "it would wait for another opinion",
    }[made.decision]


def _bullet(text: str) -> str:
    first, *rest = wrapped(text, 6).split("\n")
    return "\n".join([f"    - {first.strip()}", *rest])


def _ordered(parts: Sequence[Worth]) -> list[Worth]:
    """Opinions by their worth, the strongest first; then what is no opinion."""
    places = ("", "elsewhere", "models", "length", "format", "else", "gold")
    return sorted(parts, key=lambda part: (places.index(part.what), not part.heard, -abs(part.log_odds), part.who))


def _name(part: Worth) -> str:
    if part.what:
        return {
            "elsewhere": "the same responses in other pairs",
            "models": "the models that wrote the responses",
            "length": "the lengths of the responses",
            "format": "the formatting of the responses",
            "else": "what else this policy counts",
            "gold": "how such labels fare against gold",
        }[part.what]
    says = {1: "A", -1: "B", 0: "neither"}[part.vote]
    details = [*(["gold"] if part.gold else []), *([_CELLS[part.cell]] if part.vote and part.cell in _CELLS else [])]
    how = f" ({', '.join(details)})" if details else ""
    return f"{line(part.who, 60)}: {says}{how}"


def _worth(part: Worth) -> str:
    if not part.heard:
        return "not counted: no better than chance on gold"
    if not part.what and not part.vote:
        return "for neither side; a tie is likelier"
    return _odds(part.log_odds)


def _odds(log_odds: float) -> str:
    if abs(log_odds) < _EVEN:
        return "nothing either way"
    times = math.exp(min(abs(log_odds), 25.0))
    number = f"{times:,.0f}" if times >= 99.5 else f"{times:.1f}" if times >= 9.95 else f"{times:.2f}"
    return f"{number} to 1 for {'A' if log_odds > 0 else 'B'}"


def _row(name: str, worth: str, width: int) -> Iterator[str]:
    lines = wrapped(name, 0).split("\n") if len(name) <= width else _folded(name, width)
    yield from (f"    {each}" for each in lines[:-1])
    yield f"    {lines[-1]:<{width}}  {worth}"


def _folded(name: str, width: int) -> list[str]:
    return textwrap.wrap(name, width, subsequent_indent="  ", break_on_hyphens=False)


def _remarks(found: Explained) -> Iterator[str]:
    worths = found.worths
    if worths.opinions > 1:
        yield "opinions on one pair share errors: the more there are, the less each of them adds"
    if abs(worths.calibration - 1) >= 0.01:
        knows = "gold shows how far" if worths.on_gold else "without gold nobody sees how far"
        yield (
            f"what counts here shares errors, and {knows}: all of it is taken to the power {worths.calibration:.2f} "
            "(already in these odds)"
        )


def _of_people(found: Explained) -> Iterator[str]:
    people = [change for change in found.changes if change.kind == "people"]
    for side in ("a", "b"):
        mine = [change for change in people if change.side == side]
        if not mine:
            continue
        if outcome(mine[0].made) == outcome(found.made):
            yield f"{_many(mine[0].number)} for {_SIDES[side]} would change nothing"
            continue
        first = f"{_many(mine[0].number)} for {_SIDES[side]}: {becomes(mine[0].made)}"
        rest = [f"with {_NUMBERS[int(change.number)]}, {becomes(change.made)}" for change in mine[1:3]]
        yield "; ".join([first, *rest])


def _many(number: float) -> str:
    return f"{_NUMBERS[int(number)]} more {'person' if number == 1 else 'people'}"


def _of_gold(changes: Sequence[Change]) -> Iterator[str]:
    for change in changes:
        if change.kind == "gold":
            yield f"a gold label that says {_SIDES[change.side]}: {becomes(change.made)}"
        if change.kind == "proof":
            yield (
                f"gold on {change.of} pairs like this one, at least {change.number:.0f} of them showing that the label which "
                f"came is wrong: {becomes(change.made)}"
            )


def _of_voices(changes: Sequence[Change]) -> Iterator[str]:
    without = [change for change in changes if change.kind == "without"]
    for text in dict.fromkeys(becomes(change.made) for change in without):
        names = [line(change.who, 60) for change in without if becomes(change.made) == text]
        shown = names if len(names) <= 4 else [*names[:3], f"any of {len(names) - 3} more"]
        yield f"had {' or '.join(shown)} said nothing: {text}"


def _of_settings(found: Explained) -> Iterator[str]:
    for change in found.changes:
        if change.kind == "min_accuracy":
            way = "from" if found.made.weight is not None else "up to"
            yield f"`consensus.min_accuracy` {way} {change.number:.2f}: {becomes(change.made)}"
