"""Which of many texts are worth a closer look, in one pass over them.

Arrow's RE2 looks for all words of a sign at once, where Python takes a pass for each: forty times quicker. A sign is no evidence: it
stands in every text in which something is found, and in some others.
"""

from collections.abc import Sequence
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc


def column(texts: Sequence[str]) -> pa.Array:
    """Texts as Arrow holds them; half characters, which no store holds, become question marks."""
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        return pa.array([text.encode(errors="replace").decode() for text in texts], pa.large_string())


def worth(texts: pa.Array, sign: str) -> list[bool]:
    """For each text, whether a sign (a pattern of RE2) stands in it; an empty one stands in all."""
    return cast(list[bool], pc.match_substring_regex(texts, sign).to_pylist()) if sign else [True] * len(texts)
