"""The Arrow schema of every table of a store, its key and its order.

Every row belongs to one prompt (`prompt_id`; empty where a row is about no prompt) and lies in that prompt's shard; `shard` itself is
the partition column of the Delta table and not stored in the parts. Additive changes raise `SCHEMA_VERSION`.
"""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

SCHEMA_VERSION = 2

PART = pa.struct(
    [("type", pa.string()), ("text", pa.string()), ("uri", pa.string()), ("sha256", pa.string()), ("json", pa.string())]
)
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(PART))]))
STRINGS = pa.list_(pa.string())
KINDS = pa.list_(
    pa.struct(
        [
            ("name", pa.string()), ("value", pa.string()), ("n", pa.int64()),
            ("accuracy", pa.float64()), ("low", pa.float64()), ("high", pa.float64()),
        ]
    )
)  # fmt: skip
VECTOR = pa.list_(pa.float32())
SIGNALS = pa.list_(
    pa.struct(
        [
            ("name", pa.string()),  # of the agreement
            ("label", pa.string()),  # the response that it supports, a or b; null for none
            ("missing", pa.bool_()),  # somebody who must agree has said nothing
            ("kendall", pa.float64()),  # from 0 to 1, as the next two; null for rule `same`
            ("spearman", pa.float64()),
            ("top_bottom", pa.float64()),
        ]
    )
)


@dataclass(frozen=True)
class Table:
    """A table: `fact` tables are append-only and hold each `key` once; `view` tables are recomputed as a whole."""

    name: str
    role: Literal["fact", "view"]
    key: tuple[str, ...]
    schema: pa.Schema

    @property
    def order(self) -> tuple[str, ...]:
        """The columns that rows are sorted by inside a part."""
        return ("prompt_id", *(column for column in self.key if column != "prompt_id"))


def _table(name: str, role: Literal["fact", "view"], key: str, /, **columns: pa.DataType) -> Table:
    schema = pa.schema(
        [("prompt_id", pa.string()), *columns.items()], metadata={"prefcurate.schema": str(SCHEMA_VERSION)}
    )
    return Table(name, role, tuple(key.split()), schema)


_S, _I, _F, _B = pa.string(), pa.int64(), pa.float64(), pa.bool_()

_ALL = (
    _table(
        "comparisons",
        "fact",
        "comparison_id",
        comparison_id=_S,
        conversation_id=_S,
        prompt=MESSAGES,
        prompt_text=_S,
        response_a=MESSAGES,
        response_b=MESSAGES,
        response_a_id=_S,
        response_b_id=_S,
        response_a_text=_S,
        response_b_text=_S,
        origin=_S,  # data, probe
    ),
    _table(
        "occurrences",
        "fact",
        "comparison_id occurrence_id intake_id",
        comparison_id=_S,
        occurrence_id=_S,  # hash of the source, its row_id or the row's hash, the repeat, and the pair's index in the row
        intake_id=_S,  # the file under one reading: the active ones take part in views
        source=_S,
        file=_S,
        line=_I,
        row_hash=_S,
        row_id=_S,
        repeat=_I,  # 0 for the first of identical rows of a source
        group_id=_S,
        reversed=_B,  # the row had response_b first
        model_a=_S,
        model_b=_S,
        licence=_S,
        fingerprint=_S,  # of the reader and its settings
        number=_I,  # of the row in its file, from 0
        facts=_I,  # labels, ratings, spans and materials that the row gave for this comparison; of a row about a prompt alone
        # (materials without a comparison) comparison_id is empty
    ),
    _table(
        "annotations",
        "fact",
        "annotation_id fingerprint row_hash",
        annotation_id=_S,
        comparison_id=_S,
        occurrence_id=_S,  # null for ours
        row_hash=_S,  # of the row that says it, empty for ours: a corrected row under one row_id is another fact
        annotator=_S,
        kind=_S,  # person, llm_judge, reward_model, program
        family=_S,
        fingerprint=_S,
        label=_S,  # a, b, tie, both_bad, both_good, unratable; null when unparsed
        p_a=_F,
        strength=_F,  # positive towards a, in the annotator's own units
        order_shown=_S,  # ab, ba, unknown
        sample=_I,
        attempt=_I,
        attribute=_S,
        context=_S,
        principle=_S,
        rubric_id=_S,
        judgement_id=_S,
        rationale=_S,
        raw_output=_S,
        parse_status=_S,  # ok, unparsed, refused, empty
        call_id=_S,
        asked_by=_S,
        inclusion_p=_F,
        spread=_F,  # of an ensemble: standard deviation of its members' strengths, in the units of `strength`
        p_tie=_F,  # of those that tell ties apart: P(b) is 1 - p_a - p_tie
        answered_at=_S,  # ISO 8601 in UTC, where the source tells; of schema 2
        seconds=_F,  # that the answer took, where the source tells; of schema 2
    ),
    _table(
        "calls",
        "fact",
        "call_id",
        call_id=_S,
        comparison_id=_S,
        stage=_S,
        annotator=_S,
        fingerprint=_S,
        model_returned=_S,
        tokens_in=_I,
        tokens_out=_I,
        price_usd=_F,
        status=_S,  # ok, or what failed: http_429, http_500, timeout, connection, bad_body, …
        detail=_S,
    ),
    _table(
        "ratings",
        "fact",
        "rating_id fingerprint row_hash",
        rating_id=_S,
        comparison_id=_S,
        response_id=_S,
        occurrence_id=_S,
        row_hash=_S,
        annotator=_S,
        kind=_S,
        fingerprint=_S,
        attribute=_S,
        value=_F,
        scale_min=_F,
        scale_max=_F,
        sample=_I,
        rationale=_S,
    ),
    _table(
        "spans",
        "fact",
        "span_id fingerprint row_hash",
        span_id=_S,
        comparison_id=_S,
        response_id=_S,
        occurrence_id=_S,
        row_hash=_S,
        annotator=_S,
        kind=_S,
        fingerprint=_S,
        attribute=_S,
        label=_S,
        start=_I,
        end=_I,
        text=_S,
    ),
    _table(
        "materials",
        "fact",
        "material_id fingerprint row_hash",
        material_id=_S,
        occurrence_id=_S,
        row_hash=_S,
        fingerprint=_S,
        kind=_S,  # reference, checks, rubric
        text=_S,
    ),
    _table(
        "quarantine",
        "fact",
        "intake_id number",
        intake_id=_S,
        number=_I,
        source=_S,
        file=_S,
        line=_I,
        row_hash=_S,
        reason=_S,
        detail=_S,
        raw=_S,
    ),
    _table(
        "intakes",
        "fact",
        "intake_id",
        intake_id=_S,
        source=_S,
        format=_S,
        file=_S,
        sha256=_S,
        rows_digest=_S,  # the same for a file whose rows were only shuffled
        same_as=_S,  # the intake whose rows these are again, under a second name
        fingerprint=_S,
        licence=_S,
        rows=_I,
        auxiliary=_I,
        quarantined=_I,
        pairs=_I,
    ),
    _table(
        "embeddings", "fact", "prompt_id text_id role fingerprint", text_id=_S, role=_S, fingerprint=_S, vector=VECTOR
    ),
    _table("attributes", "fact", "prompt_id name fingerprint", name=_S, value=_S, fingerprint=_S),
    _table(
        "screening",
        "view",
        "comparison_id flag matched_source matched_id",
        comparison_id=_S,
        flag=_S,
        value=_F,
        matched_source=_S,
        matched_id=_S,
        evidence=_S,  # JSON: ids and offsets, never text
    ),
    _table("clusters", "view", "comparison_id", comparison_id=_S, prompt_cluster=_S, pair_cluster=_S),
    _table("gold", "fact", "prompt_id", prompt_cluster=_S, side=_S),  # fit or audit, for ever
    _table(
        "rubrics",
        "fact",
        "rubric_id fingerprint",
        rubric_id=_S,
        fingerprint=_S,
        scope=_S,  # store, theme or prompt
        theme=_S,
        parent=_S,
        weight=_F,
        status=_S,  # accepted, rejected, candidate
        acceptance=_F,  # agreement with trusted labels that it did not see
        acceptance_low=_F,
        coverage=_F,  # share of those labels on which it says something
        n=_I,
    ),
    _table(
        "criteria",
        "fact",
        "rubric_id criterion_id fingerprint",
        rubric_id=_S,
        criterion_id=_S,
        fingerprint=_S,
        kind=_S,  # hard_rule, principle
        text=_S,
        checker=_S,  # the program that measures it, where one does
        weight=_F,
        status=_S,
        acceptance=_F,
        acceptance_low=_F,
        coverage=_F,
        n=_I,
        reason=_S,  # of the status, in words
        evidence=STRINGS,  # comparison ids
    ),
    _table(
        "consensus",
        "view",
        "comparison_id attribute context",
        comparison_id=_S,
        attribute=_S,
        context=_S,
        p_a=_F,
        p_b=_F,
        p_tie=_F,
        label_in=_S,
        label=_S,
        decision=_S,  # keep, flip, assign, soften, drop, hold
        expected_accuracy=_F,
        expected_accuracy_low=_F,
        weight=_F,
        reason=_S,
        evidence=STRINGS,  # annotation ids
        agreement=_F,  # of the opinions that count and name a response, the share that names the label's
        confidence=_F,  # of heads that never saw the prompt's cluster, in the label: mean over their epochs
        variability=_F,  # its standard deviation over the epochs
        region=_S,  # easy, ambiguous, hard: by confidence and variability
        signals=SIGNALS,  # what each agreement of `consensus.agreement` finds
    ),
    _table(
        "annotators",
        "view",
        "annotator",
        annotator=_S,
        kind=_S,
        family=_S,
        status=_S,  # trusted, used, gold, believed_less, excluded
        n=_I,
        n_gold=_I,
        accuracy=_F,
        accuracy_low=_F,
        accuracy_high=_F,
        position_bias=_F,
        length_bias=_F,
        flip_rate=_F,
        cost=_F,
        wrong_on=KINDS,  # kinds of prompts on which it is wrong more often than right, where gold leaves no doubt
    ),
    _table(
        "routes",
        "view",
        "comparison_id",
        comparison_id=_S,
        queue=_S,  # person, judge, nobody
        rank=_I,
        expected_gain=_F,
        price_usd=_F,
        inclusion_p=_F,
        reason=_S,
        answers=_I,  # how many are wanted; `price_usd` is of all of them; of schema 2
    ),
    _table("splits", "fact", "prompt_id", prompt_cluster=_S, conversation_id=_S, split=_S),
    _table(
        "releases",
        "fact",
        "release_id",
        release_id=_S,
        settings=_S,
        rows=_I,
        bytes=_I,
        manifest_sha256=_S,
    ),
    _table(
        "accounts",
        "view",
        "source",
        source=_S,
        rows=_I,  # = used + merged + auxiliary + quarantined
        used=_I,
        merged=_I,
        auxiliary=_I,
        quarantined=_I,
        pairs=_I,
    ),
    _table(
        "agreement",
        "view",
        "slice name labels",
        slice=_S,  # all, source, decision, length
        name=_S,
        labels=_S,  # label_in, published: both against gold of side audit
        gold_pairs=_I,  # pairs of the slice with a gold label
        pairs=_I,  # those of them that have such a label
        agreement=_F,  # ties count half
        low=_F,
        high=_F,
    ),
    _table(
        "annotator_quality",
        "view",
        "annotator kind source attribute",
        annotator=_S,
        kind=_S,
        source=_S,
        attribute=_S,
        rank=_I,  # who needs attention most is 1; null for those of whom nothing is found
        findings=STRINGS,  # see runbooks/human_labelling.md
        said=_S,  # the same in words
        n=_I,  # opinions
        compared=_I,  # of them preferences on pairs on which the others lean to one side
        agreement=_F,  # of those with that side
        agreement_low=_F,
        agreement_high=_F,
        usual_agreement=_F,  # of its peers, on pairs as clear
        kappa_linear=_F,  # weighted, of everybody who labelled the same pairs
        kappa_quadratic=_F,
        kappa_low=_F,  # of the quadratic one
        kappa_high=_F,
        follows=_F,  # 1: as the others lean; 0: as they do not; -1: against them
        follows_low=_F,
        follows_high=_F,
        first_leaning=_F,
        longer_leaning=_F,
        formatted_leaning=_F,
        first_share=_F,  # of the answers: the response shown first (or standing first, where nobody tells)
        tie_share=_F,
        longest_run=_I,  # of one answer
        repeats=_F,  # share of answers that repeat the one before
        usual_repeats=_F,  # what the pairs ask for
        seconds=_F,  # the median answer takes
        usual_seconds=_F,  # of its peers, on texts as long
        hasty_share=_F,  # of answers in less than a third of the usual time
        early=_F,  # `follows` in the first half of its answers
        late=_F,
        order=_S,  # of answers: time, or place in the files
        copy_of=_S,
        copy_shared=_I,
        false_discovery_rate=_F,  # of the surest finding
    ),
    _table(
        "stages",
        "fact",
        "stage sequence",
        stage=_S,
        sequence=_I,
        run_id=_S,
        settings=_S,
        inputs=_S,  # JSON: the state of every stage that it builds on
        state=_S,
        versions=_S,  # JSON: table to version after the commit
        detail=_S,  # JSON: what the stage wants to be remembered, e.g. ingest's active intakes
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}

PREFERENCE_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
PREFERENCES = pa.schema(
    [
        ("comparison_id", _S),
        ("prompt_id", _S),
        ("group_id", _S),
        ("prompt", PREFERENCE_MESSAGES),
        ("chosen", PREFERENCE_MESSAGES),
        ("rejected", PREFERENCE_MESSAGES),
        ("p_chosen", _F),
        ("preference_margin", _F),  # 2 * p_chosen - 1
        ("weight", _F),
        ("decision", _S),
        ("label_source", _S),  # people, consensus, override
        ("sources", STRINGS),
        ("licences", STRINGS),
        ("split", _S),
        ("band", _S),  # easy, medium, hard
    ]
)
"""The columns of a published release (`STORE/releases/<id>/<split>-*.parquet`)."""

SOURCES = pa.schema(
    [
        ("source", _S),
        ("kind", _S),  # of the annotators
        ("attribute", _S),
        # pairs (pairs, labelled, decided, tied, drawn), labels (first, second, tie, …, in the order of the source's rows),
        # wins, accuracy and gold_accuracy (longer, formatted, headings, items, bold, code, first_shown), agreement (alpha, alpha_nominal,
        # same, kappa_linear, kappa_quadratic), ratings (alpha_interval, alpha_ordinal, kappa_linear, kappa_quadratic)
        ("measure", _S),
        ("what", _S),
        (
            "n",
            _I,
        ),  # pairs; labels where they are counted, or shown in an order; rated responses; items that couples of kappa share
        ("prompts", _I),  # that they lie under
        ("value", _F),
        ("low", _F),
        ("high", _F),
    ]
)
"""The columns of the view `sources`: what the last report found of each source's labels, a figure a row."""
