"""The base of every settings model."""

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Frozen, and a key that it does not know is an error: a typing error must not silently become a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")
