"""A shard's share of the global step as rows of tables."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.screen.flags import SCHEMA, flag_row
from prefcurate.transforms.screen.joining import Found, Members, Neighbours, ShardShare
from prefcurate.transforms.screen.responses import Flag
from prefcurate.transforms.screen.sketch import Ids, Sketch, names_of, texts_of


def cluster_rows(share: ShardShare, sketch: Sketch) -> Iterator[pa.Table]:
    """A row of `clusters` for each comparison of the shard; who is alone is a cluster of itself."""
    prompts = _named(sketch.prompt_ids, share.prompts.members)
    columns = {
        "prompt_id": sketch.prompt_ids[sketch.prompt_rows],
        "comparison_id": sketch.comparison_ids,
        "prompt_cluster": prompts[sketch.prompt_rows],
        "pair_cluster": _named(sketch.comparison_ids, share.pairs.members),
    }
    yield pa.table({name: pa.array(ids.astype(str), pa.string()) for name, ids in columns.items()})


def neighbour_rows(share: ShardShare, sketch: Sketch) -> Iterator[pa.Table]:
    """Rows of `screening` for comparisons that are like another one, or contradict it, or whose prompt or a response is like another.

    Each row names the most similar neighbour and the representative of the cluster: its smallest id, the only one that is not
    flagged. (A release keeps of a cluster of pairs the one with most evidence, and names that where it withholds another.) Of two
    that contradict each other both are flagged. Evidence of responses names them by comparison and side.
    """
    pairs = _named(sketch.comparison_ids, share.pairs.members)
    flags = (
        *_like_pairs("near_duplicate", share.pairs.nearest, pairs, sketch.comparison_ids),
        *_like_pairs("contradictory_repeat", share.contradictions, pairs, np.zeros_like(pairs)),
        *_like_prompts(share.prompts, sketch),
        *_like_responses(share.responses, sketch),
    )
    prompt_ids = list(texts_of(sketch.prompt_ids))
    rows = [
        flag_row(prompt_ids[sketch.prompt_rows[row]], _text(sketch.comparison_ids[row]), flag) for row, flag in flags
    ]
    yield pa.Table.from_pylist(rows, schema=SCHEMA)


def _like_pairs(flag: str, found: Neighbours, representatives: Ids, skipped: Ids) -> Iterator[tuple[int, Flag]]:
    told = representatives != skipped
    for row, (matched, similarity, swapped) in _by_row(found).items():
        if told[row]:
            representative = _text(representatives[row])
            evidence = {"similarity": round(similarity, 4), "swapped": swapped, "representative": representative}
            yield row, Flag(flag, similarity, json.dumps(evidence), matched_id=matched)


def _like_prompts(found: Found, sketch: Sketch) -> Iterator[tuple[int, Flag]]:
    """A flag for each comparison whose prompt is like another prompt, but for the prompt that names the cluster."""
    representatives, nearest = _named(sketch.prompt_ids, found.members), _by_row(found.nearest)
    flagged = (
        np.isin(sketch.prompt_rows, found.nearest.rows) & (representatives != sketch.prompt_ids)[sketch.prompt_rows]
    )
    for row in np.flatnonzero(flagged).tolist():
        prompt = int(sketch.prompt_rows[row])
        matched, similarity, _ = nearest[prompt]
        evidence = {"similarity": round(similarity, 4), "representative": _text(representatives[prompt])}
        yield row, Flag("near_duplicate_prompt", similarity, json.dumps(evidence), matched_id=matched)


def _like_responses(found: Found, sketch: Sketch) -> Iterator[tuple[int, Flag]]:
    """A flag for each comparison of which a response is like one to another prompt; its value is that of the more similar side."""
    told = dict(_of_responses(found, sketch))
    rows = np.array(sorted(told), np.int64)
    for row in np.flatnonzero(np.isin(sketch.a_rows, rows) | np.isin(sketch.b_rows, rows)).tolist():
        given = {"a": told.get(int(sketch.a_rows[row])), "b": told.get(int(sketch.b_rows[row]))}
        sides = {side: of for side, of in given.items() if of is not None}
        best = max(sides.values(), key=lambda of: of["similarity"])
        evidence = json.dumps({"sides": list(sides), **sides})
        yield (
            row,
            Flag("near_duplicate_response", best["similarity"], evidence, matched_id=best["matched"].split("/")[0]),
        )


def _of_responses(found: Found, sketch: Sketch) -> Iterator[tuple[int, dict[str, Any]]]:
    """What is told of each response that is like one to another prompt, but for the one that names the cluster."""
    nearest = _by_row(found.nearest)
    own = texts_of(names_of("response", found.members.rows, lambda array: getattr(sketch, array)))
    columns = (found.members.rows.tolist(), own, texts_of(found.members.clusters), found.prompts.tolist())
    for row, name, representative, prompts in zip(*columns, strict=True):
        if name != representative:
            matched, similarity, _ = nearest[row]
            told = {"similarity": round(similarity, 4), "matched": matched, "representative": representative}
            yield row, {**told, "prompts": prompts}


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


def _by_row(found: Neighbours) -> dict[int, tuple[str, float, bool]]:
    """By row of the sketch: the name of the neighbour, its similarity, and whether responses are swapped."""
    columns = (texts_of(found.matched), found.similarity.tolist(), found.swapped.tolist())
    return dict(zip(found.rows.tolist(), zip(*columns, strict=True), strict=True))


def _text(name: bytes) -> str:
    return name.decode("ascii")
