"""Responses in another language than their prompt, which did not ask for one.

Judged by function words and scripts (`prefcurate.transforms.describe.language`), not by langdetect: flags must not depend on which extras are
installed. Said only where the other response is in the question's language. 52 real hits were read, all right, 50 of them English
answers to Korean questions (`runbooks/flags.md`).
"""

import re

from prefcurate.transforms.describe.language import SCRIPTS, language_of
from prefcurate.transforms.measures.spoken import LANGUAGES
from prefcurate.transforms.screen.spans import Span, whole

_LEAST = 100
"""Characters of a response whose language is told; of one in a script of its own a third."""
_GLANCE = 1500
"""Characters of a response that are looked at first."""
_READ = 4000
_COMMON: dict[str, tuple[str, ...]] = {
    "en": (
        " the ",
        " to ",
        " and ",
        " of ",
        " is ",
        " a ",
        " you",
        " in ",
        "What ",
        "How ",
        " for ",
        " I ",
        " are ",
        "Why ",
    ),
    "de": (" die ", " und ", " der ", " ist "),
    "fr": (" les ", " des ", " est ", " une "),
    "es": (" los ", " las ", " que ", " una "),
    "it": (" che ", " per ", " non ", " una "),
    "pt": (" que ", " uma ", " com ", " para "),
    "nl": (" het ", " een ", " van ", " niet "),
}
"""Some of the commonest words of the commonest languages: seen quicker than all words of a text are counted."""
_COMMONEST = tuple((name, words[:4]) for name, words in _COMMON.items())
_ASKED = re.compile(
    r"translat|übersetz|tradu[ci]|traduz|vertaal|перевод|переведи|翻译|翻譯|訳|번역|ترجم|अनुवाद|language|sprache|langue|idioma|lingua|"
    r"язык|语言|語|언어|\blatin|pinyin|haiku|bilingual|"
    + "|".join(rf"\b{name}" for name in sorted(LANGUAGES))
    + r"|\bdeutsch|englisch|franz[öo]s|spanisch|italienisch|anglais|allemand|fran[cç]ais|espagnol|ingl[eé]s|alem[aá]n|"
    r"español|franc[eé]s|italiano|portugu[eê]s|中文|英文|英语|英語|日文|日语|日本語|法语|德语|西班牙|한국어|영어|русск|английск|"
    r"hinglish|romanian|czech|hungarian|hebrew|farsi|tagalog|filipino|malay|esperanto|gaelic|irish|welsh|croatian|serbian|"
    r"slovak|catalan|icelandic|estonian|latvian|lithuanian|mongolian|yiddish|cantonese|zulu",
    re.IGNORECASE,
)
"""Signs that a prompt is about languages, or asks for one."""
_ANY_SCRIPT = re.compile(f"[{''.join(characters for _, characters in SCRIPTS)}]")
_SCRIPT = {name: re.compile(f"[{characters}]") for name, characters in SCRIPTS}


def wrong_languages(question: str, a: str, b: str) -> tuple[list[Span], list[Span]]:
    """For each response: all of it where it is in another language than the question, which asks for none, and the other is not.

    Where both responses are in another language the question asks for it without saying so (a text to be translated): neither is
    wrong. Where one of them tells nothing (code, a number), nothing is said about the other.
    """
    first = _glance(a)
    seen = [first, _glance(b) if first else None]
    if None in seen or seen[0] == seen[1] or _ASKED.search(question):
        return [], []
    expected = _glance_or_words(question[-_READ:])
    found = [
        [] if language == expected else _in_another(text, expected, question)
        for language, text in zip(seen, (a, b), strict=True)
    ]
    return (found[0], found[1]) if expected in seen else ([], [])


def _glance_or_words(question: str) -> str | None:
    """The language of a question, which may be short: of two common words, or of a script of its own."""
    if not question.isascii() and len(_ANY_SCRIPT.findall(question[:300])) > len(question[:300]) // 3:
        return language_of(question)
    counts = {name: sum(word in question for word in words) for name, words in _COMMON.items()}
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] >= 2 and list(counts.values()).count(counts[best]) == 1 else None


def _glance(text: str) -> str | None:
    """The language that a response seems to be in; None where too little tells."""
    length = min(len(text), _GLANCE)
    if length < _LEAST // 3:
        return None
    if not text.isascii():
        start = text[:300]
        if len(_ANY_SCRIPT.findall(start)) > 20:
            return next((name for name, found in _SCRIPT.items() if len(found.findall(start)) > 20), None)
    if length < _LEAST:
        return None
    for name, words in _COMMONEST:
        needed = length // 150 + 1
        for word in words:
            needed -= text.count(word, 0, _GLANCE)
            if needed <= 0:
                return name
    return None


def _in_another(text: str, expected: str | None, question: str) -> list[Span]:
    """All of a response, where its two halves are told to be in one language, which does not stand in the question."""
    text, whole_text = text[:_READ], text
    middle = len(text) // 2
    languages = {language_of(text), language_of(text[:middle]), language_of(text[middle:])}
    found = languages.pop()
    if languages or found in ("unknown", expected) or {found, expected} in _ALIKE:
        return []
    script = _SCRIPT.get(found)
    there = script.search(question) if script else any(language_of(line) == found for line in question.splitlines())
    return [] if there else whole(whole_text, f"{expected} to {found}")


_ALIKE = ({"zh", "ja"},)
"""Han without kana is either."""
