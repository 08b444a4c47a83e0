"""Prompt templates: files of this package, filled in one pass so that no text can reach into the template."""

import hashlib
import re
from functools import cache
from importlib import resources
from string import Template

from prefcurate.transforms.annotate.chat import Message

_ROLES = {"system", "user", "assistant"}


@cache
def template(name: str) -> str:
    """The text of ``prompts/<name>.md``.

    Raises:
        FileNotFoundError: there is no such template.
    """
    found = resources.files("prefcurate.transforms.annotate") / "prompts" / f"{name}.md"
    return found.read_text(encoding="utf-8")


@cache
def template_hash(name: str) -> str:
    """For fingerprints: another prompt is another annotator."""
    return hashlib.sha256(template(name).encode()).hexdigest()


def fill(text: str, **values: str) -> tuple[Message, ...]:
    """A template's messages (each after a line ``=== role ===``) with ``$name`` replaced; values are not looked into again.

    Raises:
        KeyError: the template names a value that is not given.
        ValueError: the template has no messages, or one of an unknown role.
    """
    pieces = re.split(r"^=== (\w+) ===\n", text, flags=re.MULTILINE)[1:]
    if not pieces or not _ROLES.issuperset(pieces[::2]):
        raise ValueError(f"a template needs lines like '=== user ===' with roles {sorted(_ROLES)}, not {pieces[::2]}")
    filled = (Template(body.strip()).substitute(values) for body in pieces[1::2])
    return tuple(Message(role, body) for role, body in zip(pieces[::2], filled, strict=True))  # type: ignore[arg-type]


def cut(text: str, most: int) -> str:
    """A text of at most about ``most`` characters: what is longer loses its middle, and says so."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
