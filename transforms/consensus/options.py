"""Settings of the stage consensus (the key `consensus` of the YAML), and the named policies of its decisions."""

from dataclasses import dataclass, field

from pydantic import Field, field_validator

from prefcurate.transforms.options import Options

ALGORITHM = 1
"""Raised by hand when the fit or the rules below change what is decided from the same annotations."""


@dataclass(frozen=True)
class Policy:
    """The constants that decisions rest on. A policy keeps its name and meaning: another choice is another policy.

    Attributes:
        name: as in `consensus.policy`.
        kind_accuracy: what an annotator of a kind that nobody has measured is believed to get right.
        prior_acts: how many acts that belief is worth.
        gold_accuracy: what a gold annotation gets right.
        correlation: acts on one pair share errors, so n acts count as n ** (1 - correlation) of them.
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
    """

    name: str
    kind_accuracy: dict[str, float] = field(
        default_factory=lambda: {"person": 0.8, "llm_judge": 0.77, "reward_model": 0.65, "program": 0.65}
    )
    prior_acts: float = 10.0
    gold_accuracy: float = 0.95
    correlation: float = 0.5
    measured_acts: int = 10
    calibration_pairs: int = 30
    flip_pairs: int = 20
    flip_lower: float = 0.5
    unproven: float = 0.6
    fit_pairs: int = 2_000_000
    skene_pairs: int = 200_000
    learned: bool = False
    length: bool = False


POLICIES = {
    "default": Policy("default"),
    "learned": Policy("learned", learned=True),
    "learned-length": Policy("learned-length", learned=True, length=True),
}
"""What they reach beside each other and beside other label models: `tests/benchmarks/bench_labels.py`."""


class ConsensusOptions(Options):
    """The policy of the decisions."""

    policy: str = "default"
    min_accuracy: float = Field(default=0.75, ge=0.5, le=1.0)
    """A pair is published when its label is expected to be right at least this often."""

    @field_validator("policy")
    @classmethod
    def _known(cls, policy: str) -> str:
        if policy not in POLICIES:
            raise ValueError(f"there is no policy {policy!r}; known policies: {', '.join(sorted(POLICIES))}")
        return policy

    def rules(self) -> Policy:
        """The named policy."""
        return POLICIES[self.policy]
