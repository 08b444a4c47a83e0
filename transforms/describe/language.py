"""A guess at the language of a text from its script and its commonest words: no model, no dependency, the same everywhere.

Good enough to say whether an answer is in the language of its prompt. Short texts without a hint give "unknown" rather
than a wrong name. Who needs more (dialects, languages without a word list here) configures `describe.llm`.
"""

import re
from collections import Counter


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


WORDS: dict[str, frozenset[str]] = {
    "en": _set("the of and to is in that it you for with are was this have not be what how can your"),
    "de": _set("der die und das ist nicht ich ein eine zu mit den sich auf für wie auch es sie im wird von"),
    "fr": _set("le la les et est des une dans que pour pas qui sur vous je avec du ce il au sont comment"),
    "es": _set("el la los que de y en es un una por para con no las del se como más su qué cómo"),
    "it": _set("il che di è un una per non con sono del della le gli come si più anche questo dei nel"),
    "pt": _set("o que de e um uma para com não os as do da em por é como mais se são você no na"),
    "nl": _set("de het een en van is dat niet in op te zijn met voor ik je aan hoe wat er ook naar"),
    "pl": _set("i w na nie się z do jest to że jak co o po za od czy są dla może tak być"),
    "sv": _set("och att det som en på är av för med den till inte har ett om jag hur kan du vi"),
    "tr": _set("ve bir bu da de için ile ne çok daha olarak mi nasıl gibi olan var değil ama her"),
    "vi": _set("và của là có không được cho một các này trong với như người những bạn tôi để khi"),
    "id": _set("yang dan di itu dengan untuk tidak ini dari dalam adalah pada saya akan bisa apa atau ke"),
}
"""The commonest function words of languages in Latin script."""

SCRIPTS: tuple[tuple[str, str], ...] = (
    ("ja", "\u3040-\u30ff"),  # kana before Han: Japanese holds both
    ("ko", "\uac00-\ud7af\u1100-\u11ff"),
    ("zh", "\u4e00-\u9fff\u3400-\u4dbf"),
    ("ru", "\u0400-\u04ff"),
    ("ar", "\u0600-\u06ff"),
    ("he", "\u0590-\u05ff"),
    ("el", "\u0370-\u03ff"),
    ("hi", "\u0900-\u097f"),
    ("th", "\u0e00-\u0e7f"),
)
"""A language for each script; of languages that share one, the one with most speakers stands for all."""

_SCRIPTS = tuple((name, re.compile(f"[{characters}]")) for name, characters in SCRIPTS)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|\$[^$\n]*\$", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
_READ = 4000


def language_of(text: str) -> str:
    """An ISO 639-1 code, or "unknown" when too little speaks for any. Code, links and formulas do not count."""
    text = _CODE.sub(" ", text[:_READ])
    letters = sum(map(str.isalpha, text))
    if not letters:
        return "unknown"
    if text.isascii():
        return _latin(text)
    for name, script in _SCRIPTS:
        # A few kana among Han are Japanese; a few Greek letters in a proof are not Greek.
        share = len(script.findall(text)) / letters
        if share > (0.05 if name == "ja" else 0.3):
            return name
    return _latin(text)


def _latin(text: str) -> str:
    words = [word.lower() for word in _WORD.findall(text)]
    counts = Counter(words)
    hits = {name: sum(counts[word] for word in common) for name, common in WORDS.items()}
    ranked = sorted(hits, key=lambda name: (-hits[name], name))
    best, second = hits[ranked[0]], hits[ranked[1]]
    needed = max(1, len(words) // 25)
    return ranked[0] if best >= needed and best > second else "unknown"
