import numpy as np

from prefcurate.transforms.screen.candidates import nodes
from prefcurate.transforms.screen.clusters import EDGE, SURE
from prefcurate.transforms.screen.compare import EXACT_LIMIT, compare, decide, exact_edge, exact_similarity
from prefcurate.transforms.screen.minhash import signatures
from prefcurate.transforms.screen.shingles import shingle_sets, shingles
from prefcurate.transforms.screen.sketch import Sketch

PROMPT = "Explain to a child how rain is made, in a few sentences."
GOOD = "Water rises from the sea as vapour, cools high up in the air, becomes cloud, and falls as rain when drops are heavy."
BAD = "Rain is when somebody above waters the garden with a huge can, which is why it only falls on gardens and on fields."
OTHER = "Trains run on rails because steel wheels on steel rails waste little force, and because rails keep them in their way."


def sketch(*rows, leanings):
    prompts, a, b = ([row[i] for row in rows] for i in range(3))
    ids = np.array(["0" * 32] * len(rows), "S32")
    places = np.arange(len(rows))
    return Sketch(
        ids, *(signatures(shingle_sets(t)) for t in (prompts,)), ids, places,
        *(signatures(shingle_sets(t)) for t in (a, b)), np.array(leanings, np.int8),
    )  # fmt: skip


def one_edge(first, second, leanings):
    of = sketch(first, second, leanings=leanings)
    return compare("pair", nodes(0, 2).reshape(1, 2), of, of)[0]


def test_the_same_pair_with_swapped_sides_and_the_same_letter_contradicts_itself():
    edge = one_edge((PROMPT, GOOD, BAD), (PROMPT, BAD + "!", GOOD), leanings=(1, 1))
    assert (edge["similarity"], edge["swapped"], edge["opposed"]) == (1.0, True, True)


def test_the_same_pair_with_swapped_sides_and_turned_letter_agrees():
    edge = one_edge((PROMPT, GOOD, BAD), (PROMPT, BAD, GOOD.upper()), leanings=(1, -1))
    assert (edge["swapped"], edge["opposed"]) == (True, False)


def test_straight_pairs():
    assert one_edge((PROMPT, GOOD, BAD), (PROMPT, GOOD, BAD + "."), leanings=(1, -1))["opposed"]
    assert not one_edge((PROMPT, GOOD, BAD), (PROMPT, GOOD, BAD + "."), leanings=(1, 1))["opposed"]
    assert not one_edge((PROMPT, GOOD, BAD), (PROMPT, GOOD, BAD + "."), leanings=(1, 0))["opposed"]


def test_responses_that_are_alike_themselves_cannot_contradict():
    edge = one_edge((PROMPT, GOOD, GOOD + " Yes"), (PROMPT, GOOD + " Yes", GOOD), leanings=(1, -1))
    assert edge["similarity"] > 0.9
    assert not edge["opposed"]


def test_a_pair_is_as_alike_as_its_least_alike_part():
    assert one_edge((PROMPT, GOOD, BAD), (PROMPT, GOOD, OTHER), leanings=(0, 0))["similarity"] < 0.1
    assert one_edge((PROMPT, GOOD, BAD), (OTHER, GOOD, BAD), leanings=(0, 0))["similarity"] < 0.1


def test_conversations_need_no_comparison():
    none = sketch((PROMPT, GOOD, BAD), leanings=(0,))
    assert compare("conversation", nodes(0, 2).reshape(1, 2), none, none)["similarity"].tolist() == [SURE]


def edges(*similarities):
    found = np.zeros(len(similarities), EDGE)
    found["second"] = np.arange(1, len(similarities) + 1)
    found["similarity"] = similarities
    return found


def test_only_what_is_near_the_threshold_is_looked_at_exactly():
    accepted, near = decide(edges(0.5, 0.63, 0.7, 0.77, 0.79, 1.0, SURE), 0.7)
    assert accepted["similarity"].tolist() == [0.79, 1.0, SURE]
    assert near["similarity"].tolist() == [0.63, 0.7, 0.77]


def test_beyond_the_limit_estimates_stand_and_the_same_pairs_are_chosen_in_any_order():
    many = edges(*([0.69, 0.71] * EXACT_LIMIT))
    accepted, near = decide(many, 0.7)
    assert len(near) == EXACT_LIMIT
    assert set(accepted["similarity"].tolist()) == {0.71}
    _, reversed_near = decide(many[::-1], 0.7)
    assert set(near["second"].tolist()) == set(reversed_near["second"].tolist())


def test_exact_similarity_matches_responses_as_the_edge_says():
    first = [shingles(text) for text in (PROMPT, GOOD, BAD)]
    second = [shingles(text) for text in (PROMPT, BAD, GOOD)]
    assert exact_similarity(first, second, swapped=True) == 1
    assert exact_similarity(first, second, swapped=False) < 0.1


def test_an_edge_gets_its_exact_similarity_or_goes():
    edge = edges(0.7)[:1].tobytes()
    one, other = shingles("abcdefghij").tobytes(), shingles("abcdefghix").tobytes()
    (found,) = exact_edge(edge, (one,), (other,), 0.5)
    assert np.frombuffer(found, EDGE)["similarity"].tolist() == [0.5]
    assert list(exact_edge(edge, (one,), (other,), 0.51)) == []
