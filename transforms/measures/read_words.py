"""Demands for certain words: keywords, how often they appear, forbidden words, letters, how it starts and ends."""

import re
from collections.abc import Iterator

from prefcurate.transforms.measures.passage import NEGATION, NUMBER, QUOTED, QUOTED_LIST, Passage, number, quoted
from prefcurate.transforms.measures.requirement import Relation, Requirement

_TIMES = (
    r"(?P<relation>at least|at most|no more than|no less than|less than|fewer than|more than|exactly|a minimum of|a maximum of|up to|only)?"
    rf"\s*(?P<times>{NUMBER}\+?\s+(?:or more\s+|or less\s+|or fewer\s+)?times?|once or less|once or more|once|twice)"
)
_APPEARS = (
    r"\s*,?\s*(?:in (?:your|the) (?:response|answer|reply)\s*)?(?:(?:should|must|to|needs? to|has to|shall|will)\s+)?"
    r"(?:be (?:used|mentioned|included|repeated)|appears?|occurs?|is used|appearing)?\s*(?:a total of\s+)?"
)
_RELATIONS: dict[str, Relation] = {
    "at least": "at least", "no less than": "at least", "a minimum of": "at least", "at most": "at most",
    "no more than": "at most", "a maximum of": "at most", "up to": "at most", "less than": "less than",
    "fewer than": "less than", "more than": "more than", "exactly": "exactly", "only": "exactly",
}  # fmt: skip
_NAMED = (
    rf"(?:key\s?words?|words?|terms?|phrases?)(?:\s+(?:such as|like|including|are))?\s*:?\s*(?P<list>{QUOTED_LIST})"
)
_KEYWORDS = re.compile(_NAMED, re.IGNORECASE)
_BARE = re.compile(
    r"\bkey\s?words:?\s+(?P<bare>\w[\w-]*(?:, \w[\w-]*)*,? (?:and|or) \w[\w-]*)(?=\s*(?:[.,;\n]|$|in (?:your|the)\b))",
    re.IGNORECASE,
)
_FREQUENCY = re.compile(
    rf"(?:key\s?word|word|term|phrase|name)s?\s+(?P<word>{QUOTED}|[^\W\d_][\w-]*){_APPEARS}{_TIMES}", re.IGNORECASE
)
_LETTER = re.compile(rf"\bletters?\s+['\"“‘]?(?P<letter>\w)['\"”’]?{_APPEARS}{_TIMES}", re.IGNORECASE)
_CAPITAL_WORDS = re.compile(
    rf"(?P<relation>at least|less than|fewer than|at most|no more than|exactly)\s+(?P<times>{NUMBER})\s+words?\s+(?:or phrases )?in all "
    r"(?:capital letters|caps)",
    re.IGNORECASE,
)
_NAMED_HEADINGS = re.compile(
    rf"\b(?:sections|headings|headers|chapters)\b(?:,? (?:each )?(?:titled|labell?ed|named|called|such as))?:?\s+(?P<list>{QUOTED_LIST})",
    re.IGNORECASE,
)
_INCLUDE = re.compile(
    r"\b(?:include\w*|including|contain\w*|use|uses|using|mention\w*|incorporat\w*|with|have|has|feature\w*|add|insert|appear|containing)\b",
    re.IGNORECASE,
)
_CLAUSES = re.compile(r"[,;]|\band (?=includ|contain|us|hav|featur|mention|the\b|incorporat)", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"\b(?:start|begin|end|finish|after|before|replace|mean|between|titled|labell?ed)\w*\b[^,;]{0,60}$", re.IGNORECASE
)
_FORBIDDEN_AFTER = re.compile(r"\s*(?:should|must|may|can)\s?(?:not|n['’]t)\b|\s*(?:is|are) not allowed", re.IGNORECASE)
_WHOLE = r"(?:(?:your|the|this)\s+(?:entire\s+|whole\s+)?(?:response|answer|reply|article|essay|story|letter|poem|output|email)|it)"
_START = re.compile(
    rf"(?:start|begin)(?:ning|ing|s)?\s+(?:{_WHOLE}\s+)?with\s+(?:(?:the|a)\s+)?(?:exact\s+)?(?:phrase|words?|sentence|text)?\s*:?\s*(?P<phrase>{QUOTED})",
    re.IGNORECASE,
)
_END = re.compile(
    rf"(?:\b(?:end|finish|conclude|close)\s+(?:{_WHOLE}\s+)?with|{_WHOLE}\s+(?:must|should)\s+end\s+with)\s+(?:the\s+)?(?:(?:this|exact)\s+)*"
    rf"(?:phrase|words?|sentence|question|text)?\s*:?\s*(?P<phrase>{QUOTED})",
    re.IGNORECASE,
)
_PARAGRAPH_STARTS = re.compile(
    rf"paragraphs?,?\s+(?:with\s+)?(?:each|every)?\s*(?:paragraph\s+)?(?:starting|starts|beginning|begins|must start|should start)\s+with\s+"
    rf"(?:(?:the|a|one of the following|a specific(?:\s\w+)*?|a specified)\s+)?(?:key)?(?:phrase|words?)?[^'\"“{{,.]{{0,30}}(?P<list>{QUOTED_LIST})",
    re.IGNORECASE,
)


def read_words(passage: Passage) -> Iterator[Requirement]:
    """Requirements about certain words, letters and phrases."""
    counted: list[tuple[int, int]] = []
    for match in _FREQUENCY.finditer(passage.text):
        found = _frequency(passage, match)
        if found is not None:
            counted.append(match.span())
            yield found
    for match in _KEYWORDS.finditer(passage.text):
        if not any(start <= match.start() < end for start, end in counted):
            yield from _keywords(passage, match)
    for match in _BARE.finditer(passage.text):
        words = tuple(re.split(r",? (?:and|or) |, ", match["bare"]))
        yield Requirement.of(_keyword_kind(passage, match), *match.span(), keywords=words)
    for match in _LETTER.finditer(passage.text):
        relation, count = _times(match)
        yield Requirement.of("letter frequency", *match.span(), letter=match["letter"], relation=relation, count=count)
    for match in _CAPITAL_WORDS.finditer(passage.text):
        relation = _RELATIONS[match["relation"].lower()]
        yield Requirement.of("capital words", *match.span(), relation=relation, count=number(match["times"]))
    for match in _NAMED_HEADINGS.finditer(passage.text):
        if len(quoted(match["list"])) > 1 and "{" not in match["list"]:
            yield Requirement.of("named headings", *match.span(), names=quoted(match["list"]))
    yield from _starts_and_ends(passage)


def _frequency(passage: Passage, match: re.Match[str]) -> Requirement | None:
    word = quoted(match["word"])[0] if quoted(match["word"]) else match["word"]
    if word.lower() in ("should", "must", "in", "at", "with", "that", "count", "appears", "limit", "is"):
        return None
    relation, count = _times(match)
    return Requirement.of("keyword frequency", *match.span(), keyword=word, relation=relation, count=count)


def _times(match: re.Match[str]) -> tuple[Relation, int]:
    times = match["times"].lower()
    given = _RELATIONS.get((match["relation"] or "").lower())
    if "or less" in times or "or fewer" in times:
        given = "at most"
    if "or more" in times or "+" in times:
        given = "at least"
    count = 1 if times.startswith("once") else 2 if times.startswith("twice") else number(re.split(r"[\s+]", times)[0])
    # "Should appear 3 times": a fourth time has hardly ever been meant to be wrong.
    return given or "at least", count


def _keywords(passage: Passage, match: re.Match[str]) -> Iterator[Requirement]:
    before, words = passage.before(match.start()), quoted(match["list"])
    if _keyword_kind(passage, match) == "forbidden words":
        yield Requirement.of("forbidden words", *match.span(), keywords=words)
    elif (match.group().lower().startswith("key") or _INCLUDE.search(before[-60:])) and not _ELSEWHERE.search(before):
        yield Requirement.of("keywords", *match.span(), keywords=words)


def _keyword_kind(passage: Passage, match: re.Match[str]) -> str:
    clause = _CLAUSES.split(passage.before(match.start()))[-1][-50:]
    forbidden = NEGATION.search(clause) or _FORBIDDEN_AFTER.match(passage.text, match.end())
    return "forbidden words" if forbidden else "keywords"


def _starts_and_ends(passage: Passage) -> Iterator[Requirement]:
    for match in _PARAGRAPH_STARTS.finditer(passage.text):
        # "The first paragraph must start with" speaks of one paragraph alone.
        if not re.search(
            r"\b(?:first|second|third|fourth|last|final|one|paragraph \d)\s*$",
            passage.before(match.start()),
            re.IGNORECASE,
        ):
            yield Requirement.of("paragraphs start with", *match.span(), phrases=quoted(match["list"]))
    for match in _START.finditer(passage.text):
        clause = passage.before(match.start())
        if not re.search(
            r"\b(?:each|every|first|second|postscript|note|paragraphs?|sections?|lines?|sentences?|points?|headers?|chapters?)\b[^;]{0,60}$",
            clause,
            re.IGNORECASE,
        ):
            yield from (
                Requirement.of("starts with", *match.span(), phrase=phrase) for phrase in quoted(match["phrase"])
            )
    for match in _END.finditer(passage.text):
        # With its own full stop: the end is compared to the letter.
        yield Requirement.of("ends with", *match.span(), phrase=match["phrase"].strip("'\"“”‘’"))
