"""The fitted label model: one small JSON document that every shard computes its own probabilities from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from prefcurate.schemas.canonical import canonical_json
from prefcurate.transforms.consensus.acts import CELLS, Acts, Voices
from prefcurate.transforms.consensus.calibrate import Strata
from prefcurate.transforms.consensus.kinds import WrongKind
from prefcurate.transforms.consensus.reliability import Reliability
from prefcurate.transforms.consensus.shared import left_of
from prefcurate.transforms.consensus.strengths import leaning
from prefcurate.transforms.consensus.votes import FOLDS, Bools, Floats, Ints, Sides
from prefcurate.transforms.store.files import join, read_bytes, write_by_hash

MODEL_VERSION = 1
_DIGITS = 9
_NOTHING = 1e-9


@dataclass(frozen=True)
class AnnotatorFigures:
    """One row of the table `annotators`; shares are fractions, None where nothing was counted."""

    annotator: str
    kind: str
    family: str
    status: str
    n: int
    n_gold: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    position_bias: float | None
    length_bias: float | None
    flip_rate: float | None
    cost: float | None
    wrong_on: tuple[WrongKind, ...] = ()


@dataclass(frozen=True, eq=False)
class Beside:
    """What a policy counts besides the votes of people; each of `FOLDS` + 1 entries, as those of `LabelModel.reliability`.

    Attributes:
        believed: what every voice's evidence is worth when leanings are measured, shape (voices,).
        weights: what every voice's evidence is worth, each of shape (voices,).
        worth: of a leaning (`strengths.py`), in log-odds; where `machines_worth` is there, of people's alone.
        length: of the log of the lengths' ratio, in log-odds.
        machines_worth: of a leaning by what machines say; empty where both are one leaning.
        format: of the log of the ratio of formatting.
        models, strengths: models that have a strength, by number, and their strengths in log-odds.
        tasks, of_tasks: kinds of task, by number, and what is added there to `BELIEF` in machines, in parts of it.
    """

    believed: Floats
    weights: tuple[Floats, ...]
    worth: tuple[float, ...]
    length: tuple[float, ...]
    machines_worth: tuple[float, ...] = ()
    format: tuple[float, ...] = ()
    models: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    strengths: tuple[Floats, ...] = ()
    tasks: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    of_tasks: tuple[Floats, ...] = ()


@dataclass(frozen=True, eq=False)
class LabelModel:
    """Parameters of the label model.

    Attributes:
        voices: who counts as one.
        reliability: `FOLDS` + 1 of them: the first from all gold, the next from the gold of all folds but 0, 1, …
        silent: voices that have no weight.
        tie_share: prior probability of a tie.
        slopes: exponent that calibrates the evidence: from all gold, and from all folds but 0, 1, …
        correlation: see `Policy.correlation`.
        gold_accuracy: of a gold act.
        strata: what gold says of pairs of each class and consensus probability, see `prefcurate…consensus.calibrate`.
        annotators: figures for the table `annotators`.
        beside: for policies that count more than votes.
        agreed: the slopes rest on agreement (`foretold.py`), not on gold.
        shared: see `Policy.shared`; 1 where a fit of an earlier prefcurate added all that counts.
    """

    voices: Voices
    reliability: tuple[Reliability, ...]
    silent: Bools
    tie_share: float
    slopes: tuple[float, ...]
    correlation: float
    gold_accuracy: float
    strata: dict[str, Strata]
    annotators: tuple[AnnotatorFigures, ...]
    beside: Beside | None = None
    agreed: bool = False
    shared: float = 1.0

    def to_json(self) -> str:
        """A canonical document: the same model, the same bytes."""
        beside = self.beside
        return canonical_json(
            {
                "version": MODEL_VERSION,
                "voices": asdict(self.voices) | {"pools": sorted(self.voices.pools)},
                "reliability": [{k: _rounded(v) for k, v in vars(r).items()} for r in self.reliability],
                "silent": self.silent.tolist(),
                "tie_share": self.tie_share,
                "slopes": list(self.slopes),
                "agreed": self.agreed,
                "correlation": self.correlation,
                "shared": self.shared,
                "gold_accuracy": self.gold_accuracy,
                "strata": {name: [list(row) for row in strata.rows] for name, strata in self.strata.items()},
                "annotators": [asdict(figures) for figures in self.annotators],
            }
            | ({} if beside is None else {"beside": {name: _rounded(np.array(v)) for name, v in vars(beside).items()}})
        )

    @property
    def people(self) -> Bools:
        """Which voices are people."""
        found: Bools = np.array(self.voices.kinds) == "person"
        return found

    @classmethod
    def from_json(cls, text: str) -> "LabelModel":
        """The model out of its document.

        Raises:
            ValueError: the document is of another version.
        """
        told = json.loads(text)
        if told["version"] != MODEL_VERSION:
            raise ValueError(f"the label model has version {told['version']}, this program reads {MODEL_VERSION}")
        voices = told["voices"]
        return cls(
            Voices(
                tuple(voices["names"]),
                tuple(voices["kinds"]),
                voices["of_family"],
                frozenset(voices["pools"]),
                voices["copies"],
            ),  # fmt: skip
            tuple(_reliability(told_of) for told_of in told["reliability"]),
            np.array(told["silent"], bool),
            told["tie_share"],
            tuple(told["slopes"]),
            told["correlation"],
            told["gold_accuracy"],
            {name: Strata(tuple(tuple(row) for row in rows)) for name, rows in told["strata"].items()},
            tuple(_figures(figures) for figures in told["annotators"]),
            _beside(told.get("beside")),
            told["agreed"],
            told.get("shared", 1.0),
        )


def save_model(root: str, model: LabelModel) -> str:
    """Writes the model below ``STORE/_artefacts`` under the hash of its content, and returns its address."""
    return write_by_hash(join(root, "_artefacts"), model.to_json().encode(), ".json", prefix="label-model-")


def model_path(root: str, name: str) -> str:
    """Where a model of a name lies."""
    return join(root, "_artefacts", name)


def load_model(path: str) -> LabelModel:
    """A model that `save_model` wrote."""
    return LabelModel.from_json(read_bytes(path).decode())


def evidence(model: LabelModel, acts: Acts, variant: Ints, low_for: Ints | None = None) -> Floats:
    """What each act says: log-likelihoods of its vote if a is better, if b is, and if neither is; shape (acts, 3).

    Args:
        model: the parameters.
        acts: the acts.
        variant: for each pair, which parameters: 0 for all gold, 1 + fold for those that never saw its fold.
        low_for: for each pair +1 or -1: acts that vote so are taken at the lower bound of their accuracy.
    """
    which = variant[acts.pair]
    stacked = {k: np.stack([vars(r)[k] for r in model.reliability]) for k in vars(model.reliability[0])}
    accuracy = stacked["accuracy"][which, acts.voice, acts.cell]
    if low_for is not None:
        low = stacked["accuracy_low"][which, acts.voice, acts.cell]
        accuracy = np.where(acts.vote == low_for[acts.pair], low, accuracy)
    accuracy = np.where(acts.gold, model.gold_accuracy, accuracy)
    tie_if_better = stacked["tie_if_better"][which, acts.voice]
    tie_if_tie = stacked["tie_if_tie"][which, acts.voice]
    right = np.log((1 - tie_if_better) * accuracy)
    wrong = np.log((1 - tie_if_better) * (1 - accuracy))
    said_tie = np.log(tie_if_better)
    if_a = np.where(acts.vote > 0, right, np.where(acts.vote < 0, wrong, said_tie))
    if_b = np.where(acts.vote < 0, right, np.where(acts.vote > 0, wrong, said_tie))
    if_tie = np.where(acts.vote == 0, np.log(tie_if_tie), np.log((1 - tie_if_tie) / 2))
    told = np.stack([if_a, if_b, if_tie], axis=1)
    return np.where((model.silent[acts.voice] & ~acts.gold)[:, None], 0.0, told)


def summed(model: LabelModel, acts: Acts, told: Floats, variant: Ints, sides: Sides) -> Floats:
    """Evidence of each pair, shape (pairs, 3): naive Bayes, tempered because acts on one pair share errors.

    Where a policy counts more than votes, people and machines are tempered apart, machines are weighed, and what is said of the
    responses in other pairs is added.
    """
    beside = model.beside
    if beside is None:
        return tempered(model, acts, told, len(variant))
    total = apart(model, acts, weighed(model, acts, told, variant, sides), len(variant))
    odds = _from_elsewhere(model, beside, acts, told, variant, sides) + np.array(beside.length)[variant] * sides.length
    if beside.format:
        odds = odds + np.array(beside.format)[variant] * sides.format + _by_models(beside, variant, sides)
    leaned: Floats = total + odds[:, None] * np.array([0.5, -0.5, 0.0])
    return leaned


def weighed(model: LabelModel, acts: Acts, told: Floats, variant: Ints, sides: Sides) -> Floats:
    """What each act says, by what its voice is worth beside the others; at face value where a policy counts votes alone."""
    beside = model.beside
    if beside is None:
        return told
    weights = np.stack(beside.weights)[variant[acts.pair], acts.voice]
    if len(beside.tasks):
        on_task = _looked_up(beside.tasks, beside.of_tasks, sides.task, variant)[0]
        weights = weights + beside.believed[acts.voice] * np.where(model.people[acts.voice], 0.0, on_task[acts.pair])
    found: Floats = told * weights[:, None]
    return found


def from_elsewhere(model: LabelModel, acts: Acts, fold: Ints, has_gold: Bools, sides: Sides) -> Floats:
    """Log-odds that a is better by what is said of both responses in other pairs; 0 under policies that do not count it."""
    variant = variants(fold, has_gold)
    if model.beside is None:
        return np.zeros(len(variant))
    return _from_elsewhere(model, model.beside, acts, evidence(model, acts, variant), variant, sides)


def by_models(model: LabelModel, fold: Ints, has_gold: Bools, sides: Sides) -> Floats:
    """Log-odds that a is better by the strengths of the models that wrote both; 0 under policies that do not count them."""
    variant = variants(fold, has_gold)
    return np.zeros(len(variant)) if model.beside is None else _by_models(model.beside, variant, sides)


def _by_models(beside: Beside, variant: Ints, sides: Sides) -> Floats:
    of_a, knows_a = _looked_up(beside.models, beside.strengths, sides.model_a, variant)
    of_b, knows_b = _looked_up(beside.models, beside.strengths, sides.model_b, variant)
    return np.where(knows_a & knows_b, of_a - of_b, 0.0)


def _looked_up(names: Ints, values: tuple[Floats, ...], which: Ints, variant: Ints) -> tuple[Floats, Bools]:
    """The value of each name under each pair's parameters, 0 where the fit did not look at that name; and where it did."""
    if not len(names):
        return np.zeros(len(which)), np.zeros(len(which), bool)
    place = np.minimum(np.searchsorted(names, which), len(names) - 1)
    known: Bools = names[place] == which
    return np.where(known, np.stack(values)[variant, place], 0.0), known


def _from_elsewhere(model: LabelModel, beside: Beside, acts: Acts, told: Floats, variant: Ints, sides: Sides) -> Floats:
    if beside.machines_worth:
        return _apart_elsewhere(model, beside, acts, told, variant, sides)
    said = apart(model, acts, told * beside.believed[acts.voice][:, None], len(variant))
    odds: Floats = np.array(beside.worth)[variant] * leaning(said[:, 0] - said[:, 1], sides)
    return odds


def _apart_elsewhere(
    model: LabelModel, beside: Beside, acts: Acts, told: Floats, variant: Ints, sides: Sides
) -> Floats:
    people = model.people[acts.voice] | acts.gold
    told = told * beside.believed[acts.voice][:, None]
    odds: Floats = np.zeros(len(variant))
    for worth, mine in ((beside.worth, people), (beside.machines_worth, ~people)):
        said = tempered(model, acts.keep(mine), told[mine], len(variant))
        odds = odds + np.array(worth)[variant] * leaning(said[:, 0] - said[:, 1], sides)
    return odds


def tempered(model: LabelModel, acts: Acts, told: Floats, pairs: int) -> Floats:
    """The sums over each pair's acts, as if n acts were n ** (1 - correlation) of them."""
    total = np.stack([np.bincount(acts.pair, weights=told[:, k], minlength=pairs) for k in range(3)], axis=1)
    heard = np.bincount(acts.pair[~model.silent[acts.voice] | acts.gold], minlength=pairs)
    return total * np.maximum(1, heard)[:, None] ** -model.correlation


def apart(model: LabelModel, acts: Acts, told: Floats, pairs: int) -> Floats:
    """People's acts and machines', tempered apart: those share no errors."""
    people = model.people[acts.voice] | acts.gold
    return tempered(model, acts.keep(people), told[people], pairs) + tempered(
        model, acts.keep(~people), told[~people], pairs
    )


def probabilities(total: Floats, slope: Floats, tie_share: float) -> Floats:
    """P(a), P(b), P(tie), shape (pairs, 3), from summed evidence and each pair's calibration slope."""
    prior = np.log(np.array([(1 - tie_share) / 2, (1 - tie_share) / 2, tie_share]))
    scaled = total * slope[:, None] + prior
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    # Added in this order, exchanging a and b changes no bit.
    shares: Floats = weights / ((weights[:, [0]] + weights[:, [1]]) + weights[:, [2]])
    return shares.round(_DIGITS)


def posterior(
    model: LabelModel, acts: Acts, fold: Ints, has_gold: Bools, sides: Sides, low_for: Ints | None = None
) -> Floats:
    """P(a), P(b), P(tie) of each pair, cross-fitted where the pair itself has gold."""
    variant = variants(fold, has_gold)
    told = evidence(model, acts, variant, low_for)
    total = summed(model, acts, told, variant, sides)
    return probabilities(total, slopes_of(model, acts, told, variant, sides, total), model.tie_share)


def slopes_of(model: LabelModel, acts: Acts, told: Floats, variant: Ints, sides: Sides, total: Floats) -> Floats:
    """Each pair's exponent of the evidence that sums to `total`.

    Neither what opinions repeat of each other nor what they share takes anything from one that stands alone.
    """
    left, alone = left_of_all(model, acts, told, variant, sides, total)
    slope: Floats = np.array(model.slopes)[variant] * left
    return np.where(alone, 1.0, slope) if model.agreed else slope


def left_of_all(
    model: LabelModel, acts: Acts, told: Floats, variant: Ints, sides: Sides, total: Floats
) -> tuple[Floats, Bools]:
    """What is left of each pair's summed evidence where all that counts shares errors (`shared.py`); where one opinion stands alone."""
    odds = total[:, 0] - total[:, 1]
    opinions = weighed(model, acts, told, variant, sides)
    said, live = opinions[:, 0] - opinions[:, 1], ~model.silent[acts.voice] | acts.gold
    people = model.people[acts.voice] & ~acts.gold

    def line(mine: Bools, share: float) -> Floats:
        many = np.maximum(1, np.bincount(acts.pair[mine & live], minlength=len(odds)))
        found: Floats = np.bincount(acts.pair[mine], weights=said[mine], minlength=len(odds)) * many**-share
        return found

    # Machines' weights are those of all of them together: where there are none, machines are pooled as people are.
    lines = [line(people, 1.0), line(~people & ~acts.gold, 1.0 if model.beside is None else model.correlation)]
    rest = np.zeros(len(odds)) if model.beside is None else odds - lines[0] - lines[1]
    left = left_of(odds, lines, rest, model.shared)
    # Gold is what shares no errors.
    by_gold = np.bincount(acts.pair[acts.gold], minlength=len(odds)) > 0
    heard = np.bincount(acts.pair[live], minlength=len(odds))
    return np.where(by_gold, 1.0, left), (heard == 1) & (left >= 1.0 - _NOTHING)


def variants(fold: Ints, has_gold: Bools) -> Ints:
    """Which parameters count for a pair: those that never saw its fold, where it has gold itself."""
    return np.where(has_gold, 1 + np.clip(fold, 0, FOLDS - 1), 0)


def _reliability(told: Mapping[str, Any]) -> Reliability:
    cells = [np.array(told[name], np.float64).reshape(-1, CELLS) for name in ("accuracy", "accuracy_low")]
    return Reliability(*cells, *(np.array(told[name], np.float64) for name in ("tie_if_better", "tie_if_tie")))


def _beside(told: Mapping[str, Any] | None) -> Beside | None:
    if told is None:
        return None
    weights, strengths, of_tasks = (_rows(told.get(name, ())) for name in ("weights", "strengths", "of_tasks"))
    models, tasks = (np.array(told.get(name, ()), np.int64) for name in ("models", "tasks"))
    return Beside(
        np.array(told["believed"], np.float64), weights, tuple(told["worth"]), tuple(told["length"]),
        tuple(told.get("machines_worth", ())), tuple(told.get("format", ())), models, strengths, tasks, of_tasks,
    )  # fmt: skip


def _rows(told: Sequence[Sequence[float]]) -> tuple[Floats, ...]:
    return tuple(np.array(row, np.float64) for row in told)


def _figures(told: Mapping[str, Any]) -> AnnotatorFigures:
    return AnnotatorFigures(**{**told, "wrong_on": tuple(WrongKind(**kind) for kind in told["wrong_on"])})


def _rounded(values: Floats) -> Any:
    return np.round(values, _DIGITS).tolist()
