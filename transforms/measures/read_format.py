"""Demands for a form: lists, tables, headings, JSON, capitals, no commas, quotation marks, a title, a language."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prefcurate.transforms.measures.passage import NUMBER, Passage, number
from prefcurate.transforms.measures.requirement import Requirement
from prefcurate.transforms.measures.spoken import LANGUAGES

_I = re.IGNORECASE
_ABOUT_CODE = re.compile(r"\b(?:code|function|script|program|parse|api|endpoint|convert|class|library)\b", _I)
_PART = re.compile(
    r"\b(?:title|titled|headings?|headers?|words|section|sections|phrase|name|names|labell?ed|acronym|starting)\b", _I
)
_RESPONSE = r"(?:response|answer|reply|output|essay|article|letter|poem|song|story|email|everything|text|result|it)"


@dataclass(frozen=True, slots=True)
class _Rule:
    """A pattern, what it makes, and a pattern that must not stand in the same sentence."""

    pattern: re.Pattern[str]
    make: Callable[[re.Match[str]], Requirement]
    unless: re.Pattern[str] | None = None


def _plain(kind: str) -> Callable[[re.Match[str]], Requirement]:
    return lambda match: Requirement.of(kind, *match.span())


def _table(match: re.Match[str]) -> Requirement:
    columns = re.search(rf"\b({NUMBER}) columns", match.string[match.start() : match.end() + 60], _I)
    return Requirement.of("table", *match.span(), columns=number(columns[1]) if columns else 0)


def _marked(match: re.Match[str]) -> Requirement:
    return Requirement.of(
        "marked sections", *match.span(), marker=match["marker"], relation="at least", count=number(match["count"])
    )


def _highlights(match: re.Match[str]) -> Requirement:
    count = number(match["count"] or match["count2"])
    return Requirement.of("highlights", *match.span(), relation="at least", count=count)


_NONE = r"(?:\bno|\bnot|n['’]t|without|avoid|refrain from)\b[^.?!,;]{0,45}"
_RULES = (
    _Rule(re.compile(r"\b(?:markdown table|table format|(?:as|in|into|with|include) an? (?:[a-z]+ )?table)\b", _I), _table, re.compile(r"html|sql|latex|css", _I)),
    _Rule(re.compile(r"\b(?:bullet(?:ed)?[ -]?(?:points?|list)|in bullets)\b", _I), _plain("bullet list"), re.compile(r"\bno bullet|without bullet", _I)),
    _Rule(re.compile(r"\b(?:in|as|into|use|using|is|be|with|include|structured in|formatted in|to be) an? (?:numbered|ordered) list\b", _I), _plain("numbered list")),
    _Rule(re.compile(r"\bcode block\b", _I), _plain("code block"), re.compile(r"\b(?:following|this|above|below) code block", _I)),
    _Rule(re.compile(r"\b(?:format|wrap|return|respond|answer|output|provide|response|reply)\b[^.?!]{0,60}(?:\b(?:in|as|valid)\s+(?:a |an |valid |raw )*JSON\b|\bJSON (?:format|object)\b)", _I), _plain("json"), _ABOUT_CODE),
    _Rule(re.compile(rf"{_NONE}\bcommas?\b", _I), _plain("no commas")),
    _Rule(re.compile(r"<<|double angular brackets", _I), _plain("title")),
    _Rule(re.compile(rf"\b(?:{_RESPONSE}|entire|entirely|in english)\b[^.?!]{{0,80}}\ball (?:in )?(?:capital letters|caps|capitals|uppercase)\b", _I), _plain("all capitals"), _PART),
    _Rule(re.compile(r"\b(?:all|only|entirely)\s+(?:in\s+|contain\s+)?lower-?\s?case\b|\bno capital letters\b|\blowercase letters only\b", _I), _plain("all lowercase"), _PART),
    _Rule(re.compile(rf"\b(?:wrap|enclose|put|surround)\w*\b[^.?!]{{0,50}}\b(?:{_RESPONSE}|everything)\b[^.?!]{{0,30}}\b(?:double )?(?:quotation marks|quotes)", _I), _plain("quotation")),
    _Rule(re.compile(r"\bP\.\s?P\.\s?S\b"), lambda m: Requirement.of("postscript", *m.span(), marker="P.P.S")),
    _Rule(re.compile(r"\bP\.\s?S\."), lambda m: Requirement.of("postscript", *m.span(), marker="P.S."), re.compile(r"P\.\s?P\.\s?S")),
    _Rule(re.compile(rf"\b(?:highlight|italici[sz]e|bold)\w*\b[^.?!]{{0,20}}\bat least (?P<count>{NUMBER})\b|\bat least (?P<count2>{NUMBER}) (?:highlighted|italic|bold)", _I), _highlights),
    _Rule(re.compile(rf"(?P<count>{NUMBER}) sections?\b[^?!]{{0,160}}?\b(?:with|as|by)\s+[\"“']?(?P<marker>SECTION|Section|PARAGRAPH|Day|Round|Audience) X\b"), _marked),
    _Rule(re.compile(r"\bexactly two (?:different )?responses\b|\b(?:separat\w+)[^.?!]{0,60}(?:6|six) asterisk|separated? [^.?!]{0,40}\*{6}", _I), _plain("two responses")),
    _Rule(re.compile(r"(?<!\*)\*\s?\*\s?\*(?!\s?\*)"), _plain("divider")),
    _Rule(re.compile(r"\b(?:q\s?&\s?a format|question and answer format|'Q:')", _I), _plain("questions and answers")),
    _Rule(re.compile(r"(?<![#\w])(?P<level>#{1,6}) (?=[{A-Z'<\[])"), lambda m: Requirement.of("markdown headings", *m.span(), level=len(m["level"]))),
    _Rule(re.compile(r"\bmarkdown (?:headers?|headings?)\b|\b(?:headers?|headings?) (?:in|using) markdown\b", _I), lambda m: Requirement.of("markdown headings", *m.span(), level=0)),
    _Rule(re.compile(r"\b(?:title|heading|header|headings|headers|titled?)\b[^.?!,;]{0,30}\bin (?:all caps|all capital letters|uppercase|all uppercase)", _I), _plain("capital headings")),
    _Rule(re.compile(r"\b(?:in|using) bold\b|\bbold (?:text|style|font)\b|\bin \*\*bold\*\*", _I), _plain("bold")),
)  # fmt: skip
_LANGUAGE = re.compile(
    rf"\b(?:answer|respond|reply|write|written|response|entirely|completely|only|solely|speak)\b[^.?!\n]{{0,60}}\b(?:in|using|use)\s+"
    rf"(?:only\s+|entirely\s+|completely\s+|solely\s+|the\s+)*(?P<language>{'|'.join(LANGUAGES)})\b(?!\s+(?-i:[A-Z]))",
    _I,
)


def read_format(passage: Passage) -> Iterator[Requirement]:
    """Requirements on the form of the response."""
    for rule in _RULES:
        match = rule.pattern.search(passage.text)
        if match and not (rule.unless and rule.unless.search(passage.sentence(match.start()))):
            yield rule.make(match)
    match = _LANGUAGE.search(passage.text)
    if match and not re.search(r"\btranslat|\bwords? in|\bsection\b|\bphrase", passage.sentence(match.start()), _I):
        yield Requirement.of("language", *match.span(), language=LANGUAGES[match["language"].lower()])
