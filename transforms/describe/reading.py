"""What a chat model is asked about a prompt, and how its answer is read."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from prefcurate.schemas.canonical import canonical_json, stable_hash
from prefcurate.transforms.annotate.chat import Message
from prefcurate.transforms.annotate.replies import json_objects
from prefcurate.transforms.annotate.templates import cut, fill
from prefcurate.transforms.describe.task import DOMAINS, TASKS

CHOICES: Mapping[str, tuple[str, ...]] = {
    "task": TASKS,
    "domain": (*DOMAINS, "general"),
    "objectivity": ("objective", "mixed", "subjective"),
    "difficulty": ("easy", "medium", "hard"),
}
"""Attributes with a fixed set of values: those of the measured features where they have the same name."""
MOST_CONSTRAINTS = 12
LONGEST_CONSTRAINT = 200
SCHEMA = canonical_json(
    {
        "type": "object",
        "properties": {
            **{name: {"type": "string", "enum": list(values)} for name, values in CHOICES.items()},
            "constraints": {"type": "array", "items": {"type": "string"}},
        },
        "required": [*CHOICES, "constraints"],
        "additionalProperties": False,
    }
)


@cache
def template() -> str:
    """The text of ``prompts/describe.md``."""
    return (resources.files("prefcurate.transforms.describe") / "prompts" / "describe.md").read_text(encoding="utf-8")


def description_messages(prompt_id: str, prompt: str, most_characters: int) -> tuple[Message, ...]:
    """Asks what kind of prompt it is."""
    return fill(
        template(),
        mark=stable_hash("mark", prompt_id)[:12],
        tasks=", ".join(CHOICES["task"]),
        domains=", ".join(CHOICES["domain"]),
        prompt=cut(prompt, most_characters),
    )


def read_description(text: str) -> dict[str, str] | None:
    """The attributes in a model's text: the last JSON object that names all of them with values that are known, else None.

    `constraints` becomes a JSON list; entries that are no text or too long are left out.
    """
    found = [values for answer in json_objects(text) if (values := _values(answer)) is not None]
    return found[-1] if found else None


def _values(answer: Mapping[str, object]) -> dict[str, str] | None:
    chosen = {name: str(answer.get(name)).strip().lower() for name in CHOICES}
    constraints = answer.get("constraints")
    if not isinstance(constraints, list) or any(value not in CHOICES[name] for name, value in chosen.items()):
        return None
    entries = (re.sub(r"\s+", " ", entry).strip() for entry in constraints if isinstance(entry, str))
    kept = dict.fromkeys(entry for entry in entries if 0 < len(entry) <= LONGEST_CONSTRAINT)
    return {**chosen, "constraints": canonical_json(list(kept)[:MOST_CONSTRAINTS])}
