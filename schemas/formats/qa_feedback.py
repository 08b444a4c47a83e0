"""Fine-grained QA feedback: four answers, a ranking in pairs, error spans on the first (Wu et al. 2023, arXiv:2306.01693).

The prompt is the given passages, as documents, and the question. The human-written answer (`gold`) becomes reference
material. `corrected-prediction` and `missing-info` are about the first answer alone and are left out.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from prefcurate.schemas.canonical import canonical_text, stable_hash
from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.formats.rows import RowError, assistant, input_rows, list_in, object_of, text_in, value_in
from prefcurate.schemas.formats.spans import canonical_span
from prefcurate.schemas.records import (
    GivenLabel,
    GivenMaterial,
    GivenPair,
    GivenSpan,
    InputRow,
    Message,
    Pairs,
    Part,
    Verdict,
)

PAIRS = tuple(itertools.combinations(range(4), 2))
"""The pairs of answers that the six preferences are about, in their order: (1,2), (1,3), (1,4), (2,3), (2,4), (3,4)."""
ANNOTATOR = "anonymous"
_VERDICTS = {1: Verdict.FIRST, 2: Verdict.SECOND, 0: Verdict.TIE}


class QaFeedbackReader(Reader):
    """Each question is one row of six pairs that share one judgement; its error spans go with the first pair."""

    format: ClassVar[str] = "qa_feedback"

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every question of the unit's file, in file order."""
        with open_file(unit.file) as stream:
            yield from input_rows(stream, _pairs)


def _pairs(row: Mapping[str, Any]) -> Pairs:
    texts = [text_in(row, f"prediction {number}") for number in (1, 2, 3, 4)]
    verdicts = _preference(row)
    spans = tuple(_spans(row, texts[0]))
    prompt = _prompt(row)
    reference = row.get("gold")
    materials = (GivenMaterial("reference", reference),) if isinstance(reference, str) and reference.strip() else ()
    group = stable_hash("qa_feedback", row)
    return Pairs(
        tuple(
            GivenPair(
                prompt,
                assistant(texts[first]),
                assistant(texts[second]),
                labels=(GivenLabel(ANNOTATOR, "person", verdict, judgement="preference"),),
                spans=spans if (first, second) == PAIRS[0] else (),
                materials=materials,
                group_id=group,
            )
            for (first, second), verdict in zip(PAIRS, verdicts, strict=True)
        )
    )


def _prompt(row: Mapping[str, Any]) -> tuple[Message, ...]:
    """One user turn: a document for each passage (title, then its sentences), and the question."""
    documents = []
    for passage in list_in(row, "passages"):
        if not isinstance(passage, list) or not all(isinstance(text, str) for text in passage):
            raise RowError("wrong type", "'passages' should be lists of a title and sentences")
        title, sentences = passage[:1], passage[1:]
        documents.append(Part("document", "\n".join([*title, " ".join(sentences)]).strip()))
    question = Part("text", text_in(row, "question", empty=False))
    return (Message("user", (*(d for d in documents if d.text), question)),)


def _preference(row: Mapping[str, Any]) -> list[Verdict]:
    values = list_in(row, "preference")
    if len(values) != len(PAIRS):
        raise RowError("unknown label", f"'preference' has {len(values)} values; six pairs need six")
    verdicts = [_VERDICTS.get(value) if type(value) is int else None for value in values]
    known = [verdict for verdict in verdicts if verdict is not None]
    if len(known) < len(values):
        raise RowError("unknown label", f"'preference' is {values!r}; each should be 1, 2 or 0")
    return known


def _spans(row: Mapping[str, Any], text: str) -> Iterator[GivenSpan]:
    feedback = object_of(value_in(row, "feedback"), "'feedback'")
    for error in list_in(feedback, "errors"):
        error = object_of(error, "an error")
        start, end, label = value_in(error, "start"), value_in(error, "end"), text_in(error, "error type")
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
            raise RowError("span outside the text", f"{start!r} to {end!r} in an answer of {len(text)} characters")
        moved = canonical_span(text, start, end)
        if moved is not None:
            start, end = moved
            marked = canonical_text(text)[start:end]
            yield GivenSpan("first", ANNOTATOR, "person", "error", label, start, end, marked)
