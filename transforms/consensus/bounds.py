"""Intervals of a share that was counted."""

from functools import lru_cache


# Every pair asks about its stratum, and there are a few strata.
@lru_cache(maxsize=1024)
def interval(right: float, counted: float, confidence: float = 0.9) -> tuple[float, float]:
    """The exact interval of Clopper and Pearson (1934) of ``right`` out of ``counted``; its lower end is one-sided 95%.

    ``counted`` may be fractional (derived labels of one act share one). Nothing counted gives (0, 1).
    """
    # Half a second to import: only who counts pays it.
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, right, counted - right + 1)) if right > 0 else 0.0
    high = float(beta.ppf(1 - tail, right + 1, counted - right)) if right < counted else 1.0
    return low, high
