"""What the report says of each source's labels, as figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from prefcurate.transforms.measures.rules import Rule
from prefcurate.transforms.report.alpha import Estimate
from prefcurate.transforms.report.quality.kappa import Kappa


@dataclass(frozen=True)
class RuleShare:
    """How often labels take the response that a rule takes. The interval is of 95%, and allows for items of one prompt being alike."""

    n: int
    prompts: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class RuleFigures:
    """A rule that knows nothing of what the responses say, as if it labelled: "the longer one is better".

    Attributes:
        rule: which response it takes: the clearly longer one; the one with more formatting (of any kind, or headings, items of lists,
            bold, code); the one shown first. It says something only where there is such a one.
        wins: of the labels that prefer a response (ties left out); None where none does.
        accuracy: against the labels, a tie counted half.
        gold: the same against gold of side audit on pairs of the voice; None where there is none.
    """

    rule: Rule
    wins: RuleShare | None
    accuracy: RuleShare
    gold: RuleShare | None


@dataclass(frozen=True)
class Alpha:
    """Agreement of the annotators that labelled the same pairs.

    Attributes:
        pairs, labels, prompts: pairs with two annotators or more, their labels, and the prompts they lie under.
        same: how often two labels of a pair are the same.
        value: Krippendorff's alpha on the scale b, tie, a; None where all labels are the same.
        nominal: alpha to which all disagreements are alike.
    """

    pairs: int
    labels: int
    prompts: int
    same: float | None
    value: Estimate | None
    nominal: Estimate | None


@dataclass(frozen=True)
class Voice:
    """The labels that one kind of annotators gave in one source on one attribute.

    Attributes:
        source, kind, attribute: whose, on what.
        pairs: of the source.
        labelled: pairs with a label; of them the majority prefers one response in `decided`, says tie in `tied`, and there is none in `drawn`.
        verdicts: labels by what they say, in the order of the source's rows: first, second, tie, both_good, both_bad, unratable, unread.
        rules: those that say something.
        alpha: None where no pair has labels of two annotators.
        kappa: of couples of annotators; None where none share ten pairs.
    """

    source: str
    kind: str
    attribute: str
    pairs: int
    labelled: int
    decided: int
    tied: int
    drawn: int
    verdicts: Mapping[str, int]
    rules: tuple[RuleFigures, ...]
    alpha: Alpha | None
    kappa: Kappa | None = None

    def rule(self, name: str) -> RuleFigures | None:
        """The figures of a rule, None where it says nothing."""
        return next((found for found in self.rules if found.rule == name), None)
