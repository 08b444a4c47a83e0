"""Prompts described by a chat model: each asked once, answers kept, the attributes read from them.

Shards are asked one after the other by one worker, which keeps many requests in flight: so there is one purse, and no more than a
shard's answers are in memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.annotator import Question
from prefcurate.transforms.annotate.maker import Maker, Query
from prefcurate.transforms.annotate.remarks import UNFINISHED
from prefcurate.transforms.describe.options import DescriberOptions
from prefcurate.transforms.describe.reading import SCHEMA, description_messages, read_description
from prefcurate.transforms.describe.rows import attribute_rows, described
from prefcurate.transforms.steps.commit import Finished
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.snapshot import Snapshot

ASKED_AT_ONCE = 512
"""Prompts whose texts are in memory."""
_TEXTS = """
    SELECT prompt_id, any_value(prompt_text) FROM comparisons WHERE origin <> 'probe'
    GROUP BY prompt_id ORDER BY prompt_id
"""


@dataclass(frozen=True)
class AskAll:
    """Asks about every prompt of a store that the chat model has not described.

    Args:
        context: the stage, which writes `attributes`, `annotations` and `calls`.
        options: the chat model.
        budget: the cap of the whole store in USD.
    """

    context: StageContext
    options: DescriberOptions
    budget: float | None = None

    def __call__(self, snapshot: Snapshot) -> Iterator[Part | Finished]:
        """Parts of all shards, and remarks on prompts that were not asked about, or not readably answered."""
        left, unread, why = 0, 0, ""
        for shard in range(snapshot.store.shards):
            maker = self._maker(snapshot, shard)
            values: dict[str, dict[str, str]] = {}
            done = described(snapshot, shard, self.options.fingerprint())
            for queries in _portions(self._queries(snapshot, shard, done)):
                if not why:
                    maker.ask(queries.values())
                    why = _stopped(maker)
                read, unasked = _described(maker, queries), sum(map(maker.unasked, queries.values()))
                left, unread = left + unasked, unread + len(queries) - len(read) - unasked
                values |= read
            yield from self._part(snapshot, shard, values)
            yield from maker.parts()
        yield from self._remarks(left, unread, why)

    def _remarks(self, left: int, unread: int, why: str) -> Iterator[Finished]:
        if left:
            said = f"{left:,} prompts not described: {why or 'requests failed in every try'}; run again"
            yield Finished(UNFINISHED[0], f"{self._name}: {said}")
        if unread:
            said = f"{unread:,} prompts have no readable description, in every attempt"
            yield Finished("annotate.unparsed", f"{self._name}: {said}")

    @property
    def _name(self) -> str:
        return f"describer:{self.options.model}"

    def _maker(self, snapshot: Snapshot, shard: int) -> Maker:
        options, fingerprint = self.options, self.options.fingerprint()
        return Maker(options, self._name, self.context, snapshot, options.max_attempts, fingerprint, self.budget, shard)

    def _queries(self, snapshot: Snapshot, shard: int, done: frozenset[str]) -> Iterator[tuple[str, Query]]:
        with snapshot.connect(["comparisons"], shard) as connection:
            for batch in connection.sql(_TEXTS).to_arrow_reader(ASKED_AT_ONCE):
                for prompt_id, text in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    if prompt_id not in done:
                        yield prompt_id, self._query(prompt_id, text)

    def _query(self, prompt_id: str, text: str) -> Query:
        # An answer is an opinion on a prompt, not on a comparison: the prompt is its context.
        question = Question(prompt_id, "", attribute="description", context=f"prompt {prompt_id}")
        return Query(
            question,
            self.options.answer_fingerprint(),
            lambda: description_messages(prompt_id, text, self.options.max_characters),
            SCHEMA,
            lambda said: read_description(said) is not None,
        )

    def _part(self, snapshot: Snapshot, shard: int, values: Mapping[str, dict[str, str]]) -> Iterator[Part]:
        fingerprint = self.options.fingerprint()
        rows = [
            row for prompt_id in sorted(values) for row in attribute_rows(prompt_id, values[prompt_id], fingerprint)
        ]
        table = pa.Table.from_pylist(rows, schema=TABLES["attributes"].schema)
        part = write_part(snapshot.store.root, "attributes", shard, [table], pending=self.context.stage)
        if part is not None:
            yield part


def _portions(queries: Iterator[tuple[str, Query]]) -> Iterator[dict[str, Query]]:
    while portion := dict(islice(queries, ASKED_AT_ONCE)):
        yield portion


def _described(maker: Maker, queries: Mapping[str, Query]) -> dict[str, dict[str, str]]:
    """What the readable answers say, by prompt."""
    said = {prompt_id: maker.answer(query) for prompt_id, query in queries.items()}
    read = {prompt_id: read_description(text) for prompt_id, text in said.items() if text is not None}
    return {prompt_id: values for prompt_id, values in read.items() if values is not None}


def _stopped(maker: Maker) -> str:
    """Why nobody else needs to be asked in this run, or empty."""
    if maker.account.down:
        return f"the endpoint is down ({maker.account.down})"
    return "the budget is used up" if maker.account.unasked_budget else ""
