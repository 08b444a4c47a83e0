"""Shingles of the few texts whose similarity only an exact comparison can tell."""

from collections import defaultdict
from collections.abc import Iterator

import pyarrow as pa

from prefcurate.transforms.screen.candidates import rows_of, shards_of
from prefcurate.transforms.screen.clusters import Edges
from prefcurate.transforms.screen.rows import LONGEST
from prefcurate.transforms.screen.shingles import shingles
from prefcurate.transforms.screen.sketch import Sketch
from prefcurate.transforms.store.snapshot import Snapshot

End = tuple[bytes, int]


def shingles_of_edges(
    kind: str, edges: Edges, shard: int, sketch: Sketch, snapshot: Snapshot
) -> Iterator[tuple[bytes, int, tuple[bytes, ...]]]:
    """For each edge's ends in a shard: the edge, which end (0 or 1), and the shingles of its texts.

    A prompt has one text; a comparison prompt, response_a and response_b. The shard's text is read once.
    """
    wanted = _wanted(kind, edges, shard, sketch)
    if not wanted:
        return
    for key, texts in _texts(kind, sorted(wanted), snapshot, shard):
        hashed = tuple(shingles(text[:LONGEST]).tobytes() for text in texts)
        for edge, end in wanted[key]:
            yield edge, end, hashed


def _wanted(kind: str, edges: Edges, shard: int, sketch: Sketch) -> dict[str, list[End]]:
    """The ids that are asked for, and for which edges."""
    ids = sketch.prompt_ids if kind == "prompt" else sketch.comparison_ids
    wanted: dict[str, list[End]] = defaultdict(list)
    for end, side in enumerate(("first", "second")):
        here = edges[shards_of(edges[side]) == shard]
        names = ids[rows_of(here[side])]
        for index, name in enumerate(names.tolist()):
            wanted[name.decode("ascii")].append((here[index : index + 1].tobytes(), end))
    return wanted


_PROMPTS = """SELECT prompt_id, any_value(prompt_text) FROM comparisons WHERE prompt_id IN (SELECT id FROM wanted)
    GROUP BY prompt_id"""
_COMPARISONS = """SELECT comparison_id, prompt_text, response_a_text, response_b_text FROM comparisons
    WHERE comparison_id IN (SELECT id FROM wanted)"""


def _texts(kind: str, ids: list[str], snapshot: Snapshot, shard: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    with snapshot.connect(["comparisons"], shard) as connection:
        connection.register("wanted", pa.table({"id": ids}))
        query = _PROMPTS if kind == "prompt" else _COMPARISONS
        for batch in connection.sql(query).to_arrow_reader(256):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield row[0], row[1:]
