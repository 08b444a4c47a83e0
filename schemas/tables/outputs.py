"""What is published, and what is told of it: releases, accounts of every row, and the report's figures."""

import pyarrow as pa

from prefcurate.schemas.tables.table import FLOAT, INT, STRING, STRINGS, table

OUTPUTS = (
    table(
        "releases",
        "fact",
        "release_id",
        release_id=STRING,
        settings=STRING,
        rows=INT,
        bytes=INT,
        manifest_sha256=STRING,
    ),
    table(
        "accounts",
        "view",
        "source",
        source=STRING,
        rows=INT,  # = used + merged + auxiliary + quarantined
        used=INT,
        merged=INT,
        auxiliary=INT,
        quarantined=INT,
        pairs=INT,
    ),
    table(
        "agreement",
        "view",
        "slice name labels",
        slice=STRING,  # all, source, decision, length
        name=STRING,
        labels=STRING,  # label_in, published: both against gold of side audit
        gold_pairs=INT,  # pairs of the slice with a gold label
        pairs=INT,  # those of them that have such a label
        agreement=FLOAT,  # ties count half
        low=FLOAT,
        high=FLOAT,
    ),
    table(
        "annotator_quality",
        "view",
        "annotator kind source attribute",
        annotator=STRING,
        kind=STRING,
        source=STRING,
        attribute=STRING,
        rank=INT,  # who needs attention most is 1; null for those of whom nothing is found
        findings=STRINGS,  # see runbooks/human_labelling.md
        said=STRING,  # the same in words
        n=INT,  # opinions
        compared=INT,  # of them preferences on pairs on which the others lean to one side
        agreement=FLOAT,  # of those with that side
        agreement_low=FLOAT,
        agreement_high=FLOAT,
        usual_agreement=FLOAT,  # of its peers, on pairs as clear
        kappa_linear=FLOAT,  # weighted, of everybody who labelled the same pairs
        kappa_quadratic=FLOAT,
        kappa_low=FLOAT,  # of the quadratic one
        kappa_high=FLOAT,
        follows=FLOAT,  # 1: as the others lean; 0: as they do not; -1: against them
        follows_low=FLOAT,
        follows_high=FLOAT,
        first_leaning=FLOAT,
        longer_leaning=FLOAT,
        formatted_leaning=FLOAT,
        first_share=FLOAT,  # of the answers: the response shown first (or standing first, where nobody tells)
        tie_share=FLOAT,
        longest_run=INT,  # of one answer
        repeats=FLOAT,  # share of answers that repeat the one before
        usual_repeats=FLOAT,  # what the pairs ask for
        seconds=FLOAT,  # the median answer takes
        usual_seconds=FLOAT,  # of its peers, on texts as long
        hasty_share=FLOAT,  # of answers in less than a third of the usual time
        early=FLOAT,  # `follows` in the first half of its answers
        late=FLOAT,
        order=STRING,  # of answers: time, or place in the files
        copy_of=STRING,
        copy_shared=INT,
        false_discovery_rate=FLOAT,  # of the surest finding
    ),
)

PREFERENCE_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
PREFERENCES = pa.schema(
    [
        ("comparison_id", STRING),
        ("prompt_id", STRING),
        ("group_id", STRING),
        ("prompt", PREFERENCE_MESSAGES),
        ("chosen", PREFERENCE_MESSAGES),
        ("rejected", PREFERENCE_MESSAGES),
        ("p_chosen", FLOAT),
        ("preference_margin", FLOAT),  # 2 * p_chosen - 1
        ("weight", FLOAT),
        ("decision", STRING),
        ("label_source", STRING),  # people, consensus, override
        ("sources", STRINGS),
        ("licences", STRINGS),
        ("split", STRING),
        ("band", STRING),  # easy, medium, hard
    ]
)
"""The columns of a published release (`STORE/releases/<id>/<split>-*.parquet`)."""

SOURCES = pa.schema(
    [
        ("source", STRING),
        ("kind", STRING),  # of the annotators
        ("attribute", STRING),
        # pairs (pairs, labelled, decided, tied, drawn), labels (first, second, tie, …, in the order of the source's rows),
        # wins, accuracy and gold_accuracy (longer, formatted, headings, items, bold, code, first_shown), agreement (alpha, alpha_nominal,
        # same, kappa_linear, kappa_quadratic), ratings (alpha_interval, alpha_ordinal, kappa_linear, kappa_quadratic)
        ("measure", STRING),
        ("what", STRING),
        # pairs; labels where they are counted, or shown in an order; rated responses; items that couples of kappa share
        ("n", INT),
        ("prompts", INT),  # that they lie under
        ("value", FLOAT),
        ("low", FLOAT),
        ("high", FLOAT),
    ]
)
"""The columns of the view `sources`: what the last report found of each source's labels, a figure a row."""
