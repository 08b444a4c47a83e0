"""The demands of a prompt that a program can verify, read from its words with precision before recall."""

from dataclasses import replace

from prefcurate.transforms.measures.passage import Passage
from prefcurate.transforms.measures.read_counts import read_counts
from prefcurate.transforms.measures.read_format import read_format
from prefcurate.transforms.measures.read_words import read_words
from prefcurate.transforms.measures.requirement import Requirement

ALGORITHM = 1
"""Raised by hand when the same prompt would be read otherwise, or the same response judged otherwise."""

_MORE_EXACT: dict[str, tuple[str, ...]] = {
    "bullet list": ("bullets",),
    "numbered list": ("numbered items",),
    "sections": ("named headings",),
}


def requirements(prompt: str) -> tuple[Requirement, ...]:
    """Every demand found in a prompt, in the order of its place, each once; English only.

    A wrong demand does more harm than a missed one: a number without “exactly”, “at least” and the like counts only where
    something is said to have so many; what is demanded of parts (“each section …”) is left out where no check exists.
    """
    passage = Passage.of(prompt)
    found = [*read_counts(passage), *read_words(passage), *read_format(passage)]
    kinds = {requirement.kind for requirement in found}
    if "divider" in kinds:
        found = [replace(r, kind="divided paragraphs") if r.kind == "paragraphs" else r for r in found]
    found = [r for r in found if not kinds.intersection(_MORE_EXACT.get(r.kind, ()))]
    unique = {(r.kind, r.arguments): r for r in reversed(found)}
    return tuple(sorted(unique.values(), key=lambda r: (r.start, r.end, r.kind)))
