"""Settings of the stage describe (the key `describe` of the YAML)."""

import hashlib

from pydantic import Field

from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.annotate.chat import ChatOptions
from prefcurate.transforms.describe.reading import SCHEMA, template
from prefcurate.transforms.measures.requirements import ALGORITHM as MEASURES
from prefcurate.transforms.options import Options

ALGORITHM = 1
"""Raised by hand when a rule of `prefcurate.transforms.describe` changes what a prompt is said to be."""
READING = 1
"""Raised by hand when a chat model's answers are read in another way: they are read again, and not asked again."""


class DescriberOptions(ChatOptions):
    """A chat model that says what kind of prompt it is: task, domain, objectivity, difficulty, constraints."""

    max_tokens: int = Field(default=300, ge=1)
    max_attempts: int = Field(default=2, ge=1)
    """How often a prompt is asked about when the answer cannot be read."""
    max_characters: int = Field(default=6000, ge=200)
    """Of each prompt that it is shown; what is longer is cut in the middle, and says so."""

    def answer_fingerprint(self) -> str:
        """Of everything that can change one answer: its answers are kept under it."""
        prompt = hashlib.sha256(template().encode()).hexdigest()
        return stable_hash("describer", self.chat_fingerprint(), prompt, SCHEMA, self.max_characters)

    def fingerprint(self) -> str:
        """Of the answers and the way in which they are read: the attributes are kept under it."""
        return stable_hash("described", READING, self.answer_fingerprint())


class DescribeOptions(Options):
    """How prompts are described: always by measured features, and by a chat model where one is named."""

    llm: DescriberOptions | None = None

    def fingerprint(self) -> str:
        """Of the measured features."""
        return stable_hash("measured features", ALGORITHM, MEASURES)

    def fingerprints(self) -> tuple[str, ...]:
        """Of everything that describes: what may take part in views."""
        return (self.fingerprint(), *((self.llm.fingerprint(),) if self.llm else ()))
