"""The base of every settings model."""

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Frozen, and a key that it does not know is an error: a typing error must not silently become a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def enough_outside_a_fold(what: str, min_labels: int, max_pairs: int, folds: int) -> None:
    """Whoever learns from at most so many pairs, less a fold, must be able to see as many as it needs.

    Raises:
        ValueError: it never would; the message says what to change.
    """
    outside = max_pairs * (folds - 1) // folds
    if min_labels > outside:
        raise ValueError(
            f"min_labels: {min_labels} {what} are never there outside a fold of max_pairs {max_pairs} (about {outside} are); lower it, "
            "or raise max_pairs"
        )
