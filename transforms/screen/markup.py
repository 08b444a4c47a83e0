"""What a chat's template, a system prompt or a web page left in a response.

All of 60 real hits that were read hold such remains (`runbooks/flags.md`).
"""

import re
from collections.abc import Iterator

from prefcurate.transforms.screen.spans import Span, any_in, outside_code

_TOKENS = re.compile(
    r"<[|｜][A-Za-z_▁ ]{2,40}[|｜]>|<(?:start|end)_of_turn>|\[/?(?:INST|SYS)\]|<</?SYS>>|\A<s>|</s>\s*\Z"
)

_NAMES = r"(?:Human|User|Assistant|Bot|Chatbot|AI|ChatGPT|HUMAN|USER|ASSISTANT)"
_FIRST_ROLE = re.compile(rf"\W{{0,3}}(?:{_NAMES}|System|SYSTEM|Response|GPT-?[34])\W{{0,2}}:(?=\s)")
_ROLES = re.compile(
    r"\n(?:Human|User|Assistant|HUMAN|USER|ASSISTANT):(?=\s|\Z)(?!\s*\n[-*•\d])"
    r"|(?:\A|\n)#{2,3} ?(?:Human|User|Assistant|Instruction|Response|Input|System|USER|ASSISTANT)\b(?: ?:|[ \t]*(?=\n|\Z))"
)

_SYSTEM = re.compile(
    r"\bYou are (?:a helpful(?:,? \w+){0,4} assistant|ChatGPT|Claude, an AI|an AI assistant (?:that|who|created|developed))"
    r"|\bBelow is an instruction that describes a task\b"
    r"|\bKnowledge cutoff: ?\d{4}"
    r"|\bA chat between a curious (?:user|human) and an artificial intelligence"
)

_HTML = re.compile(
    r"&(?:amp|lt|gt|quot|nbsp|#39|#x27|#34);|</?(?:div|span|p|br|font|td|tr|ul|ol|li|a)(?: [^<>\n]{1,200})?/?>"
)
_ABOUT_MARKUP = (
    "html", "css", "web", "javascript", "xml", "tag", "code", "markdown", "jsx", "vue", "react", "svg", "php", "page", "<", "&",
)  # fmt: skip


SIGN = (
    r"<[|｜]|<(?:start|end)_of_turn>|\[/?(?:INST|SYS)\]|<</?SYS>>|\A<s>|</s>"
    rf"|\A[^\w]{{0,3}}(?:{_NAMES}|System|SYSTEM|Response|GPT-?[34])[^\w]{{0,2}}:"
    r"|\n(?:Human|User|Assistant|HUMAN|USER|ASSISTANT):"
    r"|#{2,3} ?(?:Human|User|Assistant|Instruction|Response|Input|System|USER|ASSISTANT)"
    r"|You are (?:a helpful|ChatGPT|Claude, an AI|an AI assistant)|Below is an instruction|Knowledge cutoff|A chat between a curious"
    r"|&(?:amp|lt|gt|quot|nbsp|#39|#x27|#34);|</?(?:div|span|p|br|font|td|tr|ul|ol|li|a)[ />]"
)
"""Stands in every text in which this is found (RE2)."""


def leaked_markup(text: str, prompt: str) -> list[Span]:
    """Where a response holds marks of a chat's template, names of roles, a system prompt, or HTML; none that the prompt holds."""
    found = [*_of("token", _TOKENS, text), *_of("role", _ROLES, text), *_of("system", _SYSTEM, text)]
    if (first := _FIRST_ROLE.match(text)) is not None:
        found.append(Span(*first.span(), "role"))
    if not any_in(_ABOUT_MARKUP, prompt.casefold()):
        found += _of("html", _HTML, text)
    return sorted(span for span in outside_code(text, found) if not _told(text, span, prompt)) if found else []


def _of(kind: str, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    return (Span(*found.span(), kind) for found in pattern.finditer(text))


def _told(text: str, span: Span, prompt: str) -> bool:
    """Whether the prompt holds the same mark: then it is what the two talk about."""
    return text[span.start : span.end].strip() in prompt
