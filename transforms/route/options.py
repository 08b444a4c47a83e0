"""Settings of the stage route (the key `route` of the YAML)."""

from pydantic import Field, model_validator

from prefcurate.transforms.options import Options

ALGORITHM = 2
"""Raised by hand when another choice is made from the same tables."""


class RouteBudget(Options):
    """How much may be asked: a number of annotations, or an amount in USD; nothing by default."""

    items: int | None = Field(default=None, ge=0)
    usd: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one(self) -> "RouteBudget":
        if self.items is not None and self.usd is not None:
            raise ValueError("give items or usd, not both")
        return self


class PeopleRule(Options):
    """How many people each pair is worth: HelpSteer2's rule (Wang et al. 2024, arXiv:2406.08673), at least three, up to five where they disagree."""

    least: int = Field(default=3, ge=1)
    """A pair that is asked about is asked about until so many people have answered."""
    most: int = Field(default=5, ge=1)
    """Where they disagree, until so many have."""
    spread: float = Field(default=2.0, ge=0)
    """Graded answers disagree when they lie further apart than this, in the source's own units; others when they are not the same."""

    @model_validator(mode="after")
    def _ordered(self) -> "PeopleRule":
        if self.most < self.least:
            raise ValueError(f"most: {self.most} is fewer than least: {self.least}")
        return self

    def missing(self, answered: int, disagree: bool) -> int:
        """How many more people should answer a pair."""
        return max(0, (self.most if disagree and answered >= self.least else self.least) - answered)


class RouteOptions(Options):
    """What another opinion may cost, and who can be asked."""

    budget: RouteBudget = RouteBudget()
    people: PeopleRule | None = None
    """How many people should answer each pair that is asked about; without it one at a time."""
    person_price_usd: float = Field(default=0.50, gt=0)
    """What one person's answer costs."""
    person_accuracy: float = Field(default=0.8, gt=0.5, lt=1)
    """How often a person is believed to be right while gold has not measured any."""
    judges: tuple[str, ...] = ()
    """Annotators (as in the table `annotators`) that may be asked instead of a person."""
    judge_price_usd: float = Field(default=0.01, gt=0)
    """What a judge's answer costs while `calls` does not tell."""
    uniform_share: float = Field(default=0.05, ge=0, le=1)
    """Share of each queue that is a uniform sample, so that accuracies can be measured without bias."""

    @property
    def can_ask(self) -> bool:
        """Whether anybody may be asked at all."""
        return bool(self.budget.items or self.budget.usd)
