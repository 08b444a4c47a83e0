"""Verified edges, and the clusters that they join.

A cluster is a connected component (scipy). Chains of small changes (a template with ever other words) can join half a
data set; a component above the cap is cut again, using only its more similar edges.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from prefcurate.transforms.screen.candidates import NodePairs, Nodes

EDGE = np.dtype([("first", "<u8"), ("second", "<u8"), ("similarity", "<f8"), ("swapped", "?"), ("opposed", "?")])
"""``swapped``: response_a of one is like response_b of the other. ``opposed``: the labels prefer the unlike responses."""
Edges = np.ndarray
"""An array of `EDGE`."""
SURE = 2.0
"""The similarity of an edge that is no guess (one conversation): it is never cut."""
CUTS = (0.8, 0.9, 0.95, 0.99, 1.0)
"""Edges of 1 join texts that are the same but for case and punctuation: torn apart they would leak from train to test."""


@dataclass(frozen=True)
class Clusters:
    """The nodes that are in a cluster of several, ascending, the smallest node of each one's cluster, and what was cut.

    `recut` holds (smallest node, size, similarity at which it was cut); `giant` (smallest node, size) that stayed.
    """

    nodes: Nodes
    roots: Nodes
    recut: tuple[tuple[int, int, float], ...] = ()
    giant: tuple[tuple[int, int], ...] = ()


def edges_of(pairs: NodePairs, similarity: NDArray[np.float64]) -> Edges:
    """Edges without orientation."""
    edges = np.zeros(len(pairs), EDGE)
    edges["first"], edges["second"], edges["similarity"] = pairs[:, 0], pairs[:, 1], similarity
    return edges


def clusters(edges: Edges, largest: int, cuts: Sequence[float] = CUTS) -> Clusters:
    """Connected components, those of more than ``largest`` members cut at rising similarities until they are not.

    The result does not depend on the order of the edges, nor on edges that come twice.
    """
    members = np.unique(np.concatenate([edges["first"], edges["second"]]))
    first = np.searchsorted(members, edges["first"])
    second = np.searchsorted(members, edges["second"])
    roots = _roots(len(members), first, second)
    recut: list[tuple[int, int, float]] = []
    for similarity in cuts:
        sizes = np.bincount(roots, minlength=len(members))
        giant = sizes[roots] > largest
        if not giant.any():
            break
        recut += [(int(members[root]), int(sizes[root]), similarity) for root in np.unique(roots[giant]).tolist()]
        keep = ~giant[first] | (edges["similarity"] >= similarity)
        first, second, edges = first[keep], second[keep], edges[keep]
        roots = _roots(len(members), first, second)
    sizes = np.bincount(roots, minlength=len(members))
    left = tuple((int(members[root]), int(sizes[root])) for root in np.flatnonzero(sizes > largest).tolist())
    joined = sizes[roots] > 1
    return Clusters(members[joined], members[roots[joined]], tuple(recut), left)


def _roots(count: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """The smallest member of each one's component."""
    if not count:
        return np.empty(0, np.int64)
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    component: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    smallest = np.full(component.max() + 1, count, np.int64)
    np.minimum.at(smallest, component, np.arange(count))
    return smallest[component]


def best_neighbours(edges: Edges) -> Edges:
    """For each node its most similar neighbour (the smallest of equals) as an edge with the node first."""
    reversed_edges = edges.copy()
    reversed_edges["first"], reversed_edges["second"] = edges["second"], edges["first"]
    both = np.concatenate([edges, reversed_edges])
    both = both[np.lexsort((both["second"], -both["similarity"], both["first"]))]
    return both[np.r_[True, both["first"][1:] != both["first"][:-1]]] if len(both) else both
