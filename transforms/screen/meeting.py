"""By which hashes the rows of a sketch meet those of other shards: bands of signatures, and each text as a whole."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from prefcurate.transforms.screen.candidates import Nodes, Records, nodes, records
from prefcurate.transforms.screen.minhash import BANDS, Signatures, bands
from prefcurate.transforms.screen.shingles import Hashes, mixed
from prefcurate.transforms.screen.sketch import Sketch

_ROWS = 4096
"""Rows whose bands are made together."""


def met_by(sketch: Sketch, shard: int) -> Iterator[tuple[str, Records]]:
    """A kind at a time: the kind, and rows of (hash, node). Texts without letters have none: they are not alike for that.

    - prompt: the prompts.
    - pair: comparisons, by the shingles of prompt and both responses as one set, whichever is a.
    - response: the long ones of each prompt.
    - conversation: prompts, by what they begin with.
    """
    of, a, b = sketch.prompt_rows, sketch.a_rows, sketch.b_rows
    prompts, comparisons = nodes(shard, len(sketch.prompt_ids)), nodes(shard, len(of))

    def union(rows: slice) -> Signatures:
        # The signature of a union of sets has the smaller number in each slot.
        responses = np.minimum(sketch.responses[a[rows]], sketch.responses[b[rows]])
        return np.minimum(sketch.prompts[of[rows]], responses)

    yield "prompt", _records(lambda rows: sketch.prompts[rows], sketch.prompt_sums, prompts)
    sums = sketch.prompt_sums[of] + sketch.response_sums[a] + sketch.response_sums[b]
    yield "pair", _records(union, sums, comparisons)
    long = sketch.long
    responses = nodes(shard, len(sketch.responses))[long]
    yield "response", _records(lambda rows: sketch.responses[long[rows]], sketch.response_sums[long], responses)
    yield "conversation", records(sketch.conversations, prompts)


def _records(signatures: Callable[[slice], Signatures], sums: Hashes, of: Nodes) -> Records:
    hashes: NDArray[np.uint64] = np.empty((len(of), BANDS + 1), np.uint64)
    for start in range(0, len(of), _ROWS):
        rows = slice(start, start + _ROWS)
        hashes[rows, :BANDS] = bands(signatures(rows))
    # Among thousands of like texts each is compared with a few of them; those that are the same always meet.
    hashes[:, BANDS] = mixed(sums)
    filled = sums != 0
    return records(hashes[filled], of[filled])
