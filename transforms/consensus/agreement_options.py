"""Settings of agreements between signals (the key `consensus.agreement` of the YAML), told apart by `rule`; `agreement.py` says what they do."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from prefcurate.transforms.options import Options

Measure = Literal["kendall", "spearman", "top_bottom"]


class SameResponse(Options):
    """The same response is named by every annotator of `all`, and by one of `any` (rule ``same``)."""

    rule: Literal["same"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    all: tuple[str, ...] = Field(min_length=1)
    """Names of `annotators`, or annotators as the table names them (`llm_judge:arena/gpt-4`, with `*` for several that count as one)."""
    any: tuple[str, ...] = ()
    otherwise: Literal["soften", "drop"] = "soften"
    """What becomes of a label that they do not agree on."""
    missing: Literal["stands", "fails"] = "stands"
    """What becomes of a label where one that must agree has said nothing."""

    @property
    def annotators(self) -> tuple[str, ...]:
        """Everybody who is heard."""
        return (*self.all, *self.any)

    def naming(self, annotators: Mapping[str, str]) -> Self:
        """The same with the names of the tables in the place of those of the configuration."""
        named = {key: tuple(annotators.get(name, name) for name in getattr(self, key)) for key in ("all", "any")}
        return self.model_copy(update=named)

    @model_validator(mode="after")
    def _several(self) -> Self:
        if len(set(self.annotators)) < 2:
            raise ValueError("name two annotators at least in `all` and `any`; one always agrees with itself")
        return self


class SteadyRanking(Options):
    """Successive labellers order a prompt's responses alike (rule ``ranking``)."""

    rule: Literal["ranking"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    of: tuple[str, ...]
    """Two labellers or more, the oldest first; neighbours are compared."""
    measure: Measure = "kendall"
    otherwise: Literal["soften", "drop"] = "soften"
    """Labels of prompts that are not ordered alike go out with softened probabilities, or not below `min_accuracy`."""

    @property
    def annotators(self) -> tuple[str, ...]:
        """Everybody who is heard."""
        return self.of

    def naming(self, annotators: Mapping[str, str]) -> Self:
        """The same with the names of the tables in the place of those of the configuration."""
        return self.model_copy(update={"of": tuple(annotators.get(name, name) for name in self.of)})

    @model_validator(mode="after")
    def _several(self) -> Self:
        if len(set(self.of)) < 2:
            raise ValueError("of: name two labellers at least, the oldest first")
        return self


Rule = SameResponse | SteadyRanking
Agreement = Annotated[Rule, Field(discriminator="rule")]
"""Every rule there is."""
