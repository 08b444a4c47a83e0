"""What is read from prompts: hand-written demands, and what must not be taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.transforms.measures.requirement import Requirement, compare
from prefcurate.transforms.measures.requirements import requirements
from prefcurate.transforms.measures.satisfied import CHECKS


def read(prompt):
    return {requirement.describe() for requirement in requirements(prompt)}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Explain rain in fewer than 200 words.", {"words: less than 200"}),
        ("Your answer must contain exactly 2 paragraphs.", {"paragraphs: exactly 2"}),
        ("Limit your reply to a maximum of 150 words.", {"words: at most 150"}),
        ("Limit your response to 5 sentences.", {"sentences: at most 5"}),
        ("Answer in three sentences.", {"sentences: exactly 3"}),
        ("Write a 300+ word summary.", {"words: at least 300"}),
        ("Write a 500-word essay.", {"words: around 500"}),
        ("Do not write more than 100 words.", {"words: at most 100"}),
        ("Use 20 words or less.", {"words: at most 20"}),
        ("Write between 100 and 200 words.", {"words: at least 100", "words: at most 200"}),
        ("Write a song of 20 to 25 sentences.", {"sentences: at least 20", "sentences: at most 25"}),
        ("Answer with at least 3 bullet points.", {"bullets: at least 3"}),
        ("Use bullet points.", {"bullet list"}),
        ("Give a numbered list with exactly 4 steps.", {"numbered items: exactly 4"}),
        ("Include keywords 'sun' and 'moon' in your response.", {"keywords: sun, moon"}),
        ("Include keywords {neural network}, {unit}.", {"keywords: neural network, unit"}),
        ("Please include the keywords waste, material and meal.", {"keywords: waste, material, meal"}),
        ("Do not include the keywords 'evil' or 'angel'.", {"forbidden words: evil, angel"}),
        ("Avoid using the word “station”.", {"forbidden words: station"}),
        (
            "The word 'feed' should appear at least 3 times.",
            {"keyword frequency: at least 3; feed"},
        ),
        ("Use the word elephant exactly twice.", {"keyword frequency: exactly 2; elephant"}),
        ("Make sure the letter q appears less than 5 times.", {"letter frequency: less than 5; q"}),
        ("Write without any commas.", {"no commas"}),
        ("Your entire response should be in English and in all capital letters.", {"all capitals", "language: en"}),
        ("Answer in lowercase letters only.", {"all lowercase"}),
        ("Wrap your entire response in double quotation marks.", {"quotation"}),
        ("Give it a title in double angular brackets, i.e. <<title>>.", {"title"}),
        ("Respond in valid JSON.", {"json"}),
        ("Answer in German.", {"language: de"}),
        ("Present it in a table with 3 columns.", {"table: 3"}),
        ("End your response with 'That is all.'", {"ends with: That is all."}),
        ("Begin your response with 'Dear all'.", {"starts with: Dear all"}),
        ("Add a postscript starting with P.P.S", {"postscript: P.P.S"}),
        ("Include at least 3 placeholders such as [name].", {"placeholders: at least 3"}),
        ("Highlight at least 2 sections with markdown.", {"highlights: at least 2"}),
        (
            "Use exactly 3 paragraphs separated by the markdown divider: ***.",
            {"divided paragraphs: exactly 3", "divider"},
        ),
        ("Give exactly two different responses separated by 6 asterisk symbols ******.", {"two responses"}),
        (
            "Write 3 paragraphs, each containing no more than 2 sentences.",
            {"paragraphs: exactly 3", "sentences per paragraph: at most 2"},
        ),
        (
            "Provide a response that contains no more than 150 words and includes the keywords 'a1' and 'b2'.",
            {"words: at most 150", "keywords: a1, b2"},
        ),
    ],
)
def test_demands_are_read(prompt, expected):
    assert read(prompt) == expected


@pytest.mark.parametrize(
    "prompt",
    [
        "What are the first 10 words in the Bible?",
        "How many sentences does a haiku have?",
        "Write a function that returns JSON for a given user.",
        "Why do people use commas?",
        "What does the word 'serendipity' mean?",
        "Translate “I have two words for you” for me.",
        "Is French harder than German?",
        "Give each section 2 sentences.",
        'Summarise: "The committee decided that every report must contain exactly 500 words and no commas, which everybody disliked."',
        "How do I write a numbered list in LaTeX?\n```\nPlease answer with exactly 5 sentences.\n```",
    ],
)
def test_what_is_no_demand(prompt):
    assert read(prompt) == set()


def test_offsets_are_where_it_stands():
    prompt = "Explain rain. Use at most 50 words, and include the keyword 'cloud'."
    found = {r.kind: prompt[r.start : r.end] for r in requirements(prompt)}
    assert found == {"words": "at most 50 words", "keywords": "keyword 'cloud'"}


def test_the_same_demand_twice_is_one():
    assert len(requirements("At most 50 words. I repeat: at most 50 words.")) == 1


@given(st.text(max_size=300))
def test_any_text_is_read_without_error_and_gives_known_checks(prompt):
    for requirement in requirements(prompt):
        assert requirement.kind in CHECKS
        assert 0 <= requirement.start < requirement.end <= len(prompt)


@pytest.mark.parametrize("prompt", ["in " * 20_000, "exactly 3 " * 5_000, "'" * 20_000, "keywords " + "'a', " * 5_000])
def test_long_and_odd_prompts_take_no_time(prompt):
    requirements(prompt)


def test_relations():
    cases = {
        "at least": (3, 4),
        "at most": (2, 3),
        "less than": (2,),
        "more than": (4,),
        "exactly": (3,),
        "around": (3,),
    }
    for relation, kept in cases.items():
        assert {count for count in (2, 3, 4) if compare(count, relation, 3)} == set(kept), relation
    with pytest.raises(ValueError, match="no relation 'beyond'"):
        compare(1, "beyond", 3)


def test_arguments_of_another_type_are_named():
    with pytest.raises(ValueError, match="words: count is 'many'"):
        Requirement.of("words", relation="exactly", count="many").number("count")
