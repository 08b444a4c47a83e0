"""A shard's share of the global step as rows of tables."""

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.screen.flags import SCHEMA, flag_row
from prefcurate.transforms.screen.joining import Members, Neighbours, ShardShare
from prefcurate.transforms.screen.responses import Flag
from prefcurate.transforms.screen.sketch import Ids, Sketch


def cluster_rows(share: ShardShare, sketch: Sketch) -> Iterator[pa.Table]:
    """A row of `clusters` for each comparison of the shard; who is alone is a cluster of itself."""
    prompts = _named(sketch.prompt_ids, share.prompts)
    columns = {
        "prompt_id": sketch.prompt_ids[sketch.prompt_rows],
        "comparison_id": sketch.comparison_ids,
        "prompt_cluster": prompts[sketch.prompt_rows],
        "pair_cluster": _named(sketch.comparison_ids, share.pairs),
    }
    yield pa.table({name: pa.array(ids.astype(str), pa.string()) for name, ids in columns.items()})


def neighbour_rows(share: ShardShare, sketch: Sketch) -> Iterator[pa.Table]:
    """Rows of `screening` for comparisons that are like another one, or contradict it.

    Every near duplicate but the one that names the cluster is flagged, with its most similar neighbour; of two that
    contradict each other both are.
    """
    names = _named(sketch.comparison_ids, share.pairs)
    named_by_itself = names == sketch.comparison_ids
    rows = [
        row
        for flag, found, skipped in (
            ("near_duplicate", share.duplicates, named_by_itself),
            ("contradictory_repeat", share.contradictions, np.zeros(len(names), bool)),
        )
        for row in _flagged(flag, found, skipped, sketch)
    ]
    yield pa.Table.from_pylist(rows, schema=SCHEMA)


def gold_rows(share: ShardShare) -> Iterator[pa.Table]:
    """Rows of `gold` for prompts that have no side yet."""
    columns = list(zip(*share.gold, strict=True)) or [(), (), ()]
    names = ("prompt_id", "prompt_cluster", "side")
    yield pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)}).cast(
        TABLES["gold"].schema.remove_metadata()
    )


def _named(ids: Ids, members: Members) -> Ids:
    names = ids.copy()
    names[members.rows] = members.clusters
    return names


def _flagged(
    flag: str, found: Neighbours, skipped: np.ndarray, sketch: Sketch
) -> Iterator[dict[str, str | float | None]]:
    for row, matched, similarity, swapped in zip(
        found.rows.tolist(), found.matched.tolist(), found.similarity.tolist(), found.swapped.tolist(), strict=True
    ):
        if skipped[row]:
            continue
        evidence = json.dumps({"similarity": round(similarity, 4), "swapped": swapped})
        prompt_id = sketch.prompt_ids[sketch.prompt_rows[row]].decode("ascii")
        comparison_id = sketch.comparison_ids[row].decode("ascii")
        yield flag_row(prompt_id, comparison_id, Flag(flag, similarity, evidence, matched_id=matched.decode("ascii")))
