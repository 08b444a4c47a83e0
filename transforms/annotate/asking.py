"""One unit of an annotator that asks: its missing questions sent, answers and calls written after each batch."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prefcurate.transforms.annotate.annotator import Answer, AskedAnnotator, Question, annotation_rows
from prefcurate.transforms.annotate.chat import Asked, Request, same_call
from prefcurate.transforms.annotate.client import ChatSession
from prefcurate.transforms.annotate.desk import Account, Desk
from prefcurate.transforms.annotate.pending import Site, compacted, pending_parts, rows_of, steady
from prefcurate.transforms.annotate.questions import ASKED_AGAIN, Work, answered, key_of, next_attempt, unanswered
from prefcurate.transforms.annotate.reservations import Purse, settle_unit
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.parts import Part
from prefcurate.transforms.store.snapshot import Snapshot

TEXT_ROWS = 64
"""Comparisons whose texts are read at once."""


@dataclass
class Asking:
    """What a unit gave: its pending parts, what became of its questions, and the models that answered."""

    parts: list[Part]
    account: Account
    unparsed: int
    models: dict[str, int] = field(default_factory=dict)


def ask_unit(annotator: AskedAnnotator, work: Work, context: StageContext, lanes: int = 1) -> Asking:
    """Asks a unit's missing questions within its allotment.

    An engine may run it again after a crash: what the earlier attempt wrote is kept, and what it may have spent counts.

    Args:
        annotator: who is asked.
        work: the unit.
        context: of the stage and run.
        lanes: units that are worked at side by side; they share the concurrency.
    """
    site = Site(
        context.store,
        context.stage,
        work.snapshot.run_id,
        work.unit(work.snapshot.run_id),
        work.shard,
        work.annotator,
        annotator.fingerprint(),
        secrets.token_hex(8),
    )
    settle_unit(site)
    before = _spent_before(site)
    purse = Purse(None if work.allotment is None else work.allotment - before)
    known = steady(lambda: answered(annotator, work.snapshot, work.shard, _pending(site)))
    asked = _Asked(annotator, site, known)
    with ChatSession(annotator.chat, concurrency=max(1, annotator.chat.concurrency // lanes)) as session:
        desk = Desk(site, session, purse, _known_calls(work.snapshot, site), before)
        account = desk.ask(asked.requests(work), asked.keep)
    parts = [part for table in ("annotations", "calls") for part in compacted(site, table)]
    return Asking(parts, account, asked.unparsed, asked.models)


def _pending(site: Site, table: str = "annotations", unit: str = "") -> list[Part]:
    found = pending_parts(site.store, site.stage, table, site.shard)
    return [pending.part for pending in found if unit in ("", pending.unit)]


def _spent_before(site: Site) -> float:
    rows = steady(lambda: rows_of(_pending(site, "calls", site.unit), ["call_id", "price_usd"])).to_pylist()
    paid: dict[str, float] = {row["call_id"]: row["price_usd"] for row in rows}
    return sum(paid.values())


def _known_calls(snapshot: Snapshot, site: Site) -> set[str]:
    with snapshot.connect(["calls"], site.shard) as connection:
        query = "SELECT call_id FROM all_calls WHERE fingerprint = ?"
        known = {row[0] for row in connection.sql(query, params=[site.fingerprint]).fetchall()}
    pending = steady(lambda: rows_of(_pending(site, "calls"), ["call_id"]))
    return {same_call(call_id) for call_id in (*known, *pending["call_id"].to_pylist())}


@dataclass
class _Asked:
    """Turns questions into requests and replies into annotations."""

    annotator: AskedAnnotator
    site: Site
    known: dict[str, str]
    unparsed: int = 0
    models: dict[str, int] = field(default_factory=dict)
    # Only what is in flight: the question and the texts of each request.
    flying: dict[str, tuple[Question, tuple[str, str, str]]] = field(default_factory=dict)

    def requests(self, work: Work) -> Iterator[Request]:
        questions = unanswered(self.annotator, work.snapshot, work.shard, self.known, (work.first, work.last))
        for question, texts in with_texts(questions, work):
            yield self._request(question, texts)

    def _request(self, question: Question, texts: tuple[str, str, str]) -> Request:
        request = self.annotator.request(question, *texts)
        self.flying[request.key] = question, texts
        return request

    def keep(self, outcomes: Sequence[Asked]) -> list[Request]:
        answers: list[Answer] = []
        following: list[Request] = []
        for asked in outcomes:
            question, texts = self.flying.pop(asked.request.key)
            if asked.reply is None:
                continue
            model = asked.reply.model_returned or ""
            self.models[model] = self.models.get(model, 0) + 1
            answer = self.annotator.read(question, asked.reply)
            answers.append(answer)
            self.known[asked.request.key] = answer.parse_status
            again = next_attempt(question, self.site.fingerprint, self.known, self.annotator.max_attempts)
            if again is not None and again.attempt < self.annotator.max_attempts:
                following.append(self._request(again, texts))
            elif answer.parse_status in ASKED_AGAIN:
                self.unparsed += 1
        self.site.write("annotations", annotation_rows(self.annotator, answers))
        return following


def with_texts(questions: Iterator[Question], work: Work) -> Iterator[tuple[Question, tuple[str, str, str]]]:
    """Sorted questions with prompt and responses of their comparison, read as they are needed."""
    texts = _texts(work)
    key, found = ("", ""), ("", "", "")
    for question in questions:
        while key != key_of(question):
            *key_columns, prompt, response_a, response_b = next(texts)
            key, found = (key_columns[0], key_columns[1]), (prompt, response_a, response_b)
        yield question, found


def _texts(work: Work) -> Iterator[tuple[str, ...]]:
    with work.snapshot.connect(["comparisons"], work.shard) as connection:
        query = (
            "SELECT prompt_id, comparison_id, prompt_text, response_a_text, response_b_text FROM comparisons "
            "WHERE prompt_id BETWEEN ? AND ? ORDER BY prompt_id, comparison_id"
        )
        reader = connection.sql(query, params=[work.first[0], work.last[0]]).to_arrow_reader(TEXT_ROWS)
        for batch in reader:
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
