"""Checks that came with the data in IFEval's form (Zhou et al. 2023, arXiv 2311.07911) as requirements."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from prefcurate.transforms.measures.requirement import Requirement

Kwargs = Mapping[str, Any]


def _counts(kind: str, name: str, relation: str | None = None) -> Callable[[Kwargs], Requirement]:
    def make(kwargs: Kwargs) -> Requirement:
        return Requirement.of(
            kind, relation=relation or str(kwargs.get("relation") or "at least"), count=int(kwargs[name])
        )

    return make


def _plain(kind: str) -> Callable[[Kwargs], Requirement]:
    return lambda kwargs: Requirement.of(kind)


def _text(kind: str, argument: str, name: str) -> Callable[[Kwargs], Requirement]:
    return lambda kwargs: Requirement.of(kind, **{argument: str(kwargs[name])})


def _list(kind: str, name: str) -> Callable[[Kwargs], Requirement]:
    return lambda kwargs: Requirement.of(kind, keywords=tuple(map(str, kwargs[name])))


def _letters(kwargs: Kwargs) -> Requirement:
    relation, count = str(kwargs.get("let_relation") or "at least"), int(kwargs["let_frequency"])
    return Requirement.of("letter frequency", letter=str(kwargs["letter"]), relation=relation, count=count)


def _frequency(kwargs: Kwargs) -> Requirement:
    relation, count = str(kwargs.get("relation") or "at least"), int(kwargs["frequency"])
    return Requirement.of("keywords:frequency", keyword=str(kwargs["keyword"]), relation=relation, count=count)


def _nth_paragraph(kwargs: Kwargs) -> Requirement:
    return Requirement.of(
        "nth paragraph starts with",
        nth=int(kwargs["nth_paragraph"]),
        word=str(kwargs["first_word"]),
        relation="exactly",
        count=int(kwargs["num_paragraphs"]),
    )


def _sections(kwargs: Kwargs) -> Requirement:
    marker = str(kwargs.get("section_spliter") or kwargs.get("section_splitter"))
    return Requirement.of("marked sections", marker=marker, relation="at least", count=int(kwargs["num_sections"]))


def _capital_words(kwargs: Kwargs) -> Requirement:
    relation, count = str(kwargs.get("capital_relation") or "at least"), int(kwargs["capital_frequency"])
    return Requirement.of("capital words", relation=relation, count=count)


_CONSTRAINED = ("My answer is yes.", "My answer is no.", "My answer is maybe.")

INSTRUCTIONS: dict[str, Callable[[Kwargs], Requirement]] = {
    "keywords:existence": _list("keywords", "keywords"),
    "keywords:frequency": _frequency,
    "keywords:forbidden_words": _list("forbidden words", "forbidden_words"),
    "keywords:letter_frequency": _letters,
    "language:response_language": _text("language", "language", "language"),
    "length_constraints:number_words": _counts("words", "num_words"),
    "length_constraints:number_sentences": _counts("sentences", "num_sentences"),
    "length_constraints:number_paragraphs": _counts("divided paragraphs", "num_paragraphs", "exactly"),
    "length_constraints:nth_paragraph_first_word": _nth_paragraph,
    "detectable_content:number_placeholders": _counts("placeholders", "num_placeholders", "at least"),
    "detectable_content:postscript": _text("postscript", "marker", "postscript_marker"),
    "detectable_format:number_bullet_lists": _counts("bullets", "num_bullets", "exactly"),
    "detectable_format:constrained_response": lambda kwargs: Requirement.of("one of", options=_CONSTRAINED),
    "detectable_format:number_highlighted_sections": _counts("highlights", "num_highlights", "at least"),
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _plain("json"),
    "detectable_format:title": _plain("title"),
    "combination:two_responses": _plain("two responses"),
    "combination:repeat_prompt": _text("repeat prompt", "text", "prompt_to_repeat"),
    "startend:end_checker": _text("ends with", "phrase", "end_phrase"),
    "startend:quotation": _plain("quotation"),
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": _plain("all capitals"),
    "change_case:english_lowercase": _plain("all lowercase"),
    "punctuation:no_comma": _plain("no commas"),
}
"""For each instruction id of IFEval the requirement that its arguments make."""


def given_requirements(checks: str) -> tuple[Requirement, ...]:
    """Requirements from a material of kind ``checks``: JSON with ``instruction_id_list`` and ``kwargs``, as IFEval's rows.

    Instructions that are not known, and arguments that are not what IFEval's are, give none: data must not stop a run.
    """
    try:
        row = json.loads(checks)
    except ValueError:
        return ()
    if not isinstance(row, dict) or not isinstance(row.get("instruction_id_list"), list):
        return ()
    ids = row["instruction_id_list"]
    kwargs = row.get("kwargs") or [{}] * len(ids)
    if not isinstance(kwargs, list):
        return ()
    made = (_made(name, given) for name, given in zip(ids, kwargs, strict=False))
    return tuple(requirement for requirement in made if requirement is not None)


def _made(name: Any, kwargs: Any) -> Requirement | None:
    if not isinstance(name, str) or name not in INSTRUCTIONS:
        return None
    try:
        return INSTRUCTIONS[name](kwargs if isinstance(kwargs, dict) else {})
    except (KeyError, TypeError, ValueError):
        return None
