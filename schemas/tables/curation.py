"""What is computed of comparisons and annotators, and what is decided."""

import pyarrow as pa

from prefcurate.schemas.tables.table import FLOAT, INT, STRING, STRINGS, table

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

CURATION = (
    table(
        "embeddings",
        "fact",
        "prompt_id text_id role fingerprint",
        text_id=STRING,
        role=STRING,
        fingerprint=STRING,
        vector=VECTOR,
    ),
    table("attributes", "fact", "prompt_id name fingerprint", name=STRING, value=STRING, fingerprint=STRING),
    table(
        "screening",
        "view",
        "comparison_id flag matched_source matched_id",
        comparison_id=STRING,
        flag=STRING,
        value=FLOAT,
        matched_source=STRING,
        matched_id=STRING,
        evidence=STRING,  # JSON: ids and offsets, never text
    ),
    table("clusters", "view", "comparison_id", comparison_id=STRING, prompt_cluster=STRING, pair_cluster=STRING),
    table("gold", "fact", "prompt_id", prompt_cluster=STRING, side=STRING),  # fit or audit, for ever
    table(
        "rubrics",
        "fact",
        "rubric_id fingerprint",
        rubric_id=STRING,
        fingerprint=STRING,
        scope=STRING,  # store, theme or prompt
        theme=STRING,
        parent=STRING,
        weight=FLOAT,
        status=STRING,  # accepted, rejected, candidate
        acceptance=FLOAT,  # agreement with trusted labels that it did not see
        acceptance_low=FLOAT,
        coverage=FLOAT,  # share of those labels on which it says something
        n=INT,
    ),
    table(
        "criteria",
        "fact",
        "rubric_id criterion_id fingerprint",
        rubric_id=STRING,
        criterion_id=STRING,
        fingerprint=STRING,
        kind=STRING,  # hard_rule, principle
        text=STRING,
        checker=STRING,  # the program that measures it, where one does
        weight=FLOAT,
        status=STRING,
        acceptance=FLOAT,
        acceptance_low=FLOAT,
        coverage=FLOAT,
        n=INT,
        reason=STRING,  # of the status, in words
        evidence=STRINGS,  # comparison ids
    ),
    table(
        "consensus",
        "view",
        "comparison_id attribute context",
        comparison_id=STRING,
        attribute=STRING,
        context=STRING,
        p_a=FLOAT,
        p_b=FLOAT,
        p_tie=FLOAT,
        label_in=STRING,
        label=STRING,
        decision=STRING,  # keep, flip, assign, soften, drop, hold
        expected_accuracy=FLOAT,
        expected_accuracy_low=FLOAT,
        weight=FLOAT,
        reason=STRING,
        evidence=STRINGS,  # annotation ids
        agreement=FLOAT,  # of the opinions that count and name a response, the share that names the label's
        confidence=FLOAT,  # of heads that never saw the prompt's cluster, in the label: mean over their epochs
        variability=FLOAT,  # its standard deviation over the epochs
        region=STRING,  # easy, ambiguous, hard: by confidence and variability
        signals=SIGNALS,  # what each agreement of `consensus.agreement` finds
    ),
    table(
        "annotators",
        "view",
        "annotator",
        annotator=STRING,
        kind=STRING,
        family=STRING,
        status=STRING,  # trusted, used, gold, believed_less, excluded
        n=INT,
        n_gold=INT,
        accuracy=FLOAT,
        accuracy_low=FLOAT,
        accuracy_high=FLOAT,
        position_bias=FLOAT,
        length_bias=FLOAT,
        flip_rate=FLOAT,
        cost=FLOAT,
        wrong_on=KINDS,  # kinds of prompts on which it is wrong more often than right, where gold leaves no doubt
    ),
    table(
        "routes",
        "view",
        "comparison_id",
        comparison_id=STRING,
        queue=STRING,  # person, judge, nobody
        rank=INT,
        expected_gain=FLOAT,
        price_usd=FLOAT,
        inclusion_p=FLOAT,
        reason=STRING,
        answers=INT,  # how many are wanted; `price_usd` is of all of them; of schema 2
    ),
    table("splits", "fact", "prompt_id", prompt_cluster=STRING, conversation_id=STRING, split=STRING),
)
