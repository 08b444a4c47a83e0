"""Responses that speak of themselves as a language model.

All of 56 real hits that were read speak of themselves (`runbooks/flags.md`).
"""

import re

from prefcurate.transforms.screen.spans import Span

_ENGLISH = re.compile(
    r"\bas an? (?:(?:AI|artificial intelligence|(?:large )?language model)(?:[- ](?:powered|based|trained))?"
    r"(?: (?:language|chat))?(?: (?:model|assistant|system|program|chatbot|bot|entity))?)"
    r"(?=,(?! (?:which|who|they|he|she|it (?:does|did|has|was|can|could|lacks|failed))\b)| I\b| and my\b| developed| created| trained| designed| without)"
    r"|\bI(?: am|['’]m) (?:just |only |merely |simply )?an? (?:AI|artificial intelligence|(?:large )?language model)\b(?! \w+er\b)",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"\bals (?:(?:ein )?(?:großes )?(?:Sprachmodell|KI-(?:Sprach)?modell)|KI-Assistent\w*|(?:eine )?(?:KI|künstliche Intelligenz)(?=,? (?:kann|habe|bin|verf|ist)))"
    r"|\ben tant (?:qu['’](?:une? )?(?:IA|intelligence artificielle)|que (?:grand )?mod[eè]le de langage)"
    r"|\bcomo (?:un |una )?(?:(?:gran )?modelo de lenguaje|inteligencia artificial|IA)(?=,| (?:no|desarroll|entrenad|yo|de))"
    r"|作为(?:一个|一名|一款)?(?:大型)?(?:人工智能|AI|语言模型)",
    re.IGNORECASE,
)


SIGN = (
    r"(?i)an? (?:AI|artificial int|(?:large )?language model)|sprachmodell|KI-|(?:KI|künstliche Intelligenz),? (?:kann|habe|bin|verf|ist)"
    r"|en tant qu|como (?:un |una )?(?:gran |modelo de leng|inteligencia art|IA)|作为"
)
"""Stands in every text in which this is found (RE2)."""


def as_a_model(text: str, prompt: str) -> list[Span]:
    """Where a response says "as a language model" or the like, in English, German, French, Spanish or Chinese."""
    return [Span(*said.span(), "self") for pattern in (_ENGLISH, _ELSEWHERE) for said in pattern.finditer(text)]
