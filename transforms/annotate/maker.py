"""Questions of other stages than `annotate` put to a chat model: asked once, answers kept beside every other annotation.

What the model wrote and each verdict are rows of `annotations` under fingerprints of their own, which take part in no
view: a rubric was made from a pair's label, so its verdicts must not vote on the pair; what kind of prompt it is is no vote at all.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from prefcurate.schemas.records import ParseStatus
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.annotator import Question
from prefcurate.transforms.annotate.chat import Asked, ChatOptions, Message, Reply, Request, same_call
from prefcurate.transforms.annotate.client import ChatSession
from prefcurate.transforms.annotate.desk import Account, Desk
from prefcurate.transforms.annotate.judge import status_of
from prefcurate.transforms.annotate.money import Caps, purse_for
from prefcurate.transforms.annotate.pending import Site, pending_parts, rows_of, steady
from prefcurate.transforms.annotate.reservations import settle_unit
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.parts import Part
from prefcurate.transforms.store.snapshot import Snapshot

TABLES_OF_ASKING = ("annotations", "calls")
_COLUMNS = ["annotation_id", "parse_status", "raw_output"]


@dataclass(frozen=True)
class Query:
    """A question with what is sent for it, whose fingerprint it bears, and whether a text answers it."""

    question: Question
    fingerprint: str
    messages: Callable[[], tuple[Message, ...]]
    schema: str
    readable: Callable[[str], bool]


@dataclass
class Maker:
    """Asks the queries of one stage's run and remembers every answer, of earlier runs and dead ones too.

    Args:
        options: the chat model.
        name: the annotator's name in the tables.
        context: of the stage and run.
        snapshot: with `TABLES_OF_ASKING` pinned.
        max_attempts: how often a question is asked whose answers cannot be read.
        fingerprint: of the asker, for `calls`.
        total: the cap of the whole store in USD.
        shard: of all its rows; 0 for questions that are about no single prompt, whose `prompt_id` is empty.
    """

    options: ChatOptions
    name: str
    context: StageContext
    snapshot: Snapshot
    max_attempts: int
    fingerprint: str
    total: float | None = None
    shard: int = 0
    known: dict[str, tuple[str, str]] = field(default_factory=dict)
    account: Account = field(default_factory=Account)

    def __post_init__(self) -> None:
        context = self.context
        unit = f"{context.stage}-{self.shard}"
        attempt = secrets.token_hex(8)
        self.site = Site(
            context.store, context.stage, self.snapshot.run_id, unit, self.shard, self.name, self.fingerprint, attempt
        )
        settle_unit(self.site)
        each = {} if self.options.budget is None else {self.name: self.options.budget}
        self.purse = purse_for(context.store, context.stage, self.snapshot.run_id, self.name, Caps(self.total, each))
        self.known = {row["annotation_id"]: (row["parse_status"], row["raw_output"] or "") for row in self._answers()}

    def answer(self, query: Query) -> str | None:
        """The text that answers a query, where there is a readable one."""
        for attempt in self._attempts(query):
            status, text = self.known.get(attempt.annotation_id(query.fingerprint), ("", ""))
            if status == "ok" and query.readable(text):
                return text
        return None

    def ask(self, queries: Iterable[Query]) -> None:
        """Asks what has no answer yet; afterwards `answer` knows more, unless the money or the endpoint gave out."""
        queries = [query for query in queries if self._open(query) is not None]
        if not queries:
            return
        flying: dict[str, Query] = {}
        spent = sum(
            {row["call_id"]: row["price_usd"] for row in self._pending("calls", ["price_usd", "call_id"])}.values()
        )
        with ChatSession(self.options) as session:
            desk = Desk(self.site, session, self.purse, self._known_calls(), spent)
            desk.ask(self._requests(queries, flying), lambda outcomes: self._keep(outcomes, flying))
        self.account = desk.account

    def unasked(self, query: Query) -> bool:
        """Whether a query could still be asked: it has no readable answer, and attempts are left."""
        return self._open(query) is not None

    def parts(self) -> Iterator[Part]:
        """Everything pending of the stage in the shard: of this run, and what dead runs left."""
        for table in TABLES_OF_ASKING:
            yield from (p.part for p in pending_parts(self.site.store, self.site.stage, table, self.shard))

    def _attempts(self, query: Query) -> Iterator[Question]:
        question = query.question
        for _ in range(self.max_attempts):
            yield question
            question = question.again()

    def _open(self, query: Query) -> Question | None:
        if self.answer(query) is not None:
            return None
        asked = self._attempts(query)
        return next((q for q in asked if q.annotation_id(query.fingerprint) not in self.known), None)

    def _requests(self, queries: Iterable[Query], flying: dict[str, Query]) -> Iterator[Request]:
        for query in queries:
            question = self._open(query)
            key = "" if question is None else question.annotation_id(query.fingerprint)
            # The same question twice in one list is asked, and paid for, once.
            if question is not None and key not in flying:
                flying[key] = query
                yield Request(
                    key,
                    query.messages(),
                    query.schema,
                    question.prompt_id,
                    comparison_id=question.comparison_id or None,
                )

    def _keep(self, outcomes: Sequence[Asked], flying: dict[str, Query]) -> list[Request]:
        replied = [(flying.pop(o.request.key), o.request, o.reply) for o in outcomes if o.reply is not None]
        rows = [self._row(query, request, reply) for query, request, reply in replied]
        self.site.write("annotations", pa.Table.from_pylist(rows, schema=TABLES["annotations"].schema))
        self.known.update({row["annotation_id"]: (row["parse_status"], row["raw_output"] or "") for row in rows})
        return list(self._requests([query for query, _, _ in replied], flying))

    def _row(self, query: Query, request: Request, reply: Reply) -> dict[str, Any]:
        status: ParseStatus = status_of(reply)
        if status == "ok" and not query.readable(reply.text):
            status = "unparsed"
        question = next(q for q in self._attempts(query) if q.annotation_id(query.fingerprint) == request.key)
        return {
            "prompt_id": question.prompt_id,
            "annotation_id": request.key,
            "comparison_id": question.comparison_id or None,
            "annotator": self.name,
            "kind": "llm_judge",
            "family": self.options.model,
            "fingerprint": query.fingerprint,
            "order_shown": question.order_shown,
            "sample": question.sample,
            "attempt": question.attempt,
            "attribute": question.attribute,
            "context": question.context,
            "principle": question.principle,
            "rubric_id": question.rubric_id,
            "judgement_id": request.key,
            "raw_output": reply.text or reply.refusal,
            "parse_status": status,
            "call_id": reply.call_id,
            "asked_by": self.context.stage,
        }

    def _answers(self) -> list[dict[str, Any]]:
        with self.snapshot.connect(["annotations"], self.shard) as connection:
            query = "SELECT annotation_id, parse_status, raw_output FROM all_annotations WHERE annotator = ?"
            table = connection.sql(query, params=[self.name]).to_arrow_table()
        return [*table.to_pylist(), *self._pending("annotations", _COLUMNS)]

    def _pending(self, table: str, columns: list[str]) -> list[dict[str, Any]]:
        def look() -> list[dict[str, Any]]:
            parts = [p.part for p in pending_parts(self.site.store, self.site.stage, table, self.shard)]
            rows: list[dict[str, Any]] = rows_of(parts, columns).to_pylist()
            return rows

        return steady(look)

    def _known_calls(self) -> set[str]:
        with self.snapshot.connect(["calls"], self.shard) as connection:
            query = "SELECT call_id FROM all_calls WHERE annotator = ?"
            known = {row[0] for row in connection.sql(query, params=[self.name]).fetchall()}
        return {
            same_call(call_id) for call_id in (*known, *(r["call_id"] for r in self._pending("calls", ["call_id"])))
        }
