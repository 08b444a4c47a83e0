"""Checks that came with the data in IFEval's form."""

import json

import pytest

from prefcurate.transforms.measures.ifeval import INSTRUCTIONS, given_requirements
from prefcurate.transforms.measures.satisfied import CHECKS, satisfied

ROWS = [
    ("keywords:existence", {"keywords": ["a", "b"]}, "keywords: a, b"),
    (
        "keywords:frequency",
        {"keyword": "a", "relation": "at least", "frequency": 3},
        "keywords:frequency: at least 3; a",
    ),
    ("keywords:forbidden_words", {"forbidden_words": ["a"]}, "forbidden words: a"),
    (
        "keywords:letter_frequency",
        {"letter": "q", "let_relation": "less than", "let_frequency": 3},
        "letter frequency: less than 3; q",
    ),
    ("language:response_language", {"language": "de"}, "language: de"),
    ("length_constraints:number_words", {"relation": "at least", "num_words": 300}, "words: at least 300"),
    ("length_constraints:number_sentences", {"relation": "less than", "num_sentences": 4}, "sentences: less than 4"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 3}, "divided paragraphs: exactly 3"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 3, "nth_paragraph": 2, "first_word": "it"},
        "nth paragraph starts with: exactly 3; 2; it",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "placeholders: at least 2"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "postscript: P.P.S"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "bullets: exactly 2"),
    (
        "detectable_format:constrained_response",
        {},
        "one of: My answer is yes., My answer is no., My answer is maybe.",
    ),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "highlights: at least 2"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        "marked sections: at least 2; SECTION",
    ),
    ("detectable_format:json_format", {}, "json"),
    ("detectable_format:title", {}, "title"),
    ("combination:two_responses", {}, "two responses"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say"}, "repeat prompt: Say"),
    ("startend:end_checker", {"end_phrase": "Bye."}, "ends with: Bye."),
    ("startend:quotation", {}, "quotation"),
    (
        "change_case:capital_word_frequency",
        {"capital_relation": "at least", "capital_frequency": 2},
        "capital words: at least 2",
    ),
    ("change_case:english_capital", {}, "all capitals"),
    ("change_case:english_lowercase", {}, "all lowercase"),
    ("punctuation:no_comma", {}, "no commas"),
]


@pytest.mark.parametrize(("name", "kwargs", "expected"), ROWS)
def test_each_instruction(name, kwargs, expected):
    (requirement,) = given_requirements(json.dumps({"instruction_id_list": [name], "kwargs": [kwargs]}))
    assert requirement.describe() == expected
    assert requirement.kind in CHECKS
    satisfied(requirement, "Some answer, with a comma.")


def test_every_instruction_is_tested():
    assert {row[0] for row in ROWS} == set(INSTRUCTIONS)


def test_a_row_of_ifeval():
    row = {
        "key": 1000,
        "prompt": "Write …",
        "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
        "kwargs": [{}, {"relation": "at least", "num_words": 3}],
    }
    found = given_requirements(json.dumps(row))
    assert [satisfied(r, "one two three") for r in found] == [True, True]
    assert [satisfied(r, "one, two") for r in found] == [False, False]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        "{}",
        '{"instruction_id_list": "punctuation:no_comma"}',
        '{"instruction_id_list": ["unknown:check"], "kwargs": [{}]}',
        '{"instruction_id_list": ["length_constraints:number_words"], "kwargs": [{}]}',
        '{"instruction_id_list": ["length_constraints:number_words"], "kwargs": [{"num_words": "many"}]}',
        '{"instruction_id_list": [3], "kwargs": 7}',
    ],
)
def test_what_is_no_check_gives_none(text):
    assert given_requirements(text) == ()
