"""Vectors of the table `embeddings` as one matrix."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def matrix_of(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """A column of lists of one length as rows; of shape (0, 1) where there is none."""
    if not len(column):
        return np.zeros((0, 1), np.float32)
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    matrix: NDArray[np.float32] = flat.reshape(len(column), -1).astype(np.float32)
    return matrix
