"""Whether a text is in a named language: by its script where that tells, else by langdetect with a fixed seed."""

import re
from functools import cache
from typing import Any

from prefcurate.schemas.errors import MissingExtra

_OWN_SCRIPT: dict[str, str] = {
    "ar": "\u0600-\u06ff", "bn": "\u0980-\u09ff", "el": "\u0370-\u03ff", "fa": "\u0600-\u06ff", "gu": "\u0a80-\u0aff",
    "he": "\u0590-\u05ff", "hi": "\u0900-\u097f", "hy": "\u0530-\u058f", "ja": "\u3040-\u30ff\u4e00-\u9fff",
    "ka": "\u10a0-\u10ff", "kn": "\u0c80-\u0cff", "ko": "\uac00-\ud7af", "ml": "\u0d00-\u0d7f", "mr": "\u0900-\u097f",
    "ne": "\u0900-\u097f", "pa": "\u0a00-\u0a7f", "ru": "\u0400-\u04ff", "bg": "\u0400-\u04ff", "uk": "\u0400-\u04ff",
    "ta": "\u0b80-\u0bff", "te": "\u0c00-\u0c7f", "th": "\u0e00-\u0e7f", "ur": "\u0600-\u06ff", "zh": "\u4e00-\u9fff",
}  # fmt: skip
_SHARED = frozenset({"ar", "fa", "ur", "hi", "mr", "ne", "ru", "bg", "uk"})
"""Languages whose script others use too: the script must fit and langdetect agree."""

LANGUAGES: dict[str, str] = {
    "arabic": "ar", "bengali": "bn", "bulgarian": "bg", "chinese": "zh", "danish": "da", "dutch": "nl", "english": "en",
    "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "gujarati": "gu", "hebrew": "he", "hindi": "hi",
    "indonesian": "id", "italian": "it", "japanese": "ja", "kannada": "kn", "korean": "ko", "malayalam": "ml",
    "mandarin": "zh", "marathi": "mr", "nepali": "ne", "norwegian": "no", "persian": "fa", "polish": "pl",
    "portuguese": "pt", "punjabi": "pa", "russian": "ru", "spanish": "es", "swahili": "sw", "swedish": "sv",
    "tamil": "ta", "telugu": "te", "thai": "th", "turkish": "tr", "ukrainian": "uk", "urdu": "ur", "vietnamese": "vi",
}  # fmt: skip
"""Names of languages in English, lower case, and their ISO 639-1 codes: those that langdetect knows."""


def speaks(text: str, language: str) -> bool:
    """Whether a text is in a language (ISO 639-1, or langdetect's own code such as ``zh-cn``).

    Raises:
        MissingExtra: the script does not tell and langdetect (extra ``checks``) is not installed.
    """
    code = language.lower().split("-")[0]
    if code in _OWN_SCRIPT:
        letters = sum(character.isalpha() for character in text)
        own = len(re.findall(f"[{_OWN_SCRIPT[code]}]", text))
        if own < 0.3 * max(letters, 1):
            return False
        if code not in _SHARED:
            return code != "zh" or re.search("[\u3040-\u30ff]", text) is None
    return _detected(text) == code


def _detected(text: str) -> str:
    detect, undetectable = _langdetect()
    try:
        return str(detect(text)).split("-")[0]
    except undetectable:
        return "unknown"


@cache
def _langdetect() -> tuple[Any, Any]:
    try:
        import langdetect
    except ImportError as error:
        raise MissingExtra("telling languages apart needs langdetect: pip install 'prefcurate[checks]'") from error
    # langdetect draws at random; with a seed the same text gets the same answer.
    langdetect.DetectorFactory.seed = 0
    return langdetect.detect, langdetect.LangDetectException
