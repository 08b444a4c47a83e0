"""Settings of the annotators: the entries of the list `annotators` of the YAML, told apart by `kind`."""

from typing import Annotated

from pydantic import Field

from prefcurate.transforms.annotate.checks import Checks
from prefcurate.transforms.annotate.judge import LLMJudge
from prefcurate.transforms.annotate.ordinal_head import OrdinalHead
from prefcurate.transforms.annotate.reward_head import RewardHead
from prefcurate.transforms.annotate.similarity import Similarity

AnnotatorOptions = Annotated[LLMJudge | RewardHead | OrdinalHead | Similarity | Checks, Field(discriminator="kind")]
"""Every kind of annotator there is."""
