"""What asking would cost, before anybody is asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prefcurate.transforms.annotate.annotator import Annotator, AskedAnnotator
from prefcurate.transforms.annotate.pending import pending_parts
from prefcurate.transforms.annotate.questions import Work, answered, works
from prefcurate.transforms.store.snapshot import Snapshot

BYTES_PER_TOKEN = 4
"""Of English text, about; worst prices count a token for each byte."""
USUAL_TOKENS_OUT = 256
"""Of a verdict with its rationale, until the annotator's own calls tell."""


@dataclass(frozen=True, order=True)
class PlannedCalls:
    """What one annotator has not answered yet: questions, the tokens and USD that they will probably take, and at worst.

    The worst is one try of each question; a run never spends more than the caps whatever fails. `cap_usd` is the
    annotator's own, over the life of the store.
    """

    annotator: str
    questions: int
    tokens_in: int = 0
    tokens_out: int = 0
    expected_usd: float = 0.0
    worst_usd: float = 0.0
    cap_usd: float | None = None


def plan_questions(
    snapshot: Snapshot, annotators: Sequence[Annotator], stage: str = "annotate", known: Snapshot | None = None
) -> list[PlannedCalls]:
    """What each annotator would be asked now, without what dead runs left answered; pays nothing.

    Args:
        snapshot: pins the tables that the stage reads, `calls` and `annotations` among them.
        annotators: in the order of the configuration.
        stage: whose pending parts count as answered.
        known: the store that holds the answers, where it is another than that of the questions.
    """
    known = known or snapshot
    return [_planned(annotator, known, _missing(annotator, snapshot, known, stage)) for annotator in annotators]


def _missing(annotator: Annotator, snapshot: Snapshot, known: Snapshot, stage: str) -> list[Work]:
    missing: list[Work] = []
    for shard in range(snapshot.store.shards):
        pending = [p.part for p in pending_parts(known.store, stage, "annotations", shard)]
        missing += works(annotator, snapshot, shard, answered(annotator, known, shard, pending))
    return missing


def _planned(annotator: Annotator, snapshot: Snapshot, missing: Iterable[Work]) -> PlannedCalls:
    missing = list(missing)
    questions = sum(work.questions for work in missing)
    if not isinstance(annotator, AskedAnnotator):
        return PlannedCalls(annotator.annotator, questions)
    tokens_in = sum(work.tokens_in for work in missing) // BYTES_PER_TOKEN
    tokens_out = round(questions * _usual_tokens_out(annotator, snapshot))
    return PlannedCalls(
        annotator.annotator,
        questions,
        tokens_in,
        tokens_out,
        expected_usd=annotator.chat.price.usd(tokens_in, tokens_out),
        worst_usd=sum(work.worst_usd for work in missing),
        cap_usd=annotator.chat.budget,
    )


def _usual_tokens_out(annotator: AskedAnnotator, snapshot: Snapshot) -> float:
    with snapshot.connect(["calls"]) as connection:
        query = "SELECT avg(tokens_out) FROM all_calls WHERE fingerprint = ? AND status = 'ok'"
        mean = connection.sql(query, params=[annotator.fingerprint()]).fetchall()[0][0]
    return float(mean) if mean is not None else float(min(annotator.chat.max_tokens, USUAL_TOKENS_OUT))
