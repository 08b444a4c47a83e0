"""From a pair as its source gives it (first and second) to the stored form (response_a is the one with the smaller id)."""

import json
from typing import Any

import pyarrow as pa

from prefcurate.schemas import canonical
from prefcurate.schemas.records import (
    GivenLabel,
    GivenMaterial,
    GivenPair,
    GivenRating,
    GivenSpan,
    Label,
    Message,
    Order,
    Verdict,
    render,
)
from prefcurate.schemas.tables import TABLES

_KEYS = ("prompt_id", "comparison_id", "occurrence_id", "row_hash", "fingerprint")


def _structs(table: str, *left_out: str) -> pa.DataType:
    fields = [field for field in TABLES[table].schema if field.name not in (*_KEYS, *left_out)]
    return pa.list_(pa.struct([pa.field("index", pa.int64()), *fields]))


_OCCURRENCE = [
    f for f in TABLES["occurrences"].schema if f.name not in ("prompt_id", "comparison_id", "occurrence_id", "repeat")
]
STAGED = pa.schema(
    [
        *TABLES["comparisons"].schema.remove_metadata(),
        *_OCCURRENCE,
        pa.field("shard", pa.int32()),
        pa.field("pair", pa.int64()),  # index of the pair in its row
        pa.field("annotations", _structs("annotations", "annotation_id", "call_id", "rubric_id", "attempt")),
        pa.field("ratings", _structs("ratings", "rating_id")),
        pa.field("spans", _structs("spans", "span_id")),
        pa.field("materials", _structs("materials", "material_id")),
    ]
)
"""One pair of one input row, with everything said about it, on its way to its shard. Ids of facts are not yet known:
they depend on how many identical rows the source has.

Where a message of one part says the same as its text, `prompt_text`, `response_a_text` or `response_b_text` is null (`slim`), and
is read from the message again (`TEXTS`)."""
NO_COMPARISON = ""
"""Instead of a comparison's id, in staged rows and in `occurrences`: the row is about its prompt alone."""
TEXTS = {
    text: f"coalesce({text}, {text.removesuffix('_text')}[1].content[1].text)"
    for text in ("prompt_text", "response_a_text", "response_b_text")
}
"""How DuckDB reads the three texts of a staged row."""


def slim(pair: dict[str, Any]) -> dict[str, Any]:
    """A row of `STAGED` without texts that stand in it twice: most of what is written, and read once."""
    return pair | {text: None for text, messages in _MESSAGES_OF.items() if _stands_in(pair[messages], pair[text])}


_MESSAGES_OF = {text: text.removesuffix("_text") for text in TEXTS}


def _stands_in(messages: list[dict[str, Any]], text: str) -> bool:
    return len(messages) == 1 and len(messages[0]["content"]) == 1 and messages[0]["content"][0]["text"] == text


def row_hash(identity: Any) -> str:
    """Hash of what a row says; identical rows have the same."""
    return canonical.stable_hash("row", json.dumps(identity, sort_keys=True, default=repr))


def orient(pair: GivenPair, source: str) -> dict[str, Any]:
    """The comparison's columns and the facts about it, all in stored orientation.

    Raises:
        ValueError: text that no UTF-8 file can store, or a prompt or a response without any message.
    """
    prompt, first, second = (canonical.canonical_messages(m) for m in (pair.prompt, pair.first, pair.second))
    if not prompt or not first or not second:
        raise ValueError("the prompt or a response has no message")
    prompt_id = canonical.prompt_id(prompt)
    first_id, second_id = canonical.response_id(first), canonical.response_id(second)
    reversed_ = second_id < first_id
    a, b = (second, first) if reversed_ else (first, second)
    a_id, b_id = sorted((first_id, second_id))
    models = (pair.model_second, pair.model_first) if reversed_ else (pair.model_first, pair.model_second)
    ids = {"first": first_id, "second": second_id}
    return {
        "prompt_id": prompt_id,
        "comparison_id": canonical.comparison_id(prompt_id, a_id, b_id),
        "conversation_id": canonical.conversation_id(prompt),
        "prompt": [m.as_row() for m in prompt],
        "prompt_text": render(prompt),
        "response_a": [m.as_row() for m in a],
        "response_b": [m.as_row() for m in b],
        "response_a_id": a_id,
        "response_b_id": b_id,
        "response_a_text": render(a),
        "response_b_text": render(b),
        "origin": "data",
        "group_id": pair.group_id,
        "reversed": reversed_,
        "model_a": models[0],
        "model_b": models[1],
        "facts": len(pair.labels) + len(pair.ratings) + len(pair.spans) + len(pair.materials),
        "annotations": [orient_label(label, source, reversed_) | {"index": i} for i, label in enumerate(pair.labels)],
        "ratings": [_rating(r, source, ids) | {"index": i} for i, r in enumerate(pair.ratings)],
        "spans": [_span(s, source, ids) | {"index": i} for i, s in enumerate(pair.spans)],
        "materials": [_material(m) | {"index": i} for i, m in enumerate(pair.materials)],
    }


def orient_materials(prompt: tuple[Message, ...], materials: tuple[GivenMaterial, ...]) -> dict[str, Any]:
    """A row of `STAGED` about a prompt alone: no comparison, and no text but that of the materials.

    Raises:
        ValueError: text that no UTF-8 file can store, or a prompt without any message.
    """
    messages = canonical.canonical_messages(prompt)
    if not messages:
        raise ValueError("the prompt has no message")
    texts: dict[str, Any] = dict.fromkeys(TEXTS, "") | {text.removesuffix("_text"): [] for text in TEXTS}
    facts: dict[str, Any] = {"annotations": [], "ratings": [], "spans": []}
    return (
        texts
        | facts
        | {
            "prompt_id": canonical.prompt_id(messages),
            "comparison_id": NO_COMPARISON,
            "conversation_id": canonical.conversation_id(messages),
            "response_a_id": "",
            "response_b_id": "",
            "origin": "data",
            "reversed": False,
            "facts": len(materials),
            "materials": [_material(m) | {"index": i} for i, m in enumerate(materials)],
        }
    )


def orient_label(given: GivenLabel, source: str, reversed_: bool) -> dict[str, Any]:
    """An annotation about a and b out of one about first and second; ``reversed_`` when the second is response_a."""
    label = None if given.verdict is None else _label(given.verdict, reversed_)
    p_a = given.p_first if given.p_first is None or not reversed_ else 1.0 - given.p_first
    return {
        "annotator": f"{given.kind}:{source}/{given.annotator}",
        "kind": given.kind,
        # A model is one family wherever its verdicts come from; a person is known only within a source.
        "family": given.family
        or (f"{source}/{given.annotator}" if given.kind == "person" else given.annotator.lower()),
        "label": None if label is None else str(label),
        "p_a": p_a,
        "strength": _strength(given, label, reversed_),
        "order_shown": _order(given.order, reversed_),
        "sample": given.sample,
        "attribute": given.attribute,
        "context": given.context,
        "principle": given.principle,
        "judgement_id": given.judgement,
        "rationale": given.rationale,
        "raw_output": given.raw_output,
        "parse_status": given.parse_status,
        "asked_by": given.asked_by,
        "inclusion_p": given.inclusion_p,
        "answered_at": given.answered_at,
        "seconds": given.seconds,
    }


def _label(verdict: Verdict, reversed_: bool) -> Label:
    if verdict is Verdict.FIRST:
        return Label.B if reversed_ else Label.A
    if verdict is Verdict.SECOND:
        return Label.A if reversed_ else Label.B
    return Label(str(verdict))


def _order(order: Order, reversed_: bool) -> str:
    if order is Order.UNKNOWN:
        return "unknown"
    return "ab" if (order is Order.FIRST_SHOWN_FIRST) != reversed_ else "ba"


def _strength(given: GivenLabel, label: Label | None, reversed_: bool) -> float | None:
    # Some sources sign the strength and some give its size: the verdict knows the direction.
    if given.strength is None:
        return None
    if label is Label.A:
        return abs(given.strength)
    if label is Label.B:
        return -abs(given.strength)
    return -given.strength if reversed_ else given.strength


def _rating(given: GivenRating, source: str, ids: dict[str, str]) -> dict[str, Any]:
    return {
        "response_id": ids[given.of],
        "annotator": f"{given.kind}:{source}/{given.annotator}",
        "kind": given.kind,
        "attribute": given.attribute,
        "value": given.value,
        "scale_min": given.scale_min,
        "scale_max": given.scale_max,
        "sample": given.sample,
        "rationale": given.rationale,
    }


def _span(given: GivenSpan, source: str, ids: dict[str, str]) -> dict[str, Any]:
    return {
        "response_id": ids[given.of],
        "annotator": f"{given.kind}:{source}/{given.annotator}",
        "kind": given.kind,
        "attribute": given.attribute,
        "label": given.label,
        "start": given.start,
        "end": given.end,
        "text": given.text,
    }


def _material(given: GivenMaterial) -> dict[str, Any]:
    return {"kind": given.kind, "text": given.text}
