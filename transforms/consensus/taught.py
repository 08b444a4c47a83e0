"""Fits what policies count that believe machines only as far as people bear them out (`Policy.borne_out`).

It differs from `beside.py` in four things. What machines say of a response in other pairs is kept apart from what people say there:
judges that share a liking for a response predict each other perfectly, and nothing follows. Where judges like what is longer or more
formatted and people's labels and gold do not bear it out, that liking is taken off; never more, so that length is no voter. What
machines are worth may differ with the kind of task. And, where `Policy.models`, the models that wrote the responses have strengths
(Bradley and Terry 1952): learned from the machines' verdicts, moved by people's labels and gold; so has length, where `Policy.length`.

All of it is one logistic regression whose target is hidden behind people's labels (`weights.py`), with a belief for each number and a
spread that says how far data may move it: where people say little, it stays near the beliefs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from prefcurate.transforms.consensus.acts import Acts
from prefcurate.transforms.consensus.beside import heard_of_machines, machines_of
from prefcurate.transforms.consensus.crowd import worth_of_people
from prefcurate.transforms.consensus.model import Beside, LabelModel
from prefcurate.transforms.consensus.options import Policy
from prefcurate.transforms.consensus.strengths import leaning
from prefcurate.transforms.consensus.votes import FOLDS, Bools, Floats, Ints, Sides, Votes
from prefcurate.transforms.consensus.weights import BELIEF, LENGTH_SPREAD, WORTH_SPREAD, most_probable, spread_of

_ENOUGH = 20
"""Pairs from which a model, or a kind of task, is looked at by itself."""
_MOST = 200
"""Of models, and of kinds of task: those with most pairs."""
_LEAN_SPREAD = 1.0
_BIAS_SPREAD = 0.5
_TASK_SPREAD = 0.3
_MODEL_SPREAD = 0.5
_VERDICTS_SPREAD = 1.0
"""Of a model's strength, and of length's, by the machines' verdicts alone; `_BORNE_OUT` is what those strengths are believed to be worth."""
_BORNE_OUT, _BORNE_OUT_SPREAD = 1.0, 0.5


@dataclass(frozen=True, eq=False)
class _Heard:
    """What is said of the chosen pairs: log-odds that a is better.

    Attributes:
        machines: by each machine's evidence, shape (pairs, machines).
        sizes: of an act of each machine.
        people: by people's labels and gold.
        elsewhere: leaning by what people say in other pairs, and by what machines say there.
        sides: the responses.
    """

    machines: Floats
    sizes: Floats
    people: Floats
    elsewhere: tuple[Floats, Floats]
    sides: Sides

    @property
    def together(self) -> Floats:
        """By all machines, as far as they are believed beforehand."""
        total: Floats = BELIEF * self.machines.sum(axis=1)
        return total


@dataclass(frozen=True, eq=False)
class _Part:
    """Columns of the regression, what is believed of each, and how far that may be wrong."""

    columns: Floats | sparse.csr_array
    believed: Floats
    spread: Floats


@dataclass(frozen=True, eq=False)
class _Numbers:
    """The models and the kinds of task that are looked at by themselves, and what people's word in other pairs is worth."""

    models: Ints
    tasks: Ints
    worth: float


def fit_taught(model: LabelModel, acts: Acts, votes: Votes, policy: Policy) -> Beside:
    """The parameters, from all gold and from the gold of all folds but each."""
    chosen = votes.chance < policy.skene_pairs / max(1, votes.pairs)
    believed = np.where(model.people, 1.0, BELIEF)
    sides = votes.sides
    numbers = _Numbers(
        _frequent(sides.model_a[chosen], sides.model_b[chosen]) if policy.models else np.zeros(0, np.int64),
        _frequent(sides.task[chosen]),
        worth_of_people(model, acts, votes, chosen),
    )
    found = []
    # Without gold all parameters are those that never saw any.
    for variant in range(1 + FOLDS if acts.gold.any() else 1):
        hidden = acts.gold & (votes.fold[acts.pair] == variant - 1)
        heard = _heard(model, acts.keep(~hidden), variant, sides, chosen)
        found.append(_fitted(heard, numbers, policy))
    found = found if len(found) > 1 else found * (1 + FOLDS)
    weights = [believed.copy() for _ in found]
    for variant, (of_voices, fitted) in enumerate(zip(weights, found, strict=True)):
        of_voices[machines_of(model, variant)] = fitted["machines"]

    def one(name: str) -> tuple[float, ...]:
        return tuple(float(fitted[name][0]) for fitted in found)

    def several(name: str) -> tuple[Floats, ...]:
        return tuple(fitted[name] for fitted in found)

    return Beside(
        believed, tuple(weights), one("people elsewhere"), one("length"), one("machines elsewhere"), one("format"),
        numbers.models, several("models"), numbers.tasks, several("tasks"),
    )  # fmt: skip


def _heard(model: LabelModel, acts: Acts, variant: int, sides: Sides, chosen: Bools) -> _Heard:
    machines, sizes, people = heard_of_machines(model, acts, variant, len(sides.a))
    elsewhere = (leaning(people, sides)[chosen], leaning(BELIEF * machines.sum(axis=1), sides)[chosen])
    return _Heard(machines[chosen], sizes, people[chosen], elsewhere, sides.keep(chosen))


def _frequent(*which: Ints) -> Ints:
    """The numbers that are told often enough, ascending; 0 stands for nothing told."""
    seen, count = np.unique(np.concatenate(which), return_counts=True)
    often = np.argsort(-count, kind="stable")[: _MOST + 1]
    kept: Ints = np.sort(seen[often[(count[often] >= _ENOUGH) & (seen[often] != 0)]])
    return kept


def _fitted(heard: _Heard, numbers: _Numbers, policy: Policy) -> dict[str, Floats]:
    """The numbers of each part; the models' strengths are those by the verdicts, as far as borne out, and what people add."""
    sides = heard.sides
    wrote = _wrote(sides, numbers.models)
    even = np.zeros(len(numbers.models))
    by_verdicts, longer = _by_verdicts(heard, wrote, policy)
    none = np.zeros(len(numbers.tasks))
    parts = {
        "machines": _Part(heard.machines, np.full(len(heard.sizes), BELIEF), spread_of(heard.sizes)),
        "people elsewhere": _one(heard.elsewhere[0], numbers.worth, WORTH_SPREAD * max(1.0, numbers.worth)),
        "machines elsewhere": _one(heard.elsewhere[1], 0.0, _LEAN_SPREAD),
        "length": _one(sides.length, longer, LENGTH_SPREAD if policy.length else _BIAS_SPREAD),
        "format": _one(sides.format, 0.0, _BIAS_SPREAD),
        "tasks": _Part(_columns(sides.task, numbers.tasks, heard.together), none, none + _TASK_SPREAD),
        "verdicts": _one(wrote @ by_verdicts, _BORNE_OUT, _BORNE_OUT_SPREAD),
        "models": _Part(wrote, even, even + _MODEL_SPREAD),
    }
    fitted = _without_favour(parts, heard, ["format"] if policy.length else ["format", "length"])
    fitted["models"] = fitted["models"] + fitted["verdicts"] * by_verdicts
    return fitted


def _by_verdicts(heard: _Heard, wrote: sparse.csr_array, policy: Policy) -> tuple[Floats, float]:
    """Strengths of models, and of length where it is a voter, by the machines' verdicts alone: together, to count nothing twice."""
    length = heard.sides.length[:, None] * float(policy.length)
    explained = sparse.hstack([wrote, sparse.csr_array(length)], format="csr")
    none = np.zeros(explained.shape[1])
    found = most_probable(explained, heard.together, none, none + _VERDICTS_SPREAD)
    return found[:-1], float(found[-1])


def _one(column: Floats, believed: float, spread: float) -> _Part:
    return _Part(column[:, None], np.array([believed]), np.array([spread]))


def _without_favour(parts: Mapping[str, _Part], heard: _Heard, biases: list[str]) -> dict[str, Floats]:
    """Fits with what judges may be biased by, and without each that would not take off their liking but add to it."""
    left = dict(parts)
    while True:
        fitted = _split(left, heard.people)
        liked = {name: float(heard.together @ parts[name].columns[:, 0]) for name in biases if name in left}
        voting = [name for name, liking in liked.items() if fitted[name][0] * liking >= 0]
        if not voting:
            return {name: fitted.get(name, np.zeros(1)) for name in parts}
        for name in voting:
            del left[name]


def _split(parts: Mapping[str, _Part], people: Floats) -> dict[str, Floats]:
    columns = sparse.hstack([sparse.csr_array(part.columns) for part in parts.values()], format="csr")
    believed = np.concatenate([part.believed for part in parts.values()])
    spread = np.concatenate([part.spread for part in parts.values()])
    fitted = most_probable(columns, people, believed, spread)
    ends = np.cumsum([len(part.believed) for part in parts.values()])[:-1]
    return dict(zip(parts, np.split(fitted, ends), strict=True))


def _wrote(sides: Sides, models: Ints) -> sparse.csr_array:
    """+1 for the model that wrote a, -1 for that of b, where both are known and differ."""
    wrote = _columns(sides.model_a, models, 1.0) - _columns(sides.model_b, models, 1.0)
    both = (np.abs(wrote).sum(axis=1) == 2).astype(np.float64)
    return sparse.csr_array(wrote.multiply(both[:, None]))


def _columns(which: Ints, names: Ints, value: Floats | float) -> sparse.csr_array:
    """One column a name, in which a row has the value where it is of that name."""
    rows = np.flatnonzero(np.isin(which, names))
    values = np.broadcast_to(np.asarray(value, np.float64), which.shape)[rows]
    places = np.searchsorted(names, which[rows])
    return sparse.csr_array((values, (rows, places)), shape=(len(which), len(names)))
