import numpy as np

from prefcurate.transforms.screen.candidates import nodes
from prefcurate.transforms.screen.clusters import EDGE, SURE
from prefcurate.transforms.screen.compare import EXACT_LIMIT, compare, decide, exact_edge, exact_similarity
from prefcurate.transforms.screen.shingles import shingles

from .real import sketch_of

PROMPT = "Explain to a child how rain is made, in a few sentences."
GOOD = "Water rises from the sea as vapour, cools high up in the air, becomes cloud, and falls as rain when drops are heavy."
BAD = "Rain is when somebody above waters the garden with a huge can, which is why it only falls on gardens and on fields."
OTHER = "Trains run on rails because steel wheels on steel rails waste little force, and because rails keep them in their way."


def one_edge(first, second, leanings=(), kind="pair", places=(0, 1)):
    of = sketch_of([first, second], leanings)
    return compare(kind, nodes(0, 4)[list(places)].reshape(1, 2), of, of, 0.7)[0]


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


def test_like_responses_count_under_unlike_prompts_alone():
    # Responses in the order in which comparisons hold them: a and b of the first, then of the second.
    def found(prompt, again, places=(0, 2)):
        return one_edge((PROMPT, GOOD, BAD), (prompt, again, OTHER), kind="response", places=places)["similarity"]

    assert found(OTHER, GOOD.upper()) == 1
    assert 0.8 < found(OTHER, GOOD + " Yes") < 1
    assert found(PROMPT + "!", GOOD) == 0
    assert found(OTHER, GOOD, places=(0, 1)) == 0


def test_only_the_same_text_is_estimated_at_one():
    many = ". ".join(f"{GOOD} {BAD} {OTHER} {number}" for number in range(40))
    edge = one_edge((many, GOOD, BAD), (many + " x", GOOD, BAD), kind="prompt")
    assert 0.95 < edge["similarity"] < 1
    assert one_edge((many, GOOD, BAD), (many.lower(), GOOD, BAD), kind="prompt")["similarity"] == 1


def test_conversations_need_no_comparison():
    assert one_edge((PROMPT, GOOD, BAD), (OTHER, GOOD, BAD), kind="conversation")["similarity"] == SURE


def edges(*similarities):
    found = np.zeros(len(similarities), EDGE)
    found["second"] = np.arange(1, len(similarities) + 1)
    found["similarity"] = similarities
    return found


def test_only_what_is_near_the_threshold_is_looked_at_exactly():
    accepted, near = decide(edges(0.5, 0.59, 0.61, 0.7, 0.79, 0.81, 1.0, SURE), 0.7)
    assert accepted["similarity"].tolist() == [0.81, 1.0, SURE]
    assert near["similarity"].tolist() == [0.61, 0.7, 0.79]


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
