"""Rubrics written by a chat model from contrasting responses: what it is asked, and how its answers are read.

Contrastive rubric generation with hard rules and principles, and keeping a rubric only when a judge that uses it meets the
preference, follow OpenRubrics (Liu et al. 2025, arXiv:2510.07743). We differ in what is shown and tested: a rubric is written for a theme
from several pairs, and must hold on pairs of other prompt clusters, with a lower bound, not on the pair it was written from.
What the model writes is text: it is shown to judges between marks and never obeyed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from prefcurate.schemas.canonical import canonical_json, stable_hash, unit_interval
from prefcurate.transforms.annotate.annotator import OrderShown
from prefcurate.transforms.annotate.chat import Message
from prefcurate.transforms.annotate.replies import json_objects
from prefcurate.transforms.annotate.templates import cut, fill
from prefcurate.transforms.rubrics.contrasts import Contrast, part_of

MOST_ENTRIES = 8
"""Entries of a list that are read; more is no rubric but an essay."""
LONGEST_ENTRY = 300
SCHEMA = canonical_json(
    {
        "type": "object",
        "properties": {
            "hard_rules": {"type": "array", "items": {"type": "string"}},
            "principles": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["hard_rules", "principles"],
        "additionalProperties": False,
    }
)
Texts = Mapping[str, tuple[str, str, str]]
"""Prompt, response_a and response_b by comparison_id."""


@dataclass(frozen=True)
class Plan:
    """What a rubric of a theme is written from (`shown`), and what it must hold on (`held_out`): other prompt clusters."""

    theme: str
    shown: tuple[Contrast, ...]
    held_out: tuple[Contrast, ...]


@dataclass(frozen=True)
class Draft:
    """A rubric as a model wrote it."""

    hard_rules: tuple[str, ...]
    principles: tuple[str, ...]

    @property
    def draft_id(self) -> str:
        """Of what it says."""
        return stable_hash("rubric draft", self.hard_rules, self.principles)


def plan(theme: str, contrasts: Sequence[Contrast], shown: int, held_out: int, seed: int) -> Plan | None:
    """Which pairs of a theme are shown and which are held out, one a cluster first; None with too few clusters for both."""
    sides = {
        part: _spread([c for c in contrasts if part_of(seed, c.cluster) == part], seed)
        for part in ("propose", "validate")
    }
    if not sides["propose"] or not sides["validate"]:
        return None
    return Plan(theme, tuple(sides["propose"][:shown]), tuple(sides["validate"][:held_out]))


def _spread(contrasts: Sequence[Contrast], seed: int) -> list[Contrast]:
    """In an order by chance in which no cluster comes a second time before every one came once."""
    seen: dict[str, int] = {}
    ranked = []
    drawn = sorted(contrasts, key=lambda c: (unit_interval(seed, c.comparison_id, "rubric pairs"), c.comparison_id))
    for contrast in drawn:
        seen[contrast.cluster] = seen.get(contrast.cluster, 0) + 1
        ranked.append((seen[contrast.cluster], contrast))
    return [contrast for _, contrast in sorted(ranked, key=lambda pair: pair[0])]


def generation_messages(plan: Plan, texts: Texts, most_characters: int) -> tuple[Message, ...]:
    """Asks for the rules and principles that separate the preferred from the rejected responses of a plan's pairs."""
    mark = stable_hash("mark", [c.comparison_id for c in plan.shown])[:12]
    pairs = []
    for number, contrast in enumerate(plan.shown, start=1):
        prompt, a, b = (cut(text, most_characters) for text in texts[contrast.comparison_id])
        preferred, rejected = (a, b) if contrast.label > 0 else (b, a)
        named = {"conversation": prompt, "preferred response": preferred, "rejected response": rejected}
        pairs += [
            f"[{mark} {name} {number} begins]\n{text}\n[{mark} {name} {number} ends]" for name, text in named.items()
        ]
    return fill(template("generate"), mark=mark, theme=plan.theme, most=str(MOST_ENTRIES), pairs="\n\n".join(pairs))


def judge_messages(
    draft: Draft, comparison_id: str, order: OrderShown, texts: Texts, most_characters: int
) -> tuple[Message, ...]:
    """Asks which response of a pair meets a rubric better, the responses in the order shown."""
    prompt, a, b = (cut(text, most_characters) for text in texts[comparison_id])
    first, second = (a, b) if order == "ab" else (b, a)
    mark = stable_hash("mark", draft.draft_id, comparison_id)[:12]
    return fill(template("judge"), mark=mark, criteria=written(draft), prompt=prompt, first=first, second=second)


def written(draft: Draft) -> str:
    """A rubric as it is shown to a judge."""
    lists = {"Hard rules": draft.hard_rules, "Principles": draft.principles}
    return "\n\n".join(
        f"{name}:\n" + "\n".join(f"- {e}" for e in entries) for name, entries in lists.items() if entries
    )


def parse_draft(text: str) -> Draft | None:
    """The rubric in a model's text: the last JSON object with both lists; None where there is none that says anything."""
    drafts = [_draft(value) for value in json_objects(text) if {"hard_rules", "principles"} <= value.keys()]
    return drafts[-1] if drafts else None


def _draft(value: Mapping[str, object]) -> Draft | None:
    lists = [_entries(value[name]) for name in ("hard_rules", "principles")]
    return Draft(*lists) if any(lists) else None


def _entries(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    entries = (re.sub(r"\s+", " ", entry).strip() for entry in value if isinstance(entry, str))
    kept = dict.fromkeys(entry for entry in entries if 0 < len(entry) <= LONGEST_ENTRY)
    return tuple(kept)[:MOST_ENTRIES]


@cache
def template(name: str) -> str:
    """The text of ``prompts/<name>.md`` of this package."""
    return (resources.files("prefcurate.transforms.rubrics") / "prompts" / f"{name}.md").read_text(encoding="utf-8")
