"""MinHash signatures, their bands, and what two signatures say about two texts.

MinHash: Broder 1997, "On the resemblance and containment of documents"; bands: Indyk and Motwani 1998 (LSH). The
signatures are rensa's R-MinHash (Dahlgaard, Knudsen and Thorup 2017, "Fast similarity sketching").
"""

from array import array

import numpy as np
from numpy.typing import NDArray

from prefcurate.schemas.errors import MissingExtra
from prefcurate.transforms.screen.shingles import ShingleSets, mixed

Signatures = NDArray[np.uint32]
"""One row of `SLOTS` numbers a text."""

SLOTS = 128
BANDS, ROWS = 25, 5
"""25 bands of 5: two texts of similarity 0.7 meet with probability 0.99, of 0.6 with 0.87, of 0.3 with 0.06."""
_SEED = 20261121
_ALGORITHM = 2
"""rensa's `ALGORITHM_VERSION` that signatures were tested with."""


def signatures(sets: ShingleSets) -> Signatures:
    """A signature for each set of shingles; a row depends on its set alone, not on its neighbours or its order.

    Raises:
        MissingExtra: the extra `screen` is not installed.
    """
    try:
        from rensa import RMinHash
    except ImportError as error:
        raise MissingExtra("near duplicates need rensa: pip install 'prefcurate[screen]'") from error
    if RMinHash.ALGORITHM_VERSION != _ALGORITHM:
        raise MissingExtra(
            f"this rensa makes signatures of version {RMinHash.ALGORITHM_VERSION}; install rensa>=0.5,<0.6"
        )
    ends = sets.ends.astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(sets.hashes, ends, SLOTS, _SEED)
    # Rows come as lists, and arrays of the standard library take those in quickest.
    content = b"".join(array("I", row) for row in matrix.to_rows())
    return np.frombuffer(content, np.uint32).reshape(len(ends) - 1, SLOTS)


def bands(rows: Signatures) -> NDArray[np.uint64]:
    """A hash of each band of each signature: an array of texts by `BANDS`. Texts that agree in one are candidates."""
    cut = rows[:, : BANDS * ROWS].reshape(len(rows), BANDS, ROWS).astype(np.uint64)
    hashed = np.broadcast_to(np.arange(1, BANDS + 1, dtype=np.uint64), (len(rows), BANDS)).copy()
    for row in range(ROWS):
        hashed = mixed(hashed * np.uint64(0x9E3779B97F4A7C15) + cut[:, :, row] + np.uint64(1))
    return hashed


def similarity(first: Signatures, second: Signatures) -> NDArray[np.float64]:
    """Estimated Jaccard similarity, row by row; its standard error at 0.7 is 0.04."""
    share: NDArray[np.float64] = (first == second).mean(axis=1)
    return share
