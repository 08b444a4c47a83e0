"""The library of measurable criteria: what can make an answer better, in words, and the program that tells.

Each criterion is a template: whether it holds for a kind of prompt is found out from trusted labels, never assumed.
Where it is not plain which way a property works (lists, hedges, numbers), both ways stand here and compete.
Counts are rates per 100 words, so that a longer answer does not win by its length; what measures length itself is
marked, and is reported but never part of a rubric.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from prefcurate.transforms.describe.language import language_of
from prefcurate.transforms.describe.task import looks_like_code, looks_like_documents
from prefcurate.transforms.measures import relation, structure
from prefcurate.transforms.measures.requirement import Requirement
from prefcurate.transforms.measures.requirements import requirements
from prefcurate.transforms.measures.satisfied import satisfaction
from prefcurate.transforms.measures.text import numbers, paragraphs, sentences, words

ALGORITHM = 1
"""Raised by hand when a measure of this module changes."""


@dataclass(frozen=True)
class Asked:
    """A prompt as criteria see it: its whole text, what the user asks last, and whether documents came with it."""

    text: str
    last_user: str
    has_documents: bool = False

    @classmethod
    def of(cls, prompt: Sequence[Mapping[str, Any]]) -> "Asked":
        """From messages as Arrow gives them (`prefcurate.schemas.tables.MESSAGES`)."""
        texts = [(m["role"], "\n".join(p["text"] for p in m["content"] if p["text"])) for m in prompt]
        whole = "\n".join(text for _, text in texts)
        last_user = next((text for role, text in reversed(texts) if role == "user"), whole)
        documents = any(part["type"] == "document" for message in prompt for part in message["content"])
        return cls(whole, last_user, documents or looks_like_documents(whole))

    @cached_property
    def required(self) -> tuple[Requirement, ...]:
        """What the prompt demands in a form that a program can verify."""
        return tuple(requirements(self.last_user))

    @cached_property
    def wants_code(self) -> bool:
        """Whether the user shows code or asks for some."""
        return looks_like_code(self.last_user) or _WANTS_CODE.search(self.last_user) is not None


@dataclass(frozen=True)
class Given:
    """A response as criteria see it; what several of them need is computed once."""

    text: str

    @cached_property
    def n_words(self) -> int:
        """Words of the response."""
        return len(words(self.text))

    def per_100_words(self, count: int) -> float:
        """A count as a rate; 0 for an empty response."""
        return 100 * count / self.n_words if self.n_words else 0.0


Measure = Callable[[Asked, Given], float | None]
"""A number for a response, or None where the criterion does not apply to the prompt."""


@dataclass(frozen=True)
class Criterion:
    """A measurable criterion.

    Attributes:
        checker: names the program and direction: part of the criterion's id.
        text: what it says, as a person or a judge would read it.
        kind: a hard rule (kept or broken) or a principle (more or less of something).
        measure: the program.
        direction: 1 when more of it is better, -1 when less is.
        margin: differences up to this say nothing.
        length: it measures length, which is a bias and not a reason.
    """

    checker: str
    text: str
    kind: Literal["hard_rule", "principle"]
    measure: Measure
    direction: Literal[1, -1] = 1
    margin: float = 0.0
    length: bool = False

    def opinion(self, asked: Asked, response_a: Given, response_b: Given) -> int:
        """1 when response_a meets it better, -1 when response_b does, 0 when it says nothing."""
        return self.prefers(self.measure(asked, response_a), self.measure(asked, response_b))

    def prefers(self, a: float | None, b: float | None) -> int:
        """The same from what the program measured on both responses."""
        if a is None or b is None or abs(a - b) <= self.margin:
            return 0
        return self.direction if a > b else -self.direction


def opinions(criteria: Sequence[Criterion], asked: Asked, response_a: str, response_b: str) -> bytes:
    """The opinion of each criterion on a pair, one signed byte each."""
    a, b = Given(response_a), Given(response_b)
    # Both directions of a property share its program.
    programs = dict.fromkeys(criterion.measure for criterion in criteria)
    measured = {program: (program(asked, a), program(asked, b)) for program in programs}
    return bytes(criterion.prefers(*measured[criterion.measure]) & 0xFF for criterion in criteria)


_WANTS_CODE = re.compile(
    r"\b(?:python|javascript|java|c\+\+|sql|html|bash|script|function|program|code|regex|implement)\b", re.IGNORECASE
)
_LENGTH_KINDS = frozenset({"words", "sentences", "characters", "lines", "paragraphs", "sentences per paragraph"})
_CONTENT_KINDS = frozenset(
    {
        "keywords",
        "forbidden words",
        "keyword frequency",
        "keywords:frequency",
        "letter frequency",
        "starts with",
        "ends with",
        "phrase",
        "one of",
        "paragraphs start with",
        "nth paragraph starts with",
        "repeat prompt",
        "postscript",
        "quotation",
    }
)


def _kept(wanted: Callable[[str], bool]) -> Measure:
    """The mean share that is kept of those requirements whose kind is ``wanted``."""

    def measure(asked: Asked, given: Given) -> float | None:
        required = [r for r in asked.required if wanted(r.kind)]
        if not required:
            return None
        return sum(satisfaction(requirement, given.text) for requirement in required) / len(required)

    return measure


def _in_requested_language(asked: Asked, given: Given) -> float | None:
    wanted = [r.text("language") for r in asked.required if r.kind == "language"]
    if not wanted:
        return None
    said = language_of(given.text)
    return None if said == "unknown" else float(said in wanted)


def _in_prompts_language(asked: Asked, given: Given) -> float | None:
    if any(requirement.kind == "language" for requirement in asked.required):
        return None
    return float(relation.same_language(asked.last_user, given.text))


_END = re.compile(r"[.!?…。！？।:)\]}\"'”’`*|>]\s*$|```\s*$|[\U0001f300-\U0001faff]\s*$")
_RUN_ON = re.compile(r"^(?:human|user|assistant|question|q)\s*:", re.IGNORECASE | re.MULTILINE)
_SELF = re.compile(
    r"\b(?:as an ai|as a language model|as an artificial intelligence|i(?:'m| am) (?:just )?an? (?:ai|language model))\b",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"^\s*(?:sure|certainly|of course|absolutely|great question|thank you|thanks|okay|ok|here (?:is|are)|i'd be happy)\b",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:let me know|hope (?:this|that) helps|feel free to|if you have any (?:other |further )?questions|happy to help)",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(
    r"\b(?:for example|for instance|such as|e\.g\.|zum beispiel|par exemple|por ejemplo|例如)", re.IGNORECASE
)
_REASON = re.compile(
    r"\b(?:because|therefore|since|thus|hence|due to|as a result|so that|consequently|reason)\b", re.IGNORECASE
)
_CONTRAST = re.compile(
    r"\b(?:however|although|though|on the other hand|but|whereas|while|nevertheless|despite)\b", re.IGNORECASE
)
_STEPS = re.compile(r"\b(?:first(?:ly)?|second(?:ly)?|third(?:ly)?|then|next|finally|lastly|step \d+)\b", re.IGNORECASE)
_SOURCE = re.compile(r"https?://\S+|\[\d+\]|\baccording to\b|\(\w+,? \d{4}\)", re.IGNORECASE)
_FINAL = re.compile(
    r"\\boxed|\b(?:final answer|the answer is|answer:|in total|result is|therefore,? )|=\s*\$?-?\d[\d,.]*\s*\.?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_YOU = re.compile(r"\b(?:you|your|yours)\b", re.IGNORECASE)
_FIRST_PERSON = re.compile(r"\b(?:i|me|my|mine|i'm|i've|i'd)\b", re.IGNORECASE)
_LOUD = re.compile(r"!|\b[A-Z]{4,}\b")
_COPIED_WORDS = 8


def _rate(pattern: re.Pattern[str]) -> Measure:
    return lambda asked, given: given.per_100_words(len(pattern.findall(given.text)))


def _has(pattern: re.Pattern[str]) -> Measure:
    return lambda asked, given: float(pattern.search(given.text) is not None)


def _listed(asked: Asked, given: Given) -> float:
    return float(len(structure.bullets(given.text)) + len(structure.numbered_items(given.text)) >= 2)


def _headed(asked: Asked, given: Given) -> float:
    return float(len(structure.headings(given.text)) >= 2)


def _closed_code(asked: Asked, given: Given) -> float | None:
    return float(bool(structure.code_blocks(given.text))) if asked.wants_code else None


def _grounded(asked: Asked, given: Given) -> float | None:
    return relation.grounding(asked.text, given.text) if asked.has_documents and given.n_words else None


def _grounded_numbers(asked: Asked, given: Given) -> float | None:
    return relation.number_grounding(asked.text, given.text) if asked.has_documents else None


def _number_rate(asked: Asked, given: Given) -> float:
    return given.per_100_words(len(numbers(given.text)))


def _final_answer(asked: Asked, given: Given) -> float | None:
    return float(_FINAL.search(given.text) is not None) if re.search(r"\d", asked.last_user) else None


def _sentence_length(asked: Asked, given: Given) -> float | None:
    found = sentences(given.text)
    return given.n_words / len(found) if found else None


def _paragraph_length(asked: Asked, given: Given) -> float | None:
    found = paragraphs(given.text)
    return given.n_words / len(found) if found else None


def _variety(asked: Asked, given: Given) -> float | None:
    """Different words among the first 50, so that length does not matter."""
    first = [word.lower() for word in words(given.text)[:50]]
    return len(set(first)) / len(first) if len(first) == 50 else None


def _word_length(asked: Asked, given: Given) -> float | None:
    found = words(given.text)
    return sum(map(len, found)) / len(found) if found else None


def _copied(asked: Asked, given: Given) -> float:
    """Share of the response's stretches of eight words that are the prompt's."""
    said, asked_words = ([w.lower() for w in words(text)] for text in (given.text, asked.text))
    stretches = {tuple(said[i : i + _COPIED_WORDS]) for i in range(len(said) - _COPIED_WORDS + 1)}
    known = {tuple(asked_words[i : i + _COPIED_WORDS]) for i in range(len(asked_words) - _COPIED_WORDS + 1)}
    return len(stretches & known) / len(stretches) if stretches else 0.0


def _rule(checker: str, text: str, measure: Measure, direction: Literal[1, -1] = 1, margin: float = 0.0) -> Criterion:
    return Criterion(checker, text, "hard_rule", measure, direction, margin)


def _both_ways(
    checker: str, more: str, less: str, measure: Measure, margin: float = 0.0
) -> tuple[Criterion, Criterion]:
    return (
        Criterion(f"{checker}:more", more, "principle", measure, 1, margin),
        Criterion(f"{checker}:less", less, "principle", measure, -1, margin),
    )


RULES: tuple[Criterion, ...] = (
    _rule("requested_length", "Keeps the length that the prompt asks for.", _kept(lambda k: k in _LENGTH_KINDS)),
    _rule(
        "requested_content",
        "Uses the words and phrases that the prompt asks for, and none that it forbids.",
        _kept(lambda k: k in _CONTENT_KINDS),
    ),
    _rule(
        "requested_format",
        "Has the format that the prompt asks for (lists, sections, JSON, tables, case, punctuation).",
        _kept(lambda k: k not in _LENGTH_KINDS | _CONTENT_KINDS and k != "language"),
    ),
    _rule("requested_language", "Is in the language that the prompt asks for.", _in_requested_language),
    _rule("prompts_language", "Is in the language of the prompt.", _in_prompts_language),
    _rule("answers", "Is not empty.", lambda asked, given: float(given.n_words > 0)),
    _rule("no_refusal", "Answers instead of declining.", lambda asked, given: float(relation.refuses(given.text)), -1),
    _rule("refuses", "Declines what should not be answered.", lambda asked, given: float(relation.refuses(given.text))),
    _rule("complete", "Ends properly instead of breaking off.", _has(_END)),
    _rule(
        "no_repetition",
        "Does not say the same thing again and again.",
        lambda asked, given: relation.distinct(given.text),
        1,
        0.05,
    ),
    _rule("stays_in_turn", "Does not go on to write the next turns of the conversation itself.", _has(_RUN_ON), -1),
    _rule("code_in_blocks", "Gives code in closed code blocks where code is asked for.", _closed_code),
    _rule("grounded", "Says what stands in the given documents and adds little to it.", _grounded, 1, 0.05),
    _rule("grounded_numbers", "Uses only numbers that stand in the given documents.", _grounded_numbers, 1, 0.05),
    _rule("no_copying", "Says it in its own words instead of copying the prompt.", _copied, -1, 0.02),
)
"""Criteria whose sense is plain, though whether they matter is not."""

PRINCIPLES: tuple[Criterion, ...] = (
    *_both_ways("coverage", "Takes up what the prompt speaks of.", "Does not just repeat the prompt's words.",
                lambda asked, given: relation.coverage(asked.last_user, given.text), 0.05),
    *_both_ways("lists", "Is organised in lists.", "Is written in prose, not in lists.", _listed),
    *_both_ways("headings", "Is divided by headings.", "Does without headings.", _headed),
    *_both_ways("bold", "Emphasises what matters in bold.", "Does without bold type.",
                lambda asked, given: given.per_100_words(len(structure.bold_spans(given.text)))),
    *_both_ways("numbers", "Gives concrete numbers.", "Does not lean on numbers.", _number_rate, 0.2),
    *_both_ways("examples", "Gives examples.", "Gets by without examples.", _rate(_EXAMPLE), 0.1),
    *_both_ways("reasons", "Gives reasons.", "States without spelling out reasons.", _rate(_REASON), 0.1),
    *_both_ways("contrast", "Weighs one side against the other.", "Takes a clear line.", _rate(_CONTRAST), 0.1),
    *_both_ways("steps", "Goes step by step.", "Is not told step by step.", _rate(_STEPS), 0.1),
    *_both_ways("sources", "Names sources or links.", "Does without sources and links.", _rate(_SOURCE), 0.05),
    *_both_ways("final_answer", "States the final result plainly.", "Does not close with a bare result.", _final_answer),
    *_both_ways("hedging", "Says how sure it is.", "Commits itself instead of hedging.",
                lambda asked, given: relation.hedging(given.text), 0.2),
    *_both_ways("self_reference", "Says that it is an AI where that matters.", "Does not speak of itself as an AI.", _has(_SELF)),
    *_both_ways("preamble", "Opens by turning to the user.", "Starts with the substance, without a preamble.", _has(_PREAMBLE)),
    *_both_ways("closing", "Closes with an offer to help further.", "Ends without a stock offer of more help.", _has(_CLOSING)),
    *_both_ways("addresses_reader", "Speaks to the reader.", "Keeps to the matter instead of addressing the reader.", _rate(_YOU), 0.5),
    *_both_ways("first_person", "Speaks from its own view.", "Keeps itself out of the answer.", _rate(_FIRST_PERSON), 0.5),
    *_both_ways("loud", "Is lively, with exclamation marks.", "Is calm: no exclamation marks or shouting.", _rate(_LOUD), 0.2),
    *_both_ways("sentence_length", "Writes full sentences.", "Writes short sentences.", _sentence_length, 2.0),
    *_both_ways("paragraph_length", "Writes full paragraphs.", "Writes short paragraphs.", _paragraph_length, 5.0),
    *_both_ways("variety", "Uses varied words.", "Keeps to few words.", _variety, 0.04),
    *_both_ways("word_length", "Uses precise technical words.", "Uses plain, short words.", _word_length, 0.2),
)  # fmt: skip
"""Properties of which more or less may be better."""

LENGTHS: tuple[Criterion, ...] = (
    Criterion("length:more", "Is longer.", "principle", lambda asked, given: float(given.n_words), 1, 0.0, True),
    Criterion("length:less", "Is shorter.", "principle", lambda asked, given: float(given.n_words), -1, 0.0, True),
)
"""Measured so that the report can show them; never part of a rubric."""

LIBRARY: tuple[Criterion, ...] = (*RULES, *PRINCIPLES, *LENGTHS)
LONGER = next(i for i, criterion in enumerate(LIBRARY) if criterion.checker == "length:more")
"""Where in the library the criterion stands that says which response is longer."""
