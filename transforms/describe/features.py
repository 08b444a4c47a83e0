"""What can be measured about a prompt: names and values of its `attributes` rows."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prefcurate.transforms.describe.language import language_of
from prefcurate.transforms.describe.task import Shape, domain_of, looks_like_code, looks_like_documents, task_of
from prefcurate.transforms.measures.requirements import requirements

Row = Mapping[str, Any]
"""A message as Arrow gives it (`prefcurate.schemas.tables.MESSAGES`)."""

BANDS = ((30, "short"), (150, "medium"), (600, "long"))
"""Words up to which a prompt's length has a name; above them it is "very_long"."""

NAMES = (
    "task",
    "domain",
    "n_turns",
    "length",
    "n_requirements",
    "has_constraints",
    "has_documents",
    "has_code",
    "has_system",
    "language",
)
"""What `features` measures, in its order."""

_WORD = re.compile(r"[^\W_]+|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")


def features(prompt: Sequence[Row]) -> dict[str, str]:
    """Every measured attribute of a prompt, by the names of `NAMES`; the same prompt always gives the same."""
    turns = [message for message in prompt if message["role"] == "user"]
    last_user = _text(turns[-1]) if turns else _text(prompt[-1]) if prompt else ""
    text = "\n".join(_text(message) for message in prompt)
    has_documents = _has_documents(prompt) or looks_like_documents(text)
    has_code = looks_like_code(last_user)
    required = len(requirements(last_user))
    values = (
        task_of(Shape(text, last_user, has_documents, has_code)),
        domain_of(text),
        str(len(turns)),
        _band(last_user),
        str(required),
        _yes(required > 0),
        _yes(has_documents),
        _yes(has_code),
        _yes(any(message["role"] == "system" for message in prompt)),
        language_of(last_user),
    )
    return dict(zip(NAMES, values, strict=True))


def _text(message: Row) -> str:
    return "\n".join(part["text"] for part in message["content"] if part["text"])


def _has_documents(prompt: Sequence[Row]) -> bool:
    return any(part["type"] == "document" for message in prompt for part in message["content"])


def _band(text: str) -> str:
    words = len(_WORD.findall(text))
    return next((name for limit, name in BANDS if words <= limit), "very_long")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
