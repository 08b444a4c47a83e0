"""Demands for a number of something: words, sentences, paragraphs, bullet points, sections, placeholders …"""

import re
from collections.abc import Iterator

from prefcurate.transforms.measures.passage import NUMBER, Passage, number
from prefcurate.transforms.measures.requirement import Relation, Requirement

_BEFORE: tuple[tuple[str, Relation], ...] = (
    (r"at least|no less than|no fewer than|not less than|not fewer than|(?:a )?minimum(?: of)?", "at least"),
    (
        r"at most|no more than|not more than|no longer than|not longer than|up to|within|(?:a )?maximum(?: of)?",
        "at most",
    ),
    (r"not exceed(?:ing)?|not to exceed|limit(?:ed)? to|or fewer than", "at most"),
    (r"less than|fewer than|under|below", "less than"),
    (r"more than|over|exceeding|above", "more than"),
    (r"exactly|precisely|only|just", "exactly"),
    (r"about|around|approximately|roughly|circa|some", "around"),
)
_RELATION = "|".join(pattern for pattern, _ in _BEFORE)
_INVERSE: dict[Relation, Relation] = {"more than": "at most", "less than": "at least"}
_UNITS: tuple[tuple[str, str], ...] = (
    ("words", r"words?"),
    ("sentences", r"(?:[a-z]+ )?sentences?"),
    ("paragraphs", r"(?:[a-z]+ )?paragraphs?|stanzas?"),
    ("characters", r"characters?"),
    ("lines", r"lines"),
    ("bullets", r"(?:[a-z]+ )?bullet(?:[ -]points?|s|ed points?)?"),
    ("bullets", r"(?:[a-z]+ )?points in bullet form"),
    ("placeholders", r"placeholders?"),
    ("emojis", r"emojis?"),
    ("sections", r"(?:[a-z]+ )?(?:sections|chapters|parts|headings|headers)"),
    ("numbered items", r"numbered (?:[a-z]+ )?(?:items|steps|points|sections)"),
)
_UNIT = "|".join(f"(?P<u{index}>{pattern})" for index, (_, pattern) in enumerate(_UNITS))
_COUNT = re.compile(
    rf"(?:\b(?P<relation>{_RELATION})\s+(?:(?:of|a total of)\s+)?)?(?<![\w.,])(?P<number>{NUMBER})(?P<plus>\+)?"
    rf"(?:\s+(?P<or>or more|or less|or fewer))?(?P<hyphen>[\s-]+)(?:{_UNIT})\b(?!-)"
    r"(?P<tail>\s+(?:or|and) (?:more|above|over|less|fewer|under)|\s+(?:maximum|max|at most|minimum|at least)\b)?",
    re.IGNORECASE,
)
_LIST = re.compile(
    rf"(?:numbered|ordered) list(?: format)?\s+(?:with|of|containing|that has)\s+(?:(?P<relation>{_RELATION})\s+)?(?P<number>{NUMBER})\s+"
    r"(?:items?|steps?|points?|entries)",
    re.IGNORECASE,
)
_BETWEEN = re.compile(
    rf"(?:between\s+)?\b(?P<low>{NUMBER})\s*(?:and|to|-|–)\s*(?P<high>{NUMBER})\s+(?P<unit>words|sentences|paragraphs)",
    re.IGNORECASE,
)
# Without a word like "exactly" a number counts only where something is said to have, hold or be so many.
_LEAD = re.compile(
    r"(?:\bin|into|with|contain(?:s|ing)?|includ(?:e|es|ing)|using|use|\bof|\bbe|has|have|having|\bto|separated by|write|consists?|composed|as|"
    r"answer|response|reply|limit)\s+(?:a|the|your|total|\s)*$",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"\b(?:limit(?:ed)?|keep|max(?:imum)?|restrict(?:ed)?|not exceed)\b", re.IGNORECASE)
_RESET = re.compile(
    r"[,;]? (?:and|or|but) (?:also )?(?:contain|include|provide|be\b|ensure|the (?:response|answer|total|whole)|limit|your|it\b|answer|compose|keep)|"
    r"\b(?:your|the|entire|whole) (?:response|answer|reply|output|article|essay|story|poem)\b|\b(?:in total|overall|total)\b",
    re.IGNORECASE,
)
_EACH = re.compile(
    r"\b(?:each|every|per|first|second|third|fourth|last|final|following|one section|another)\b", re.IGNORECASE
)
_SMALL_PART = re.compile(
    r"\b(?:code|ascii|art|border|width|script|function|tweets?|titles?|names?|password|each)\b", re.IGNORECASE
)
_NOT_TOTAL = re.compile(
    r"\s*(?:each\b|per\b|apiece|for each|in all (?:capital|caps)|in (?:bold|italic|capital)|from\b|of (?:code|text from)|long each|that start|\*)",
    re.IGNORECASE,
)


def read_counts(passage: Passage) -> Iterator[Requirement]:
    """Requirements on the number of something in the whole response."""
    for match in _BETWEEN.finditer(passage.text):
        if " and " in match.group() and not match.group().lower().startswith("between"):
            continue
        low, high = number(match["low"]), number(match["high"])
        for relation, count in (("at least", low), ("at most", high)):
            yield Requirement.of(match["unit"].lower(), *match.span(), relation=relation, count=count)
    for match in _COUNT.finditer(passage.text):
        found = _count(passage, match)
        if found is not None:
            yield found
    for match in _LIST.finditer(passage.text):
        relation = _relation(match["relation"]) if match["relation"] else "exactly"
        yield Requirement.of("numbered items", *match.span(), relation=relation, count=number(match["number"]))


def _count(passage: Passage, match: re.Match[str]) -> Requirement | None:
    unit = next(_UNITS[index][0] for index in range(len(_UNITS)) if match[f"u{index}"])
    before = passage.before(match.start())
    if before.count('"') % 2 or before.count("“") > before.count("”"):
        return None
    if re.search(rf"(?:between\s+{NUMBER}\s+and|{NUMBER}\s*(?:to|-|–))\s*$", before, re.IGNORECASE) or _NOT_TOTAL.match(
        passage.text, match.end()
    ):
        return None
    relation = _demanded(match, unit, before)
    if relation is None or (
        unit in ("words", "emojis", "sections")
        and re.search(r"highlight|italic|bold|first\s*$", before[-60:], re.IGNORECASE)
    ):
        return None
    clause = _clause(before)
    count = number(match["number"])
    if unit in ("lines", "characters") and (
        relation == "exactly" or _SMALL_PART.search(passage.sentence(match.start()))
    ):
        return None
    if _EACH.search(clause[-60:]):
        if unit == "sentences" and re.search(
            r"paragraphs?,? (?:with )?each|each paragraph", clause + before[-80:], re.IGNORECASE
        ):
            return Requirement.of("sentences per paragraph", *match.span(), relation=relation, count=count)
        return None
    return Requirement.of(unit, *match.span(), relation=relation, count=count)


def _demanded(match: re.Match[str], unit: str, before: str) -> Relation | None:
    """The relation that is demanded, or None when the number is no demand ("the first 10 words of the Bible")."""
    after = f"{match['or'] or ''} {match['tail'] or ''}".lower()
    if match["plus"] or re.search(r"more|above|over|minimum|at least", after):
        return "at least"
    if re.search(r"less|fewer|under|max|at most", after):
        return "at most"
    if match["relation"]:
        relation = _relation(match["relation"])
        negated = re.search(r"\b(?:not|n['’]t|never)\b[^,;]{0,30}$", before, re.IGNORECASE)
        return _INVERSE.get(relation, relation) if negated else relation
    if match["hyphen"] == "-" or unit == "words" and re.search(r"\b(?:a|an)\s*$", before):
        return "around" if unit in ("words", "characters") else "exactly"
    if not _LEAD.search(before):
        return None
    return "at most" if _LIMIT.search(re.split(r"[,;]", before)[-1][-60:]) else "exactly"


def _relation(text: str) -> Relation:
    return next(relation for pattern, relation in _BEFORE if re.fullmatch(pattern, text, re.IGNORECASE))


def _clause(before: str) -> str:
    """What of the sentence still governs: the part after the last phrase that speaks of the whole response."""
    resets = list(_RESET.finditer(before))
    return before[resets[-1].end() :] if resets else before
