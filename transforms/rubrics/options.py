"""Settings of the stage rubrics (the key `rubrics` of the YAML)."""

import hashlib
from importlib import resources

from pydantic import Field

from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.annotate.chat import ChatOptions
from prefcurate.transforms.measures.requirements import ALGORITHM as MEASURES
from prefcurate.transforms.options import Options
from prefcurate.transforms.rubrics.library import ALGORITHM as LIBRARY

ALGORITHM = 1
"""Raised by hand when the way in which criteria are proposed, validated and chosen changes."""


class GeneratorOptions(ChatOptions):
    """A chat model that writes rubrics from contrasting responses, and judges with them in hand."""

    max_tokens: int = 1500
    contrasts: int = Field(default=6, ge=1, le=20)
    """Pairs of preferred and rejected responses that it is shown for one theme."""
    held_out: int = Field(default=30, ge=1)
    """Pairs of a theme, unseen by the generation, on which a judge that uses the rubric must meet the trusted label."""
    max_themes: int = Field(default=12, ge=1)
    """Themes (kinds of tasks) that get a rubric, those with most labels first."""
    max_attempts: int = Field(default=2, ge=1)
    """How often one question is asked when its answers cannot be read."""
    max_characters: int = Field(default=6000, ge=200)
    """Of each prompt and response that it is shown; what is longer is cut in the middle, and says so."""

    def generation_fingerprint(self) -> str:
        """Of everything that can change what it writes for given pairs."""
        return stable_hash(
            "rubric generation", ALGORITHM, self.chat_fingerprint(), _prompt("generate"), self.max_characters
        )

    def judge_fingerprint(self) -> str:
        """Of everything that can change its verdict on a pair with a rubric in hand."""
        return stable_hash("rubric judge", ALGORITHM, self.chat_fingerprint(), _prompt("judge"), self.max_characters)

    def fingerprint(self) -> str:
        """Of everything that can change which rubrics it makes."""
        shown = [self.contrasts, self.held_out, self.max_themes, self.max_attempts]
        return stable_hash("rubric maker", self.generation_fingerprint(), self.judge_fingerprint(), shown)


def _prompt(name: str) -> str:
    file = resources.files("prefcurate.transforms.rubrics") / "prompts" / f"{name}.md"
    return hashlib.sha256(file.read_bytes()).hexdigest()


class RubricOptions(Options):
    """How rubrics are proposed and validated."""

    min_pairs: int = Field(default=120, ge=10)
    """Pairs with a trusted label that a scope (the store, or a theme) needs before it gets a rubric."""
    max_pairs: int = Field(default=20_000, ge=100)
    """Pairs with a trusted label that are looked at; of more, a sample by hash."""
    max_criteria: int = Field(default=8, ge=1)
    """Size of a core set at most."""
    false_discovery_rate: float = Field(default=0.1, gt=0, lt=1)
    """Share of the proposed criteria that may be chance."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Of Wilson's interval, whose lower end must lie above one half."""
    min_gain: float = Field(default=0.004, ge=0)
    """What a criterion must add to the core set's accuracy on held-out labels."""
    llm: GeneratorOptions | None = None
    """A chat model that writes rubrics beside the measured ones."""

    def fingerprint(self) -> str:
        """Of the measured rubrics' maker."""
        settings = self.model_dump(mode="json", exclude={"llm"})
        return stable_hash("measured rubrics", ALGORITHM, LIBRARY, MEASURES, settings)

    def fingerprints(self) -> tuple[str, ...]:
        """Of all makers: what may take part in views."""
        return (self.fingerprint(), *((self.llm.fingerprint(),) if self.llm else ()))
