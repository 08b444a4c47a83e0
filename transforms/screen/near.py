"""Shingles of the few texts whose similarity only an exact comparison can tell."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from prefcurate.transforms.screen.candidates import rows_of, shards_of
from prefcurate.transforms.screen.clusters import Edges
from prefcurate.transforms.screen.rows import LONGEST
from prefcurate.transforms.screen.shingles import shingle_sets
from prefcurate.transforms.screen.sketch import Sketch, names_of, texts_of
from prefcurate.transforms.store.snapshot import Snapshot

End = tuple[bytes, int]


def shingles_of_edges(
    kind: str, edges: Edges, shard: int, sketch: Sketch, snapshot: Snapshot
) -> Iterator[tuple[bytes, int, tuple[bytes, ...]]]:
    """For each edge's ends in a shard: the edge, which end (0 or 1), and the shingles of its texts.

    A prompt or a response has one text; a comparison prompt, response_a and response_b. The shard's text is read once.
    """
    wanted = _wanted(kind, edges, shard, sketch)
    if not wanted:
        return
    for rows in _texts(kind, sorted(wanted), snapshot, shard):
        of_text = hashed({text[:LONGEST] for _, *texts in rows for text in texts})
        for key, *texts in rows:
            of_key = tuple(of_text[text[:LONGEST]] for text in texts)
            for edge, end in wanted[key]:
                yield edge, end, of_key


def hashed(texts: Iterable[str]) -> dict[str, bytes]:
    """The distinct shingles of each text, ascending, as bytes; together they are made far quicker than one by one."""
    sets = shingle_sets(ordered := list(texts))
    return {text: np.unique(sets.hashes[sets.ends[i] : sets.ends[i + 1]]).tobytes() for i, text in enumerate(ordered)}


def _wanted(kind: str, edges: Edges, shard: int, sketch: Sketch) -> dict[str, list[End]]:
    """The names of nodes that are asked for, and for which edges."""
    wanted: dict[str, list[End]] = defaultdict(list)
    for end, side in enumerate(("first", "second")):
        here = edges[shards_of(edges[side]) == shard]
        names = names_of(kind, rows_of(here[side]), lambda array: getattr(sketch, array))
        for index, name in enumerate(texts_of(names)):
            wanted[name].append((here[index : index + 1].tobytes(), end))
    return wanted


_TEXTS = {
    "prompt": """SELECT prompt_id, any_value(prompt_text) FROM comparisons WHERE prompt_id IN (SELECT id FROM wanted)
        GROUP BY prompt_id""",
    "pair": """SELECT comparison_id, prompt_text, response_a_text, response_b_text FROM comparisons
        WHERE comparison_id IN (SELECT id FROM wanted)""",
    "response": """SELECT id, CASE WHEN ends_with(id, '/a') THEN response_a_text ELSE response_b_text END
        FROM wanted JOIN comparisons ON comparison_id = split_part(id, '/', 1)""",
}


def _texts(kind: str, ids: list[str], snapshot: Snapshot, shard: int) -> Iterator[list[tuple[str, ...]]]:
    """The name of a node and its texts, some rows at a time."""
    with snapshot.connect(["comparisons"], shard) as connection:
        connection.register("wanted", pa.table({"id": ids}))
        for batch in connection.sql(_TEXTS[kind]).to_arrow_reader(256):
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
