"""The one step that sees all edges: clusters of prompts and of comparisons, gold sides, and each shard's share of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prefcurate.schemas.canonical import shard_of
from prefcurate.transforms.screen.candidates import Nodes, rows_of, shards_of
from prefcurate.transforms.screen.clusters import EDGE, Clusters, Edges, best_neighbours, clusters
from prefcurate.transforms.screen.gold import GoldPrompt, mixed_clusters, new_sides
from prefcurate.transforms.screen.sketch import Ids, SketchFile, load_ids


@dataclass(frozen=True)
class Members:
    """Rows of a shard's sketch that are in a cluster of several, and its name."""

    rows: NDArray[np.int64]
    clusters: Ids


@dataclass(frozen=True)
class Neighbours:
    """Comparisons of a shard that are like another: its id, how similar, and whether their responses are swapped."""

    rows: NDArray[np.int64]
    matched: Ids
    similarity: NDArray[np.float64]
    swapped: NDArray[np.bool_]


@dataclass(frozen=True)
class ShardShare:
    """What the global step found for one shard: ids and numbers, no text."""

    shard: int
    sketch: SketchFile | None
    prompts: Members
    pairs: Members
    duplicates: Neighbours
    contradictions: Neighbours
    gold: tuple[tuple[str, str, str], ...]  # prompt_id, prompt_cluster, side
    remarks: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Rules:
    """What the step is told by the configuration."""

    shards: int
    largest: int
    seed: int
    audit: float


def join(
    edges: Sequence[tuple[str, bytes]], files: Sequence[SketchFile], gold: Sequence[GoldPrompt], rules: Rules
) -> Iterator[ShardShare]:
    """One share for every shard, whether it has any cluster or not.

    Args:
        edges: kind (prompt or pair) and arrays of `EDGE`, in any order.
        files: the sketches.
        gold: every gold prompt of the store.
        rules: of the configuration.
    """
    paths = {file.shard: file for file in sorted(files)}
    names = {kind: _Names(paths, kind) for kind in ("prompt", "pair")}
    by_kind = {kind: _edges(edges, kind) for kind in names}
    found = {kind: clusters(by_kind[kind], rules.largest) for kind in names}
    named = {kind: (found[kind], names[kind].smallest(found[kind])) for kind in names}
    cluster_of = _cluster_of(found["prompt"], names["prompt"], named["prompt"][1])
    sides = new_sides(gold, cluster_of, rules.seed, rules.audit)
    remarks = (
        *_remarks(found, names),
        *(("gold_on_both_sides", cluster) for cluster in mixed_clusters(gold, cluster_of)),
    )
    duplicates = best_neighbours(by_kind["pair"])
    opposed = best_neighbours(by_kind["pair"][by_kind["pair"]["opposed"]])
    by_shard = _by_shard(sides, cluster_of, rules.shards)
    for shard in range(rules.shards):
        yield ShardShare(
            shard,
            paths.get(shard),
            _members(*named["prompt"], shard),
            _members(*named["pair"], shard),
            _neighbours(duplicates, names["pair"], shard),
            _neighbours(opposed, names["pair"], shard),
            tuple(by_shard.get(shard, ())),
            remarks if shard == 0 else (),
        )


def _edges(edges: Sequence[tuple[str, bytes]], kind: str) -> Edges:
    pieces = [np.frombuffer(content, EDGE) for of, content in edges if of == kind]
    return np.unique(np.concatenate([np.zeros(0, EDGE), *pieces]))


class _Names:
    """The ids behind nodes; a shard's are read when they are asked for."""

    def __init__(self, files: Mapping[int, SketchFile], kind: str) -> None:
        self._files = files
        self._which = "prompt_ids" if kind == "prompt" else "comparison_ids"
        self._loaded: dict[int, Ids] = {}

    def of(self, asked: Nodes) -> Ids:
        named = np.empty(len(asked), "S32")
        shards = shards_of(asked)
        for shard in np.unique(shards).tolist():
            if shard not in self._loaded:
                self._loaded[shard] = load_ids(self._files[shard].path, self._which)
            here = shards == shard
            named[here] = self._loaded[shard][rows_of(asked[here])]
        return named

    def smallest(self, found: Clusters) -> Ids:
        """The smallest id of each node's cluster."""
        ids = self.of(found.nodes)
        order = np.lexsort((ids, found.roots))
        roots, first = np.unique(found.roots[order], return_index=True)
        return ids[order][first][np.searchsorted(roots, found.roots)]


def _cluster_of(found: Clusters, names: _Names, clusters_: Ids) -> dict[str, str]:
    ids = names.of(found.nodes)
    return {i.decode("ascii"): c.decode("ascii") for i, c in zip(ids.tolist(), clusters_.tolist(), strict=True)}


def _remarks(found: Mapping[str, Clusters], names: Mapping[str, _Names]) -> Iterator[tuple[str, str]]:
    for kind, of in found.items():
        for node, size, similarity in of.recut:
            yield "recut_cluster", f"{kind} {_name(names[kind], node)}: {size} members cut at {similarity}"
        for node, size in of.giant:
            yield "giant_cluster", f"{kind} {_name(names[kind], node)}: {size} members"


def _name(names: _Names, node: int) -> str:
    return str(names.of(np.array([node], np.uint64))[0].decode("ascii"))


def _by_shard(
    sides: Mapping[str, str], cluster_of: Mapping[str, str], shards: int
) -> dict[int, list[tuple[str, str, str]]]:
    found: dict[int, list[tuple[str, str, str]]] = {}
    for prompt_id, side in sorted(sides.items()):
        row = (prompt_id, cluster_of.get(prompt_id, prompt_id), side)
        found.setdefault(shard_of(prompt_id, shards), []).append(row)
    return found


def _members(found: Clusters, names: Ids, shard: int) -> Members:
    here = shards_of(found.nodes) == shard
    return Members(rows_of(found.nodes[here]), names[here])


def _neighbours(edges: Edges, names: _Names, shard: int) -> Neighbours:
    here = edges[shards_of(edges["first"]) == shard]
    return Neighbours(rows_of(here["first"]), names.of(here["second"]), here["similarity"], here["swapped"])
