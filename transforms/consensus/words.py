"""Who said what about a pair, in words that a stranger reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.consensus.acts import BOTH, DIVIDED

_NAMED = 4
_TELLING = 0.1


@dataclass(frozen=True, order=True)
class Said:
    """One act on a pair: the voice's name and kind, its vote (+1 a, -1 b, 0 tie), its cell, gold or not, heard or not."""

    name: str
    kind: str
    vote: int
    cell: int
    gold: bool
    heard: bool


def who_said_what(acts: Sequence[Said], best: int) -> str:
    """ "3 of 3 people and gpt4 (both orders) prefer B; gpt35 prefers A"; those for ``best`` (+1 or -1) come first."""
    people = [act for act in acts if act.kind == "person" and act.heard]
    sides = [_side(acts, people, vote) for vote in (best, -best, 0)]
    # People are counted, never named: what is published is kept when somebody is forgotten.
    left_out = sum(act.kind == "person" and not act.heard for act in acts)
    unheard = [f"{left_out} {'person' if left_out == 1 else 'people'}"] if left_out else []
    unheard += sorted({act.name for act in acts if not act.heard and act.kind != "person"})
    sides.append(f"not counted, no better than chance on gold: {_listed(unheard)}" if unheard else "")
    return "; ".join(side for side in sides if side)


def said_elsewhere(odds: float) -> str:
    """What other pairs say of the same two responses, where it counts (`strengths.py`); `odds` are log-odds that a is better."""
    if abs(odds) < _TELLING:
        return ""
    return f"other pairs of these responses favour {'A' if odds > 0 else 'B'} ({np.exp(abs(odds)):.1f} to 1)"


def said_of_models(odds: float) -> str:
    """What the strengths of the models that wrote the two responses say, where it counts; `odds` are log-odds that a is better."""
    if abs(odds) < _TELLING:
        return ""
    return f"the models that wrote them favour {'A' if odds > 0 else 'B'} ({np.exp(abs(odds)):.1f} to 1)"


def _side(acts: Sequence[Said], people: Sequence[Said], vote: int) -> str:
    crowd = sum(1 for act in people if act.vote == vote)
    names = [f"{crowd} of {len(people)} {'person' if len(people) == 1 else 'people'}"] if crowd else []
    golden = sum(1 for act in people if act.vote == vote and act.gold)
    if golden:
        names[0] += f" ({golden} gold)"
    names += [_name(act) for act in sorted(acts) if act.kind != "person" and act.heard and act.vote == vote]
    if not names:
        return ""
    one = len(names) == 1 and (crowd <= 1)
    verb = ("prefers" if one else "prefer") if vote else ("finds" if one else "find")
    return f"{_listed(names)} {verb} {'A' if vote > 0 else 'B' if vote < 0 else 'neither better'}"


def _name(act: Said) -> str:
    notes = ["gold"] if act.gold else []
    notes += ["both orders"] if act.cell == BOTH else ["divided"] if act.cell == DIVIDED else []
    return f"{act.name} ({', '.join(notes)})" if notes else act.name


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:_NAMED])
    if len(names) > _NAMED:
        shown = [*shown[: _NAMED - 1], f"{len(names) - _NAMED + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
