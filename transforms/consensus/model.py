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
from prefcurate.transforms.consensus.votes import Bools, Floats, Ints
from prefcurate.transforms.store.files import join, read_bytes, write_by_hash

MODEL_VERSION = 2
_DIGITS = 9


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
        silent: voices that have no weight, shape (`FOLDS` + 1, voices): by all gold, and by the gold of all folds but 0, 1, …
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

    def live(self, acts: Acts, variant: Ints) -> Bools:
        """The acts that count: gold, and those of voices that the parameters of their pair do not silence.

        Args:
            acts: the acts.
            variant: for each pair, which parameters.
        """
        found: Bools = acts.gold | ~self.silent[variant[acts.pair], acts.voice]
        return found

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
