"""The one step that sees all edges: clusters of prompts, comparisons and responses, gold sides, and each shard's share of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prefcurate.schemas.canonical import shard_of
from prefcurate.transforms.screen.candidates import Nodes, rows_of, shards_of
from prefcurate.transforms.screen.clusters import CUTS, EDGE, SURE, Clusters, Edges, best_neighbours, clusters
from prefcurate.transforms.screen.gold import GoldPrompt, mixed_clusters, new_sides
from prefcurate.transforms.screen.sketch import Ids, SketchFile, load_array, names_of, texts_of

KINDS = ("prompt", "pair", "response")


@dataclass(frozen=True)
class Members:
    """Rows of a shard's sketch that are in a cluster of several, and its name."""

    rows: NDArray[np.int64]
    clusters: Ids


@dataclass(frozen=True)
class Neighbours:
    """Rows of a shard's sketch that are like another: its name, how similar, and whether the responses of the two are swapped."""

    rows: NDArray[np.int64]
    matched: Ids
    similarity: NDArray[np.float64]
    swapped: NDArray[np.bool_]


@dataclass(frozen=True)
class Found:
    """Near duplicates of a kind in a shard: clusters, the most similar neighbours, and of responses how many prompts a cluster has."""

    members: Members
    nearest: Neighbours
    prompts: NDArray[np.int64]


@dataclass(frozen=True)
class ShardShare:
    """What the global step found for one shard: ids and numbers, no text."""

    shard: int
    sketch: SketchFile | None
    prompts: Found
    pairs: Found
    responses: Found
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
        edges: kind (of `KINDS`) and arrays of `EDGE`, in any order.
        files: the sketches.
        gold: every gold prompt of the store.
        rules: of the configuration.
    """
    paths = {file.shard: file for file in sorted(files)}
    kinds = {kind: _OfKind(kind, _edges(edges, kind), paths, rules.largest) for kind in KINDS}
    prompts, pairs = kinds["prompt"], kinds["pair"]
    cluster_of = prompts.named()
    sides = new_sides(gold, cluster_of, rules.seed, rules.audit)
    remarks = (
        *(remark for of in kinds.values() for remark in of.remarks()),
        *(("gold_on_both_sides", cluster) for cluster in mixed_clusters(gold, cluster_of)),
    )
    opposed = best_neighbours(pairs.edges[pairs.edges["opposed"]])
    by_shard = _by_shard(sides, cluster_of, rules.shards)
    for shard in range(rules.shards):
        yield ShardShare(
            shard,
            paths.get(shard),
            prompts.in_shard(shard),
            pairs.in_shard(shard),
            kinds["response"].in_shard(shard),
            _neighbours(opposed, pairs.names, shard),
            tuple(by_shard.get(shard, ())),
            remarks if shard == 0 else (),
        )


def _edges(edges: Sequence[tuple[str, bytes]], kind: str) -> Edges:
    pieces = [np.frombuffer(content, EDGE) for of, content in edges if of == kind]
    return np.unique(np.concatenate([np.zeros(0, EDGE), *pieces]))


class _OfKind:
    """All edges of a kind, and what they join."""

    def __init__(self, kind: str, edges: Edges, files: Mapping[int, SketchFile], largest: int) -> None:
        self.edges = edges
        self.names = _Names(files, kind)
        self._kind = kind
        # Nothing is split or kept by clusters of responses: the larger one is, the more it says.
        self._found = clusters(edges, largest, () if kind == "response" else CUTS)
        self._clusters = self.names.smallest(self._found)
        # Prompts of one conversation need not be alike.
        self._nearest = best_neighbours(edges[edges["similarity"] < SURE])
        self._prompts = self._counted() if kind == "response" else np.zeros(len(self._clusters), np.int64)

    def named(self) -> dict[str, str]:
        """The name of each node's cluster, of those that are not alone."""
        return dict(zip(texts_of(self.names.of(self._found.nodes)), texts_of(self._clusters), strict=True))

    def in_shard(self, shard: int) -> Found:
        """What a shard has of it."""
        here = shards_of(self._found.nodes) == shard
        members = Members(rows_of(self._found.nodes[here]), self._clusters[here])
        return Found(members, _neighbours(self._nearest, self.names, shard), self._prompts[here])

    def remarks(self) -> Iterator[tuple[str, str]]:
        """Which clusters were too large."""
        for node, size, similarity in self._found.recut:
            yield "recut_cluster", f"{self._kind} {self.names.one(node)}: {size} members cut at {similarity}"
        for node, size in self._found.giant:
            named = self._clusters[np.searchsorted(self._found.nodes, node)].decode("ascii")
            yield "giant_cluster", f"{self._kind} {named}: {size} members"

    def _counted(self) -> NDArray[np.int64]:
        """How many prompts the cluster of each response has."""
        of_roots = np.stack([self._found.roots, self.names.prompts(self._found.nodes)], axis=1)
        roots, prompts = np.unique(np.unique(of_roots, axis=0)[:, 0], return_counts=True)
        counted: NDArray[np.int64] = prompts[np.searchsorted(roots, self._found.roots)]
        return counted


class _Names:
    """The ids behind nodes; a shard's are read when they are asked for."""

    def __init__(self, files: Mapping[int, SketchFile], kind: str) -> None:
        self._files = files
        self._kind = kind
        self._array = lru_cache(maxsize=None)(self._load)

    def _load(self, shard: int, which: str) -> NDArray[Any]:
        return load_array(self._files[shard].path, which)

    def of(self, asked: Nodes) -> Ids:
        named = np.empty(len(asked), "S34")
        for shard, here in _by(shards_of(asked)):
            named[here] = names_of(self._kind, rows_of(asked[here]), partial(self._array, shard))
        return named

    def one(self, node: int) -> str:
        """Of a node."""
        return next(texts_of(self.of(np.array([node], np.uint64))))

    def prompts(self, asked: Nodes) -> Nodes:
        """The prompts of responses, as nodes."""
        found = np.empty(len(asked), np.uint64)
        for shard, here in _by(shards_of(asked)):
            rows = self._array(shard, "prompt_rows")[self._array(shard, "places")[rows_of(asked[here])] >> 1]
            found[here] = (np.uint64(shard) << np.uint64(32)) + rows.astype(np.uint64)
        return found

    def smallest(self, found: Clusters) -> Ids:
        """The smallest id of each node's cluster."""
        ids = self.of(found.nodes)
        order = np.lexsort((ids, found.roots))
        roots, first = np.unique(found.roots[order], return_index=True)
        return ids[order][first][np.searchsorted(roots, found.roots)]


def _by(shards: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Each shard and which are of it."""
    for shard in np.unique(shards).tolist():
        yield shard, shards == shard


def _by_shard(
    sides: Mapping[str, str], cluster_of: Mapping[str, str], shards: int
) -> dict[int, list[tuple[str, str, str]]]:
    found: dict[int, list[tuple[str, str, str]]] = {}
    for prompt_id, side in sorted(sides.items()):
        row = (prompt_id, cluster_of.get(prompt_id, prompt_id), side)
        found.setdefault(shard_of(prompt_id, shards), []).append(row)
    return found


def _neighbours(edges: Edges, names: _Names, shard: int) -> Neighbours:
    here = edges[shards_of(edges["first"]) == shard]
    return Neighbours(rows_of(here["first"]), names.of(here["second"]), here["similarity"], here["swapped"])
