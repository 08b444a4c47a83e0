"""The pairs that the page shows, with who said what about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prefcurate.schemas.canonical import shard_of
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.labels import gold_labels
from prefcurate.transforms.publish.story import PairStory, tell
from prefcurate.transforms.report.shard import Candidate
from prefcurate.transforms.report.words import KINDS, says
from prefcurate.transforms.store.snapshot import Snapshot

_TEXT = 900
_OPINIONS = 10
_ORDERS = {"ab": " (A shown first)", "ba": " (B shown first)"}


@dataclass(frozen=True)
class Opinion:
    """What one annotator said, in words."""

    who: str
    kind: str
    order: str
    said: str
    why: str


@dataclass(frozen=True)
class Example:
    """One pair for the page. Texts are clipped, and not yet escaped."""

    comparison_id: str
    decision: str
    came: str
    made: str
    gold: str | None
    reason: str
    certain: float
    prompt: str
    a: str
    b: str
    opinions: tuple[Opinion, ...]
    more: int
    """Opinions that are not listed."""


def read_examples(snapshot: Snapshot, candidates: Iterable[Candidate], gold: GoldOptions) -> tuple[Example, ...]:
    """Reads what is shown of a few pairs."""
    shards = snapshot.store.shards
    return tuple(
        example(
            tell(snapshot, found.comparison_id, found.prompt_id),
            gold_labels(snapshot, gold, "audit", shard_of(found.prompt_id, shards)).get(found.comparison_id),
        )
        for found in candidates
    )


def example(story: PairStory, gold: str | None) -> Example:
    """One pair from its story; it must have been decided."""
    row = story.decision
    assert row is not None
    about = [said for said in story.annotations if said["attribute"] == "overall" and said["label"] is not None]
    about.sort(key=lambda said: said["kind"] != "person")
    pair = story.comparison
    return Example(
        comparison_id=pair["comparison_id"],
        decision=row["decision"],
        came=says(row["label_in"]),
        made=says(row["label"]),
        gold=None if gold is None else says(gold),
        reason=row["reason"] or "",
        certain=max(row["p_a"], row["p_b"]),
        prompt=_clip(pair["prompt_text"]),
        a=_clip(pair["response_a_text"]),
        b=_clip(pair["response_b_text"]),
        opinions=tuple(_opinion(said) for said in about[:_OPINIONS]),
        more=max(0, len(about) - _OPINIONS),
    )


def _opinion(said: Mapping[str, Any]) -> Opinion:
    kind = KINDS.get(said["kind"], said["kind"])
    why = _clip(" ".join((said["rationale"] or "").split()), 240)
    return Opinion(said["annotator"], kind, _ORDERS.get(said["order_shown"], ""), says(said["label"]), why)


def _clip(text: str, length: int = _TEXT) -> str:
    rest = len(text) - length
    return text if rest <= 0 else f"{text[:length].rstrip()} … ({rest:,} more characters)"
