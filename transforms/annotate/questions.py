"""Which questions nobody has answered yet, cut into units of work."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.annotate.annotator import Annotator, AskedAnnotator, Question
from prefcurate.transforms.annotate.chat import token_bound
from prefcurate.transforms.annotate.pending import rows_of
from prefcurate.transforms.store.parts import Part
from prefcurate.transforms.store.snapshot import Snapshot

ASKED_AGAIN = frozenset({"unparsed", "empty"})
UNIT_SECONDS = 300
SECONDS_PER_CALL = 4
"""A guess, only for cutting units."""
LOCAL_UNIT_QUESTIONS = 16_384

Key = tuple[str, str]
"""prompt_id and comparison_id: the order of questions."""


@dataclass(frozen=True)
class Work:
    """A unit: one annotator's missing questions in a range of keys of one shard, about five minutes of asking.

    Attributes:
        snapshot: what the stage reads.
        shard: the shard.
        annotator: its name in the tables.
        first, last: the range of keys, both included.
        questions: how many are missing.
        tokens_in: an upper bound of their input tokens; 0 where nobody is asked.
        worst_usd: what one try of each costs at most.
        allotment: USD that it may spend; None without a cap.
        artefact: address of what the annotator was fitted to, if it was.
    """

    snapshot: Snapshot
    shard: int
    annotator: str
    first: Key
    last: Key
    questions: int
    tokens_in: int = 0
    worst_usd: float = 0.0
    allotment: float | None = None
    artefact: str | None = None

    def unit(self, run_id: str) -> str:
        """A stable name within a run."""
        return stable_hash("unit", run_id, self.annotator, self.shard, self.first, self.last)[:20]


def answered(annotator: Annotator, snapshot: Snapshot, shard: int, pending: Iterable[Part] = ()) -> dict[str, str]:
    """The parse status by annotation id of all answers under the annotator's fingerprint, committed or in pending parts."""
    fingerprint = annotator.fingerprint()
    with snapshot.connect(["annotations"], shard) as connection:
        query = "SELECT annotation_id, parse_status FROM all_annotations WHERE fingerprint = ?"
        found = dict(connection.sql(query, params=[fingerprint]).fetchall())
    rows = rows_of(pending, ["annotation_id", "parse_status", "fingerprint"])
    for row in rows.to_pylist():
        if row["fingerprint"] == fingerprint:
            found.setdefault(row["annotation_id"], row["parse_status"])
    return found


def unanswered(
    annotator: Annotator,
    snapshot: Snapshot,
    shard: int,
    known: Mapping[str, str],
    within: tuple[Key, Key] | None = None,
) -> Iterator[Question]:
    """The annotator's questions that have no answer, or none that could be read and a further attempt left."""
    fingerprint = annotator.fingerprint()
    attempts = annotator.max_attempts if isinstance(annotator, AskedAnnotator) else 1
    for question in annotator.questions(snapshot, shard):
        if within is not None and key_of(question) > within[1]:
            return
        if within is None or within[0] <= key_of(question):
            following = next_attempt(question, fingerprint, known, attempts)
            if following is not None:
                yield following


def next_attempt(question: Question, fingerprint: str, known: Mapping[str, str], attempts: int) -> Question | None:
    """The first attempt that was not made, or None when one was read or all were made."""
    for _ in range(attempts):
        status = known.get(question.annotation_id(fingerprint))
        if status is None:
            return question
        if status not in ASKED_AGAIN:
            return None
        question = question.again()
    return None


def key_of(question: Question) -> Key:
    """What questions are sorted by."""
    return question.prompt_id, question.comparison_id


def works(annotator: Annotator, snapshot: Snapshot, shard: int, known: Mapping[str, str]) -> Iterator[Work]:
    """The missing questions of a shard as units; a comparison's questions are never in two of them."""
    lengths = text_bytes(snapshot, shard) if isinstance(annotator, AskedAnnotator) else {}
    unit: list[Question] = []
    for question in unanswered(annotator, snapshot, shard, known):
        if len(unit) >= unit_size(annotator) and key_of(question) != key_of(unit[-1]):
            yield _work(annotator, snapshot, shard, unit, lengths)
            unit = []
        unit.append(question)
    if unit:
        yield _work(annotator, snapshot, shard, unit, lengths)


def unit_size(annotator: Annotator) -> int:
    """Questions of about five minutes."""
    if isinstance(annotator, AskedAnnotator):
        return max(1, annotator.chat.concurrency * UNIT_SECONDS // SECONDS_PER_CALL)
    return LOCAL_UNIT_QUESTIONS


def _work(
    annotator: Annotator, snapshot: Snapshot, shard: int, unit: Sequence[Question], lengths: Mapping[str, int]
) -> Work:
    tokens, usd = 0, 0.0
    if isinstance(annotator, AskedAnnotator):
        empty = token_bound(annotator.request(unit[0], "", "", ""))
        tokens = sum(empty + lengths[question.comparison_id] for question in unit)
        usd = annotator.chat.price.usd(tokens, len(unit) * annotator.chat.max_tokens)
    return Work(
        snapshot,
        shard,
        annotator.annotator,
        key_of(unit[0]),
        key_of(unit[-1]),
        len(unit),
        tokens_in=tokens,
        worst_usd=usd,
    )


def text_bytes(snapshot: Snapshot, shard: int) -> dict[str, int]:
    """Bytes of prompt and both responses by comparison id."""
    with snapshot.connect(["comparisons"], shard) as connection:
        query = "SELECT comparison_id, strlen(prompt_text) + strlen(response_a_text) + strlen(response_b_text) FROM comparisons"
        return dict(connection.sql(query).fetchall())
