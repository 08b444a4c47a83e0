import networkx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.transforms.screen.clusters import EDGE, SURE, best_neighbours, clusters, edges_of


def edges(*given):
    pairs = np.array([edge[:2] for edge in given], np.uint64).reshape(-1, 2)
    return edges_of(pairs, np.array([edge[2] for edge in given], float))


def roots(found):
    return dict(zip(found.nodes.tolist(), found.roots.tolist(), strict=True))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=40))
def test_components_are_those_of_networkx(pairs):
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    graph = networkx.Graph(pairs)
    expected = {node: min(component) for component in networkx.connected_components(graph) for node in component}
    assert roots(clusters(edges(*((a, b, 0.8) for a, b in pairs)), 1000)) == expected


def test_a_chain_of_templates_is_cut_where_it_is_weak():
    chain = [(i, i + 1, 0.72 if i % 3 == 2 else 0.95) for i in range(11)]  # four groups of three, weakly linked
    found = clusters(edges(*chain), largest=4)
    assert roots(found) == {i: i - i % 3 for i in range(12)}
    assert found.recut == ((0, 12, 0.8),)
    assert found.giant == ()


def test_what_stays_giant_is_told():
    found = clusters(edges(*((0, i, SURE) for i in range(1, 9))), largest=4)
    assert set(roots(found).values()) == {0}
    assert found.giant == ((0, 9),)


def test_what_is_the_same_is_never_torn_apart():
    same = [(i, i + 1, 1.0) for i in range(6)]
    found = clusters(edges(*same, *((10 + i, 11 + i, 0.999) for i in range(6))), largest=4)
    assert roots(found) == dict.fromkeys(range(7), 0)
    assert found.giant == ((0, 7),)
    assert [similarity for node, _, similarity in found.recut if node == 10] == [0.8, 0.9, 0.95, 0.99, 1.0]


def test_cutting_one_cluster_leaves_others_alone():
    weak = [(i, i + 1, 0.71) for i in range(10)]
    found = clusters(edges(*weak, (100, 101, 0.71)), largest=5)
    assert roots(found) == {100: 100, 101: 100}


def test_repeated_and_reordered_edges_change_nothing():
    given = [(1, 2, 0.9), (2, 3, 0.8), (7, 9, 0.75)]
    assert roots(clusters(edges(*given), 10)) == roots(clusters(edges(*given[::-1], *given), 10)) == {
        1: 1, 2: 1, 3: 1, 7: 7, 9: 7
    }  # fmt: skip


def test_best_neighbour_is_the_most_similar_then_the_smallest():
    found = best_neighbours(edges((1, 2, 0.8), (1, 3, 0.9), (2, 4, 0.8), (1, 5, 0.9)))
    assert {int(e["first"]): int(e["second"]) for e in found} == {1: 3, 2: 1, 3: 1, 4: 2, 5: 1}


def test_no_edges():
    assert len(clusters(np.zeros(0, EDGE), 10).nodes) == 0
    assert len(best_neighbours(np.zeros(0, EDGE))) == 0
