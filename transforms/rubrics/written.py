"""Rubrics by a chat model: written from contrasts, kept only where a judge that uses them meets held-out labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from prefcurate.schemas.canonical import shard_of, stable_hash, unit_interval
from prefcurate.schemas.records import Label
from prefcurate.transforms.annotate.annotator import OrderShown, Question
from prefcurate.transforms.annotate.judge import SCHEMA as VERDICT
from prefcurate.transforms.annotate.judge import parse_verdict, stored_label
from prefcurate.transforms.annotate.maker import Maker, Query
from prefcurate.transforms.annotate.remarks import UNFINISHED
from prefcurate.transforms.rubrics.collect import texts_of
from prefcurate.transforms.rubrics.generate import (
    SCHEMA,
    Draft,
    Plan,
    Texts,
    generation_messages,
    judge_messages,
    parse_draft,
)
from prefcurate.transforms.rubrics.mine import Status
from prefcurate.transforms.rubrics.options import GeneratorOptions
from prefcurate.transforms.rubrics.rows import RubricRows, Scope, make_rows
from prefcurate.transforms.rubrics.statistics import agreement
from prefcurate.transforms.steps.commit import Finished
from prefcurate.transforms.store.snapshot import Snapshot

_COLUMNS = ("comparison_id", "prompt_text", "response_a_text", "response_b_text")


@dataclass
class Writer:
    """Makes the rubrics of plans with a maker.

    Args:
        options: the chat model and how it is used.
        maker: who asks.
        confidence: of the bound that must lie above one half.
        seed: of the configuration.
    """

    options: GeneratorOptions
    maker: Maker
    confidence: float
    seed: int

    def write(self, plans: Sequence[Plan], texts: Texts) -> Iterator[RubricRows | Finished]:
        """A rubric for each plan, or a remark on why there is none (yet)."""
        generations = [(plan, self._generation(plan, texts)) for plan in plans]
        self.maker.ask(query for _, query in generations)
        drafts = [(plan, query, _draft(self.maker.answer(query))) for plan, query in generations]
        verdicts = {
            plan.theme: [self._verdict(draft, plan, contrast.comparison_id, texts) for contrast in plan.held_out]
            for plan, _, draft in drafts
            if draft is not None
        }
        self.maker.ask(query for queries in verdicts.values() for query in queries)
        for plan, query, draft in drafts:
            if draft is None:
                yield self._remark(plan, "no rubric could be read in its answers", [query])
            elif any(map(self.maker.unasked, verdicts[plan.theme])):
                yield self._remark(plan, "verdicts are missing", verdicts[plan.theme])
            else:
                yield self._rows(plan, draft, verdicts[plan.theme])

    def _generation(self, plan: Plan, texts: Texts) -> Query:
        shown = stable_hash("shown", [(c.comparison_id, c.label) for c in plan.shown])
        question = Question("", plan.shown[0].comparison_id, attribute="rubric", context=plan.theme, principle=shown)
        return Query(
            question,
            self.options.generation_fingerprint(),
            lambda: generation_messages(plan, texts, self.options.max_characters),
            SCHEMA,
            lambda text: parse_draft(text) is not None,
        )

    def _verdict(self, draft: Draft, plan: Plan, comparison_id: str, texts: Texts) -> Query:
        # Each pair in one order by chance: that the judge prefers a place can then not pass for agreement.
        order: OrderShown = "ab" if unit_interval(self.seed, comparison_id, "rubric order") < 0.5 else "ba"
        question = Question("", comparison_id, order, attribute="rubric", context=plan.theme, rubric_id=draft.draft_id)
        return Query(
            question,
            self.options.judge_fingerprint(),
            lambda: judge_messages(draft, comparison_id, order, texts, self.options.max_characters),
            VERDICT,
            lambda text: parse_verdict(text)[0] is not None,
        )

    def _rows(self, plan: Plan, draft: Draft, verdicts: Sequence[Query]) -> RubricRows:
        outcomes = np.array(
            [self._outcome(q) * contrast.label for q, contrast in zip(verdicts, plan.held_out, strict=True)], np.int8
        )
        _, clusters = np.unique([contrast.cluster for contrast in plan.held_out], return_inverse=True)
        found = agreement(outcomes, clusters, self.confidence)
        status: Status = "accepted" if found.low > 0.5 else "rejected"
        said = f"a judge with the rubric in hand met {found.rate:.2f} of {found.n} held-out labels"
        criteria = _criteria(
            draft, status, f"{said}, lower bound {found.low:.2f}", [c.comparison_id for c in plan.shown]
        )
        return make_rows(Scope("theme", plan.theme), status, found, criteria, self.options.fingerprint())

    def _outcome(self, query: Query) -> int:
        """1 where the judge prefers response_a, -1 where response_b, 0 where it sees a tie or gave no readable answer."""
        seen, _ = parse_verdict(self.maker.answer(query) or "")
        label = None if seen is None else stored_label(seen, query.question.order_shown)
        return {Label.A: 1, Label.B: -1}.get(label, 0) if label else 0

    def _remark(self, plan: Plan, why: str, queries: Sequence[Query]) -> Finished:
        left = sum(map(self.maker.unasked, queries))
        account = self.maker.account
        stopped = account.down or ("the budget is used up" if account.unasked_budget else "")
        told = f": {left} questions are left, {stopped or 'the next run asks them again'}" if left else ""
        # While questions are left the stage does not count as up to date: the next run goes on.
        return Finished(UNFINISHED[0] if left else "annotate.unparsed", f"{self.maker.name}: {plan.theme}: {why}{told}")


def read_texts(snapshot: Snapshot, plans: Sequence[Plan]) -> dict[str, tuple[str, str, str]]:
    """Prompt and responses of every pair of the plans (some hundreds), by comparison_id."""
    contrasts = {c.comparison_id: c for plan in plans for c in (*plan.shown, *plan.held_out)}
    by_shard: dict[int, dict[str, object]] = {}
    for comparison_id, contrast in contrasts.items():
        by_shard.setdefault(shard_of(contrast.prompt_id, snapshot.store.shards), {})[comparison_id] = contrast
    rows = (row for shard in sorted(by_shard) for row in texts_of(snapshot, shard, by_shard[shard], _COLUMNS))
    return {
        str(row["comparison_id"]): (str(row[p]), str(row[a]), str(row[b])) for row in rows for p, a, b in [_COLUMNS[1:]]
    }


def _draft(text: str | None) -> Draft | None:
    return None if text is None else parse_draft(text)


def _criteria(draft: Draft, status: Status, reason: str, evidence: list[str]) -> list[dict[str, object]]:
    """The entries as rows: they were judged together, so each has its rubric's status and no numbers of its own."""
    entries = [("hard_rule", text) for text in draft.hard_rules] + [("principle", text) for text in draft.principles]
    return [
        {
            "criterion_id": stable_hash("criterion", kind, text, None),
            "kind": kind,
            "text": text,
            "weight": round(1 / len(entries), 6) if status == "accepted" else 0.0,
            "status": status,
            "reason": reason,
            "evidence": evidence,
        }
        for kind, text in entries
    ]
