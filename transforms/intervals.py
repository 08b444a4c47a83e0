"""How sure a share is: Wilson's interval (1927), and what items that go together are worth."""

import math

Z = 1.959964
"""Of a two-sided interval of 95%."""


def wilson(share: float, n: float, z: float = Z) -> tuple[float, float]:
    """Wilson's interval of a share of `n` trials; it does not collapse at 0 or 1. Nothing counted gives (0, 1).

    Args:
        share: observed, 0 to 1.
        n: trials; need not be whole, so that effective numbers can be given.
        z: the normal quantile of the confidence.
    """
    if n <= 0:
        return 0.0, 1.0
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def effective_number(n: int, clusters: int, independent: float, clustered: float) -> float:
    """So many independent items would tell as much as `n` items in clusters: `n` divided by their design effect.

    Franco, Little, Louis & Slud 2019, J. Survey Statistics and Methodology 7. It is the number of clusters where all items are
    the same, or lie in one cluster: nothing can be estimated there, and a cluster counts once.

    Args:
        n: items.
        clusters: that they lie in.
        independent: the variance of their mean, were they independent.
        clustered: its variance from the clusters.
    """
    if clusters == 1 or independent == 0:
        return float(clusters)
    return n / max(1.0, clustered / independent)
