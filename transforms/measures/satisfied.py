"""Whether a response keeps a requirement: one small function a kind, all in `CHECKS`.

The kinds named as in IFEval (Zhou et al. 2023, arXiv 2311.07911) decide as its published checkers do; where it counts words and
sentences with NLTK, `prefcurate.transforms.measures.text` counts instead.
"""

import re
from collections.abc import Callable

from prefcurate.transforms.measures import structure
from prefcurate.transforms.measures.requirement import Requirement
from prefcurate.transforms.measures.spoken import speaks
from prefcurate.transforms.measures.text import paragraphs, sentences, words

CHECKS: dict[str, Callable[[Requirement, str], float]] = {}
"""For each kind of requirement the share of it that a response keeps, from 0 to 1."""


def satisfaction(requirement: Requirement, response: str) -> float:
    """The share of a requirement that is kept, from 0 to 1: of a list of keywords some may be there. Empty responses keep none.

    Raises:
        KeyError: no check is known for the requirement's kind.
    """
    check = CHECKS[requirement.kind]
    return float(check(requirement, response)) if response.strip() else 0.0


def satisfied(requirement: Requirement, response: str) -> bool:
    """Whether a response keeps a requirement wholly."""
    return satisfaction(requirement, response) >= 1.0


def _check(kind: str) -> Callable[[Callable[[Requirement, str], float]], Callable[[Requirement, str], float]]:
    def register(function: Callable[[Requirement, str], float]) -> Callable[[Requirement, str], float]:
        CHECKS[kind] = function
        return function

    return register


def _counted(kind: str, count: Callable[[str], int]) -> None:
    CHECKS[kind] = lambda requirement, response: requirement.counts(count(response))


_counted("words", lambda response: len(words(response)))
_counted("sentences", lambda response: len(sentences(response)))
_counted("characters", lambda response: len(response.strip()))
_counted("lines", lambda response: len([line for line in response.splitlines() if line.strip()]))
_counted("paragraphs", lambda response: len(paragraphs(response)))
_counted("bullets", lambda response: len(structure.bullets(response)))
_counted("numbered items", lambda response: len(structure.numbered_items(response)))
_counted("headings", lambda response: len(structure.headings(response)))
_counted("placeholders", structure.placeholders)
_counted("highlights", structure.highlights)
_counted("emojis", structure.emojis)
_counted("capital words", lambda response: len([word for word in words(response) if word.isupper()]))


@_check("list items")
def _list_items(requirement: Requirement, response: str) -> float:
    """Bullets or numbers, whichever the response uses more."""
    return requirement.counts(max(len(structure.bullets(response)), len(structure.numbered_items(response))))


@_check("sections")
def _sections(requirement: Requirement, response: str) -> float:
    """Headed sections; where nothing is headed, numbered ones or blocks of text."""
    found = len(structure.headings(response)) or len(structure.numbered_items(response)) or len(paragraphs(response))
    return requirement.counts(found)


@_check("sentences per paragraph")
def _sentences_per_paragraph(requirement: Requirement, response: str) -> float:
    return all(requirement.counts(len(sentences(paragraph))) for paragraph in paragraphs(response))


@_check("bullet marker")
def _bullet_marker(requirement: Requirement, response: str) -> float:
    marks = {line.strip()[0] for line in structure.bullets(response)}
    return marks == {requirement.text("marker")}


@_check("divided paragraphs")
def _divided(requirement: Requirement, response: str) -> float:
    """Paragraphs between dividers, none of them empty but before the first and after the last divider."""
    blocks = re.split(r"\s?\*\s?\*\s?\*\s?", response)
    inner = blocks[1:-1]
    filled = [block for block in blocks if block.strip()]
    return all(block.strip() for block in inner) and requirement.counts(len(filled))


@_check("nth paragraph starts with")
def _nth_paragraph(requirement: Requirement, response: str) -> float:
    blocks = [block.strip() for block in re.split(r"\n\n", response) if block.strip()]
    nth = requirement.number("nth")
    if nth > len(blocks) or not requirement.counts(len(blocks)):
        return False
    return _first_word(blocks[nth - 1]) == requirement.text("word").lower()


def _first_word(block: str) -> str:
    match = re.match(r"[\w'’-]+", block.lstrip("'\"“”‘*_#> \t"))
    return match.group().lower() if match else ""


@_check("paragraphs start with")
def _paragraphs_start(requirement: Requirement, response: str) -> float:
    """Every paragraph begins with a phrase; with several phrases, the first with the first and so on."""
    starts, blocks = requirement.list("phrases"), paragraphs(response)
    if len(starts) == 1:
        return all(_starts(block, starts[0]) for block in blocks)
    return len(blocks) >= len(starts) and all(map(_starts, blocks, starts))


def _starts(text: str, phrase: str) -> bool:
    return text.lstrip("*_#>\"“'‘-• \t\n").casefold().startswith(phrase.strip("*_# ").casefold())


@_check("keywords")
def _keywords(requirement: Requirement, response: str) -> float:
    """Each keyword occurs, in any case, also as part of a word (as in IFEval)."""
    lowered, wanted = response.casefold(), requirement.list("keywords")
    return sum(keyword.casefold() in lowered for keyword in wanted) / len(wanted)


@_check("forbidden words")
def _forbidden(requirement: Requirement, response: str) -> float:
    return not any(_occurrences(word, response) for word in requirement.list("keywords"))


@_check("keyword frequency")
def _frequency(requirement: Requirement, response: str) -> float:
    """Occurrences as whole words, a plural ending allowed."""
    return requirement.counts(_occurrences(requirement.text("keyword"), response, "(?:s|es|['’]s)?"))


@_check("keywords:frequency")
def _ifeval_frequency(requirement: Requirement, response: str) -> float:
    """Occurrences also inside other words (as in IFEval)."""
    return requirement.counts(response.casefold().count(requirement.text("keyword").casefold()))


def _occurrences(word: str, text: str, ending: str = "") -> int:
    return len(re.findall(rf"(?<!\w){re.escape(word)}{ending}(?!\w)", text, re.IGNORECASE))


@_check("letter frequency")
def _letters(requirement: Requirement, response: str) -> float:
    return requirement.counts(response.lower().count(requirement.text("letter").lower()))


@_check("starts with")
def _starts_with(requirement: Requirement, response: str) -> float:
    return _starts(response, requirement.text("phrase"))


@_check("ends with")
def _ends_with(requirement: Requirement, response: str) -> float:
    return response.strip().strip('"').casefold().endswith(requirement.text("phrase").strip().casefold())


@_check("phrase")
def _phrase(requirement: Requirement, response: str) -> float:
    return requirement.text("phrase").casefold() in response.casefold()


@_check("named headings")
def _named_headings(requirement: Requirement, response: str) -> float:
    """Each name stands alone in a line, or before a colon, with whatever marks around it."""
    wanted = requirement.list("names")
    lines = {re.sub(r"[^\w\s'&-]+", "", line.split(":")[0]).strip().casefold() for line in response.splitlines()}
    return sum(re.sub(r"[^\w\s'&-]+", "", name).strip().casefold() in lines for name in wanted) / len(wanted)


@_check("one of")
def _one_of(requirement: Requirement, response: str) -> float:
    return any(option in response for option in requirement.list("options"))


@_check("title")
def _title(requirement: Requirement, response: str) -> float:
    return bool(structure.titles(response))


@_check("json")
def _json(requirement: Requirement, response: str) -> float:
    return structure.is_json(response)


@_check("bullet list")
def _bullet_list(requirement: Requirement, response: str) -> float:
    return bool(structure.bullets(response))


@_check("numbered list")
def _numbered_list(requirement: Requirement, response: str) -> float:
    return bool(structure.numbered_items(response))


@_check("table")
def _table(requirement: Requirement, response: str) -> float:
    """A Markdown table; of the demanded number of columns where there is one (0: any)."""
    columns, found = requirement.number("columns"), structure.tables(response)
    return columns in found if columns else bool(found)


@_check("code block")
def _code_block(requirement: Requirement, response: str) -> float:
    return bool(structure.code_blocks(response))


@_check("bold")
def _bold(requirement: Requirement, response: str) -> float:
    return bool(structure.bold_spans(response))


@_check("markdown headings")
def _markdown_headings(requirement: Requirement, response: str) -> float:
    """Headings of the demanded level (0: any)."""
    level = requirement.number("level")
    return re.search(r"^#{1,6} \S" if not level else rf"^#{{{level}}} \S", response, re.MULTILINE) is not None


@_check("capital headings")
def _capital_headings(requirement: Requirement, response: str) -> float:
    found = [re.sub(r"[^\w ]", "", line).strip() for line in response.splitlines()]
    return any(line.isupper() and len(line) > 3 for line in found)


@_check("divider")
def _divider(requirement: Requirement, response: str) -> float:
    return re.search(r"\*\s?\*\s?\*", response) is not None


@_check("no commas")
def _no_commas(requirement: Requirement, response: str) -> float:
    return not any(comma in response for comma in ",，、")


@_check("all capitals")
def _all_capitals(requirement: Requirement, response: str) -> float:
    return response.isupper()


@_check("all lowercase")
def _all_lowercase(requirement: Requirement, response: str) -> float:
    return response.islower()


@_check("quotation")
def _quotation(requirement: Requirement, response: str) -> float:
    text = response.strip()
    return len(text) > 1 and text[0] in '"“' and text[-1] in '"”'


@_check("postscript")
def _postscript(requirement: Requirement, response: str) -> float:
    letters = [re.escape(letter) for letter in requirement.text("marker").lower() if letter.isalpha()]
    pattern = r"\.\s?".join(letters) + (r"\." if letters == ["p", "s"] else "")
    return re.search(pattern, response.lower()) is not None


@_check("marked sections")
def _marked_sections(requirement: Requirement, response: str) -> float:
    """Sections that begin with a word and a number (SECTION 1), as in IFEval."""
    found = re.findall(rf"\s?{re.escape(requirement.text('marker'))}\s?\d+\s?", response)
    return requirement.counts(len(found))


@_check("two responses")
def _two_responses(requirement: Requirement, response: str) -> float:
    blocks = response.split("******")
    filled = [block.strip() for block in blocks if block.strip()]
    return all(block.strip() for block in blocks[1:-1]) and len(filled) == 2 and filled[0] != filled[1]


@_check("repeat prompt")
def _repeat_prompt(requirement: Requirement, response: str) -> float:
    return response.strip().casefold().startswith(requirement.text("text").strip().casefold())


@_check("language")
def _language(requirement: Requirement, response: str) -> float:
    return speaks(response, requirement.text("language"))


@_check("questions and answers")
def _questions_and_answers(requirement: Requirement, response: str) -> float:
    marks = re.findall(r"^[\s*_#]*(q|question|a|answer)\s?\d*\s?[:.]", response, re.MULTILINE | re.IGNORECASE)
    kinds = {mark.lower()[0] for mark in marks}
    return kinds == {"q", "a"}
