"""Settings of the stage publish (the key `publish` of the YAML)."""

import math
from typing import Literal

from pydantic import Field, model_validator

from prefcurate.schemas.formats.base import Lasting
from prefcurate.transforms.options import Options

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("test", "validation", "train")
"""By precedence: when clusters grow together, the first of these that a member has wins."""


class SplitShares(Options):
    """The share of prompts that each split is given; a share that is not named is none.

    Shares hold for prompts that have no split yet: a prompt's split is a fact and never moves.
    """

    train: float = Field(default=0.0, ge=0, le=1)
    validation: float = Field(default=0.0, ge=0, le=1)
    test: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _sum_to_one(self) -> "SplitShares":
        total = self.train + self.validation + self.test
        if not math.isclose(total, 1.0, abs_tol=1e-9):
            raise ValueError(
                f"train + validation + test must be 1, not {total:g} "
                f"(train {self.train:g}, validation {self.validation:g}, test {self.test:g}); a split left out is 0"
            )
        return self

    def of(self, chance: float) -> Split:
        """The split of a uniform number in [0, 1): test takes the lowest, then validation, then train."""
        if chance < self.test:
            return "test"
        return "validation" if chance < self.test + self.validation or not self.train else "train"


Band = Literal["easy", "medium", "hard"]


class BandOptions(Options):
    """How train is laid out for a curriculum: every pair has a band, by how probable its label is and how far opinions agree.

    Easy: at least `easy` probable, and nobody who counts says the opposite. Hard: less than `hard` probable, or half or more of those who
    name a response name the other one. Medium: the rest. Curricula go from easy to hard (Pattnaik et al. 2024, "Curry-DPO",
    arXiv 2403.07230, who order the pairs of a prompt by the difference of their ratings; here bands are the same for all prompts, and a
    pair's does not move when others come).
    """

    easy: float = Field(default=0.9, ge=0.5, le=1)
    hard: float = Field(default=0.8, ge=0.5, le=1)
    train: tuple[Band, ...] = Field(default=("easy", "medium", "hard"), min_length=1)
    """The bands that train is made of; validation and test keep all."""

    @model_validator(mode="after")
    def _ascending(self) -> "BandOptions":
        if self.hard > self.easy:
            raise ValueError(f"hard ({self.hard:g}) must not be more than easy ({self.easy:g})")
        return self


class PublishOptions(Lasting):
    """Splits, selection and exports of a release."""

    added = frozenset({"mask_personal_data", "bands"})

    splits: SplitShares = SplitShares(train=0.9, validation=0.05, test=0.05)
    exports: tuple[Literal["trl"], ...] = ()
    """`trl` adds `exports/trl/` whose rows have a column `margin`, which TRL's RewardTrainer subtracts in its loss."""
    max_per_prompt: int | None = Field(default=None, ge=1)
    """Publish at most so many pairs of one prompt, those with most evidence; all when not set."""
    bands: BandOptions = BandOptions()
    mask_personal_data: bool = False
    """Put marks such as `[e-mail]` in the place of e-mail addresses, phone numbers, IBANs, card numbers and keys in what is released;
    the store keeps them. The card says how many there were."""
