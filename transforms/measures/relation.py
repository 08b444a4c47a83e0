"""A response measured against its prompt and documents: coverage, grounding, refusal, hedging, repetition, language."""

import re

from prefcurate.transforms.describe.language import language_of
from prefcurate.transforms.measures.text import content_words, numbers, words

_REFUSAL = re.compile(
    r"\b(?:i(?:['’]m| am) (?:really |very |so )?(?:sorry|afraid)[^.!?]{0,60}\b(?:can(?:no|['’]?)t|unable|not able|won['’]?t)\b"
    r"|i (?:can(?:not|['’]t)|won['’]t|am not able to|am unable to|must decline to|refuse to) "
    r"(?:help|assist|provide|fulfil|comply|create|write|answer|engage|support|do that|discuss|generate|offer|give)"
    r"|i(?:['’]m| am) (?:unable|not able|not comfortable|not going) (?:to|with)"
    r"|as an ai(?: language)?(?: model)?,? i (?:can(?:not|['’]t)|do not|don['’]t|am not)"
    r"|es tut mir leid|ich kann (?:ihnen |dir )?(?:dabei|damit) (?:leider )?nicht|lo siento,? (?:pero )?no puedo"
    r"|je suis désolée?[^.!?]{0,40}\bne peux pas)|抱歉[，,]?我(?:不能|无法)|我(?:不能|无法)(?:提供|帮助|回答)",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\b(?:may(?:be)?|might|perhaps|possibly|probably|presumably|it seems|it appears|seems to|appears to|in my opinion|"
    r"i think|i believe|i guess|not sure|uncertain|it depends|could be|likely|generally|arguably|it is possible)\b",
    re.IGNORECASE,
)
_REFUSAL_READ = 400


def refuses(response: str) -> bool:
    """Whether the response begins by declining (its first 400 characters): for people, a refusal comes first."""
    return _REFUSAL.search(response[:_REFUSAL_READ]) is not None


def hedging(response: str) -> float:
    """Hedges per 100 words (English)."""
    count = len(words(response))
    return 100 * len(_HEDGE.findall(response)) / count if count else 0.0


def coverage(prompt: str, response: str) -> float:
    """Share of the prompt's content words that the response takes up; 1 when the prompt has none."""
    asked = content_words(prompt)
    return len(asked & content_words(response)) / len(asked) if asked else 1.0


def grounding(documents: str, response: str) -> float:
    """Share of the response's content words and numbers that stand in the documents; 1 for an empty response."""
    said = content_words(response) | numbers(response)
    known = content_words(documents) | numbers(documents)
    return len(said & known) / len(said) if said else 1.0


def number_grounding(documents: str, response: str) -> float:
    """Share of the response's numbers that stand in the documents; 1 when it has none."""
    said = numbers(response)
    return len(said & numbers(documents)) / len(said) if said else 1.0


def distinct(response: str, n: int = 3) -> float:
    """Share of word n-grams that differ from each other (distinct-n of Li et al. 2016, arXiv 1510.03055): 1 says nothing twice."""
    lowered = [word.lower() for word in words(response)]
    grams = [tuple(lowered[i : i + n]) for i in range(len(lowered) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


def same_language(prompt: str, response: str) -> bool:
    """Whether the response is in the prompt's language; true when either cannot be told."""
    asked, said = language_of(prompt), language_of(response)
    return asked == said or "unknown" in (asked, said)
