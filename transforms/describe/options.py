"""Settings of the stage describe (the key `describe` of the YAML)."""

import hashlib
from importlib import resources

from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.annotate.chat import ChatOptions
from prefcurate.transforms.measures.requirements import ALGORITHM as MEASURES
from prefcurate.transforms.options import Options

ALGORITHM = 1
"""Raised by hand when a rule of `prefcurate.transforms.describe` changes what a prompt is said to be."""


class DescriberOptions(ChatOptions):
    """A chat model that says what kind of prompt it is: task, domain, objectivity, difficulty."""

    max_tokens: int = 200
    max_attempts: int = 2
    """How often a prompt is asked about when the answer cannot be read."""

    def fingerprint(self) -> str:
        """Of everything that can change one answer."""
        prompt = resources.files("prefcurate.transforms.describe").joinpath("prompts/describe.md").read_bytes()
        return stable_hash(
            "describer",
            ALGORITHM,
            hashlib.sha256(prompt).hexdigest(),
            [self.model, self.revision, self.temperature, self.seed, self.max_tokens, self.structured],
        )


class DescribeOptions(Options):
    """How prompts are described: always by measured features, and by a chat model where one is named."""

    llm: DescriberOptions | None = None

    def fingerprint(self) -> str:
        """Of the measured features."""
        return stable_hash("measured features", ALGORITHM, MEASURES)

    def fingerprints(self) -> tuple[str, ...]:
        """Of everything that describes: what may take part in views."""
        return (self.fingerprint(), *((self.llm.fingerprint(),) if self.llm else ()))
