"""What came in, from sources and from those who were asked: contents, opinions, and what could not be read."""

import pyarrow as pa

from prefcurate.schemas.tables.table import BOOL, FLOAT, INT, STRING, table

PART = pa.struct(
    [("type", pa.string()), ("text", pa.string()), ("uri", pa.string()), ("sha256", pa.string()), ("json", pa.string())]
)
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(PART))]))

INPUTS = (
    table(
        "comparisons",
        "fact",
        "comparison_id",
        comparison_id=STRING,
        conversation_id=STRING,
        prompt=MESSAGES,
        prompt_text=STRING,
        response_a=MESSAGES,
        response_b=MESSAGES,
        response_a_id=STRING,
        response_b_id=STRING,
        response_a_text=STRING,
        response_b_text=STRING,
        origin=STRING,  # data, probe
    ),
    table(
        "occurrences",
        "fact",
        "comparison_id occurrence_id intake_id",
        comparison_id=STRING,
        occurrence_id=STRING,  # hash of the source, its row_id or the row's hash, the repeat, and the pair's index in the row
        intake_id=STRING,  # the file under one reading: the active ones take part in views
        source=STRING,
        file=STRING,
        line=INT,
        row_hash=STRING,
        row_id=STRING,
        repeat=INT,  # 0 for the first of identical rows of a source
        group_id=STRING,
        reversed=BOOL,  # the row had response_b first
        model_a=STRING,
        model_b=STRING,
        licence=STRING,
        fingerprint=STRING,  # of the reader and its settings
        number=INT,  # of the row in its file, from 0
        facts=INT,  # labels, ratings, spans and materials that the row gave for this comparison; of a row about a prompt alone
        # (materials without a comparison) comparison_id is empty
    ),
    table(
        "annotations",
        "fact",
        "annotation_id fingerprint row_hash",
        annotation_id=STRING,
        comparison_id=STRING,
        occurrence_id=STRING,  # null for ours
        row_hash=STRING,  # of the row that says it, empty for ours: a corrected row under one row_id is another fact
        annotator=STRING,
        kind=STRING,  # person, llm_judge, reward_model, program
        family=STRING,
        fingerprint=STRING,
        label=STRING,  # a, b, tie, both_bad, both_good, unratable; null when unparsed
        p_a=FLOAT,
        strength=FLOAT,  # positive towards a, in the annotator's own units
        order_shown=STRING,  # ab, ba, unknown
        sample=INT,
        attempt=INT,
        attribute=STRING,
        context=STRING,
        principle=STRING,
        rubric_id=STRING,
        judgement_id=STRING,
        rationale=STRING,
        raw_output=STRING,
        parse_status=STRING,  # ok, unparsed, refused, empty
        call_id=STRING,
        asked_by=STRING,
        inclusion_p=FLOAT,
        spread=FLOAT,  # of an ensemble: standard deviation of its members' strengths, in the units of `strength`
        p_tie=FLOAT,  # of those that tell ties apart: P(b) is 1 - p_a - p_tie
        answered_at=STRING,  # ISO 8601 in UTC, where the source tells; of schema 2
        seconds=FLOAT,  # that the answer took, where the source tells; of schema 2
    ),
    table(
        "calls",
        "fact",
        "call_id",
        call_id=STRING,
        comparison_id=STRING,
        stage=STRING,
        annotator=STRING,
        fingerprint=STRING,
        model_returned=STRING,
        tokens_in=INT,
        tokens_out=INT,
        price_usd=FLOAT,
        status=STRING,  # ok, or what failed: http_429, http_500, timeout, connection, bad_body, …
        detail=STRING,
    ),
    table(
        "ratings",
        "fact",
        "rating_id fingerprint row_hash",
        rating_id=STRING,
        comparison_id=STRING,
        response_id=STRING,
        occurrence_id=STRING,
        row_hash=STRING,
        annotator=STRING,
        kind=STRING,
        fingerprint=STRING,
        attribute=STRING,
        value=FLOAT,
        scale_min=FLOAT,
        scale_max=FLOAT,
        sample=INT,
        rationale=STRING,
    ),
    table(
        "spans",
        "fact",
        "span_id fingerprint row_hash",
        span_id=STRING,
        comparison_id=STRING,
        response_id=STRING,
        occurrence_id=STRING,
        row_hash=STRING,
        annotator=STRING,
        kind=STRING,
        fingerprint=STRING,
        attribute=STRING,
        label=STRING,
        start=INT,
        end=INT,
        text=STRING,
    ),
    table(
        "materials",
        "fact",
        "material_id fingerprint row_hash",
        material_id=STRING,
        occurrence_id=STRING,
        row_hash=STRING,
        fingerprint=STRING,
        kind=STRING,  # reference, checks, rubric
        text=STRING,
    ),
    table(
        "quarantine",
        "fact",
        "intake_id number",
        intake_id=STRING,
        number=INT,
        source=STRING,
        file=STRING,
        line=INT,
        row_hash=STRING,
        reason=STRING,
        detail=STRING,
        raw=STRING,
    ),
    table(
        "intakes",
        "fact",
        "intake_id",
        intake_id=STRING,
        source=STRING,
        format=STRING,
        file=STRING,
        sha256=STRING,
        rows_digest=STRING,  # the same for a file whose rows were only shuffled
        same_as=STRING,  # the intake whose rows these are again, under a second name
        fingerprint=STRING,
        licence=STRING,
        rows=INT,
        auxiliary=INT,
        quarantined=INT,
        pairs=INT,
    ),
)
