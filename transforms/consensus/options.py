"""Settings of the stage consensus (the key `consensus` of the YAML), and the named policies of its decisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from prefcurate.transforms.consensus.agreement_options import Agreement
from prefcurate.transforms.consensus.shared import SHARED
from prefcurate.transforms.options import Options, enough_outside_a_fold

ALGORITHM = 6
"""Raised by hand when the fit or the rules below change what is decided from the same annotations."""


@dataclass(frozen=True)
class Policy:
    """The constants that decisions rest on. A policy keeps its name, version and meaning: another choice is another one.

    Attributes:
        name: as in `consensus.policy`.
        kind_accuracy: what an annotator of a kind that nobody has measured is believed to get right.
        prior_acts: how many acts that belief is worth.
        gold_accuracy: what a gold annotation gets right.
        correlation: acts on one pair share errors, so n acts count as n ** (1 - correlation) of them.
        shared: of the summed log-odds of all that counts on a pair, what is left for sharing errors, before gold moves it (`shared.py`).
        measured_acts: gold acts below which an annotator is not called better or worse than chance.
        calibration_pairs: gold pairs below which probabilities are not calibrated.
        flip_pairs: gold pairs like this one below which nothing is flipped.
        flip_lower: what the lower bound of "a flip like this is right" must reach.
        unproven: exponent of the odds against a label that came, while gold cannot tell how often such odds are right
            (five real judges that agree against a person were right two times of three).
        fit_pairs: pairs above which the fit works on a sample by hash.
        skene_pairs: pairs above which Dawid-Skene works on a sample by hash.
        learned: whether what is said of a response in other pairs of its prompt counts (`strengths.py`), and machines' weights are
            learned from people (`weights.py`).
        length: whether the longer response may be better for being longer; only where `learned`.
        borne_out: whether machines are believed about responses in other pairs, and in their liking of length and formatting, only as far as
            people's labels and gold bear them out, and may be worth more on one kind of task than on another (`taught.py`); only where `learned`.
        models: whether the models that wrote the responses have strengths; only where `borne_out`.
        strata_of_acts: whether gold pairs that one act labelled (a ranking of nine labels 36) count as one pair when it is asked how
            often flips are right; else each counts, and lower bounds are too sure of rankings.
        version: raised when a name is given other constants; the former version stays in `POLICIES`, under ``name@version``.
    """

    name: str
    kind_accuracy: dict[str, float] = field(
        default_factory=lambda: {"person": 0.8, "llm_judge": 0.77, "reward_model": 0.65, "program": 0.65}
    )
    prior_acts: float = 10.0
    gold_accuracy: float = 0.95
    correlation: float = 0.5
    shared: float = SHARED
    measured_acts: int = 10
    calibration_pairs: int = 30
    flip_pairs: int = 20
    flip_lower: float = 0.5
    unproven: float = 0.6
    fit_pairs: int = 2_000_000
    skene_pairs: int = 200_000
    learned: bool = False
    length: bool = False
    borne_out: bool = False
    models: bool = False
    strata_of_acts: bool = False
    version: int = 1

    @property
    def title(self) -> str:
        """``name@version``: what decides, whatever an alias or a bare name means tomorrow."""
        return f"{self.name}@{self.version}"


POLICIES = {
    "votes": Policy("votes"),
    "learned": Policy("learned", learned=True),
    "learned-length": Policy("learned-length", learned=True, length=True),
    "borne-out": Policy("borne-out", learned=True, borne_out=True, strata_of_acts=True),
    "models": Policy("models", learned=True, borne_out=True, models=True, strata_of_acts=True),
    "models-length": Policy(
        "models-length", learned=True, borne_out=True, models=True, length=True, strata_of_acts=True
    ),
}
"""The newest version of each policy under its name, earlier ones under ``name@version``. What they reach beside each other
and beside other label models: `tests/benchmarks/bench_labels.py`."""

RECOMMENDED = "models"
"""What `default` means: the policy that is recommended now."""
_ALIAS = "default"


def policy_of(name: str) -> Policy:
    """The policy of a name, of ``name@version``, or of `default`.

    Raises:
        ValueError: there is none; the message says which there are.
    """
    known = {policy.title: policy for policy in POLICIES.values()} | POLICIES
    found = known.get(RECOMMENDED if name == _ALIAS else name)
    if found is None:
        versions = ", ".join(sorted({policy.title for policy in POLICIES.values()}))
        named = ", ".join(sorted({_ALIAS, *(policy.name for policy in POLICIES.values())}))
        raise ValueError(f"there is no policy {name!r}; known policies: {named} (of these versions: {versions})")
    return found


class OutcomeOptions(Options):
    """When both answers are right: their ratings of an attribute, or opinions on it that all say both_good."""

    attribute: str = Field(min_length=1)
    at_least: float
    """In the ratings' own units; of several ratings of an answer the mean counts."""


class GateOptions(Options):
    """An attribute that counts only between right answers (`gates.py`)."""

    attribute: str = Field(min_length=1)
    counts_when: OutcomeOptions

    @model_validator(mode="after")
    def _gates_another(self) -> "GateOptions":
        if self.attribute == "overall":
            raise ValueError("attribute: overall always counts; name an attribute such as conciseness")
        if self.attribute == self.counts_when.attribute:
            raise ValueError(f"counts_when.attribute: {self.attribute!r} cannot be its own outcome")
        return self


class DynamicsOptions(Options):
    """Training dynamics of the published labels (`dynamics.py`), in the columns confidence, variability and region of `consensus`."""

    epochs: int = Field(default=10, ge=3, le=100)
    """Times that the heads see every label; they are watched after each."""
    folds: int = Field(default=5, ge=2, le=20)
    """Parts of the prompt clusters: each is watched by heads that learned from the others."""
    min_labels: int = Field(default=50, ge=10)
    """Published pairs outside a fold below which its pairs are not watched."""
    max_pairs: int = Field(default=20_000, ge=100)
    """Published pairs that are learned from at most, a hash sample; about 12 KB of memory a pair at 384 dimensions."""
    truncate: Literal["no", "soften", "drop"] = "no"
    """What is done with a published label whose confidence is below `confidence`; gold on the pair itself and overrides stand."""
    confidence: float = Field(default=0.4, ge=0.0, le=0.5)
    """What heads give to a label at least that is not truncated."""

    @field_validator("truncate", mode="before")
    @classmethod
    def _no_of_yaml(cls, given: Any) -> Any:
        # YAML reads a bare `no` as false.
        return "no" if given is False else given

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if "confidence" in self.model_fields_set and "truncate" not in self.model_fields_set:
            raise ValueError(
                "confidence: it is where labels are truncated; say what becomes of them: truncate: soften, or drop"
            )
        enough_outside_a_fold("published pairs", self.min_labels, self.max_pairs, self.folds)
        return self


class ConsensusOptions(Options):
    """The policy of the decisions."""

    policy: str = _ALIAS
    """A name, ``name@version``, or `default`, which is the policy recommended now and may be another one later."""
    min_accuracy: float = Field(default=0.75, ge=0.5, le=1.0)
    """A pair is published when its label is expected to be right at least this often."""
    agreement: tuple[Agreement, ...] = ()
    """Agreements of signals that every decision is asked for, one after another; see `agreement_options.py`."""
    gated: tuple[GateOptions, ...] = ()
    """Attributes whose opinions count as opinions on the whole where both answers are right, and nowhere else."""
    dynamics: DynamicsOptions | None = None
    """Watch how heads that are trained on the published labels come to agree with each; needs the stage embed. Not by default."""
    closest: int | None = Field(default=None, ge=2)
    """Of graded answers by more people than this to one pair, only so many that lie closest together count (HelpSteer2: 3)."""

    @model_validator(mode="after")
    def _one_gate_each(self) -> "ConsensusOptions":
        names = [gate.attribute for gate in self.gated]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"gated: the attribute {twice[0]!r} stands twice; an opinion counts once")
        return self

    @field_validator("policy")
    @classmethod
    def _known(cls, policy: str) -> str:
        policy_of(policy)
        return policy

    def naming(self, annotators: Mapping[str, str]) -> Self:
        """The same with the names of the tables in the place of those of the list `annotators`."""
        return self.model_copy(update={"agreement": tuple(rule.naming(annotators) for rule in self.agreement)})

    def rules(self) -> Policy:
        """The policy that is meant."""
        return policy_of(self.policy)

    def settings(self) -> dict[str, Any]:
        """What changes decisions: the policy by its title, so that an alias with a new meaning is another setting."""
        return self.model_dump(mode="json") | {"policy": self.rules().title}
