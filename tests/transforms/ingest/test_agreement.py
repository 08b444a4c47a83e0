import pytest

from prefcurate.transforms.ingest.agreement import Vote, reversed_looking


def votes(source: str, annotator: str, labels: str, kind: str = "person", attribute: str = "overall") -> list[Vote]:
    """One vote for each letter, on comparisons 0, 1, …; a dot is no vote."""
    return [
        Vote(str(i), source, f"{kind}:{source}/{annotator}", kind, attribute, label)
        for i, label in enumerate(labels)
        if label != "."
    ]


def test_a_source_of_judges_that_is_turned_round():
    found = reversed_looking([*votes("human", "x", "ab" * 20), *votes("swapped", "gpt", "ba" * 20, "llm_judge")])
    (suspect,) = found
    assert suspect.who == "LLM judges of source 'swapped'"
    assert (suspect.agreed, suspect.n, suspect.others) == (0, 40, ("people of source 'human'",))


def test_two_sources_of_people_suspect_each_other():
    found = reversed_looking([*votes("one", "x", "ab" * 20), *votes("two", "y", "ba" * 20)])
    assert [suspect.who for suspect in found] == ["people of source 'one'", "people of source 'two'"]


def test_workers_with_few_votes_count_as_their_source():
    crowd = [vote for i in range(40) for vote in votes("crowd", f"w{i}", "." * i + "ab"[i % 2])]
    (suspect,) = reversed_looking([*crowd, *votes("bot", "gpt", "ba" * 20, "llm_judge")])
    assert suspect.who == "LLM judges of source 'bot'"


def test_one_annotator_in_a_source():
    given = [*votes("s", "x", "ab" * 20), *votes("s", "y", "ab" * 20), *votes("s", "bad", "ba" * 20)]
    (suspect,) = reversed_looking(given)
    assert (suspect.who, suspect.share) == ("annotator 'person:s/bad'", 0)


@pytest.mark.parametrize(
    "given",
    [
        votes("one", "x", "ab" * 20),  # alone
        [*votes("one", "x", "ab" * 20), *votes("two", "y", "ab" * 20)],  # in agreement
        [*votes("one", "x", "ab" * 9), *votes("two", "y", "ba" * 9)],  # too few
        [*votes("one", "x", "a" * 40), *votes("two", "y", "ab" * 20)],  # as good as chance
        [*votes("one", "x", "ab" * 20), *votes("two", "y", "ba" * 20, attribute="brevity")],  # of another attribute
        [
            *votes("one", "x", "ab" * 20),
            *votes("two", "y", "ab" * 20),
            *votes("two", "y", "ba" * 20),
        ],  # a draw with itself
    ],
)
def test_what_is_not_suspicious(given):
    assert reversed_looking(given) == []


def test_the_order_of_votes_does_not_matter():
    given = [*votes("s", "x", "ab" * 20), *votes("s", "y", "ab" * 20), *votes("t", "bad", "ba" * 20, "llm_judge")]
    assert reversed_looking(given) == reversed_looking(given[::-1])


def both_orders(first: str, second: str, people: str = "") -> list[Vote]:
    """A judge's votes in both orders of the same rows, and people's; response a is the row's first."""
    return [
        *(Vote(str(i), "s", "llm_judge:s/j", "llm_judge", "overall", x, "a") for i, x in enumerate(first)),
        *(Vote(str(i), "s", "llm_judge:s/j", "llm_judge", "overall", x, "b", True) for i, x in enumerate(second)),
        *votes("s", "human", people),
    ]


@pytest.mark.parametrize("people", ["ab" * 20, ""])
def test_a_file_in_shown_order_is_not_hidden_by_the_judges_other_order(people):
    (suspect,) = reversed_looking(both_orders("ab" * 20, "ba" * 20, people))
    assert suspect.who == "LLM judges of source 's' where the row's second response was shown first"
    assert (suspect.agreed, suspect.n, suspect.chance) == (0, 40, 0.5)


@pytest.mark.parametrize("people", ["a" * 40, "ab" * 20, ""])
def test_a_judge_that_always_prefers_what_it_sees_first_is_not_reversed(people):
    assert reversed_looking(both_orders("a" * 40, "b" * 40, people)) == []
