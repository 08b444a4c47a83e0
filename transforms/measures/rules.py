"""Rules that take one of two responses without reading what they say: what labels may be about besides that."""

from typing import Literal

from prefcurate.transforms.measures.structure import style
from prefcurate.transforms.measures.text import longer

Rule = Literal["longer", "formatted", "headings", "items", "bold", "code", "first_shown"]
RULES: tuple[Rule, ...] = ("longer", "formatted", "headings", "items", "bold", "code", "first_shown")
"""Which response a rule takes: the clearly longer one; the one with more formatting, of any kind or of one; the one shown first."""

ALONE = 0.7
"""A rule that takes so many of the preferred responses, and surely more than `SURELY`, could have labelled them alone."""
SURELY = 0.6
FEWEST = 20
"""Of fewer labels nothing is said."""


def picks(a: str, b: str) -> tuple[Literal["a", "b"] | None, ...]:
    """Which of two responses each of `RULES` but the last takes; None where it says nothing."""
    one, other = style(a), style(b)
    counts = zip((one.total, *one), (other.total, *other), strict=True)
    return longer(len(a), len(b)), *("a" if x > y else "b" if y > x else None for x, y in counts)


def says_alone(share: float, low: float, n: int) -> bool:
    """Whether a rule that takes the preferred response of `n` pairs so often, and at least `low`, could have labelled them alone."""
    return n >= FEWEST and share >= ALONE and low > SURELY
