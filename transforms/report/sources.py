"""What one shard knows of the labels of each source: counts, how rules such as "the longer wins" do on them, and agreement.

Labels are those that came with the data, of one kind of annotators in one source on one attribute: together a *voice*. A pair's label is
the majority of the voice, as in `label_in`; ties of any sort are ties. Only sums leave the shard.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from prefcurate.transforms.report.alpha import AlphaSums, alpha_sums
from prefcurate.transforms.store.snapshot import Snapshot

# A row that stands for its occurrence tells the order that the source's file has the responses in.
_SAID = """
    CREATE TEMP TABLE said AS
    WITH came AS (
        SELECT occurrence_id, source, reversed FROM occurrences
        QUALIFY row_number() OVER (PARTITION BY prompt_id, occurrence_id ORDER BY file, number, intake_id) = 1
    )
    SELECT c.source, a.kind, a.attribute, a.context, a.prompt_id, a.comparison_id, a.annotator, c.reversed, a.order_shown,
        coalesce(a.judgement_id, a.annotation_id) AS act, coalesce(a.label, 'unread') AS verdict,
        CASE WHEN a.label IN ('a', 'b') THEN a.label WHEN a.label IN ('tie', 'both_bad', 'both_good') THEN 'tie' END AS label
    FROM annotations a JOIN came c USING (occurrence_id)
"""
_LABELS = """
    CREATE TEMP TABLE labels AS
    WITH counted AS (
        SELECT source, kind, attribute, context, prompt_id, comparison_id, count(*) FILTER (label = 'a') AS a,
            count(*) FILTER (label = 'b') AS b, count(*) FILTER (label = 'tie') AS ties
        FROM said WHERE label IS NOT NULL GROUP BY ALL
    )
    SELECT * EXCLUDE (a, b, ties), CASE WHEN a > b AND a > ties THEN 'a' WHEN b > a AND b > ties THEN 'b'
        WHEN ties > a AND ties > b THEN 'tie' END AS label
    FROM counted
"""
_PAIRS = "SELECT source, count(DISTINCT comparison_id) FROM occurrences WHERE comparison_id <> '' GROUP BY 1 ORDER BY 1"
_VERDICTS = """
    SELECT source, kind, attribute, CASE WHEN verdict NOT IN ('a', 'b') THEN verdict
        WHEN (verdict = 'b') = coalesce(reversed, false) THEN 'first' ELSE 'second' END, count(*)
    FROM said GROUP BY ALL ORDER BY ALL
"""
# Pairs, not labels of them: one that is labelled under several contexts counts once.
_LABELLED = """
    SELECT source, kind, attribute, count(DISTINCT comparison_id), count(DISTINCT comparison_id) FILTER (label IN ('a', 'b')),
        count(DISTINCT comparison_id) FILTER (label = 'tie'), count(DISTINCT comparison_id) FILTER (label IS NULL)
    FROM labels GROUP BY ALL ORDER BY ALL
"""
# The scores of a prompt first: what belongs together must be added up before it is squared. A tie scores one half, so twos are counted.
_RULES = """
    WITH picked AS (UNPIVOT picks ON longer, formatted, headings, items, bold, code INTO NAME rule VALUE pick),
    told AS (
        SELECT source, kind, attribute, prompt_id, comparison_id, rule, pick, label FROM labels JOIN picked USING (comparison_id)
        WHERE label IS NOT NULL
        UNION ALL
        SELECT source, kind, attribute, prompt_id, comparison_id, 'first_shown', CASE order_shown WHEN 'ab' THEN 'a' ELSE 'b' END,
            label
        FROM said WHERE order_shown IN ('ab', 'ba') AND label IS NOT NULL
    ),
    against AS (
        SELECT t.* EXCLUDE (comparison_id, label), unnest(['labels', 'gold']) AS against, unnest([t.label, g.label]) AS label
        FROM told t LEFT JOIN audited g USING (comparison_id)
    ),
    of_prompts AS (
        SELECT source, kind, attribute, rule, against, prompt_id, count(*) FILTER (label IN ('a', 'b')) AS n,
            count(*) FILTER (label = pick) AS won, count(*) FILTER (label = 'tie') AS tied
        FROM against WHERE label IS NOT NULL GROUP BY ALL
    )
    SELECT source, kind, attribute, rule, against, sum(n)::BIGINT, sum(won)::BIGINT, sum(tied)::BIGINT,
        count(*) FILTER (n > 0), sum(n * n)::BIGINT, sum(n * won)::BIGINT, sum(won * won)::BIGINT,
        count(*), sum((n + tied) * (n + tied))::BIGINT, sum((n + tied) * (2 * won + tied))::BIGINT,
        sum((2 * won + tied) * (2 * won + tied))::BIGINT
    FROM of_prompts GROUP BY ALL ORDER BY ALL
"""
# One annotator is asked once a pair: a judge's orders and samples are one answer, and a people's name may stand for many.
_UNITS = """
    WITH acts AS (
        SELECT source, kind, attribute, context, prompt_id, comparison_id,
            CASE WHEN kind = 'person' THEN act ELSE annotator END AS who,
            sign(sum(CASE label WHEN 'a' THEN 1 WHEN 'b' THEN -1 ELSE 0 END)) AS said
        FROM said WHERE label IS NOT NULL GROUP BY ALL
    )
    SELECT source, kind, attribute, prompt_id, count(*) FILTER (said < 0) AS b, count(*) FILTER (said = 0) AS tie,
        count(*) FILTER (said > 0) AS a
    FROM acts GROUP BY source, kind, attribute, context, prompt_id, comparison_id HAVING count(*) > 1
    ORDER BY source, kind, attribute, prompt_id, comparison_id, context
"""

Voice = tuple[str, str, str]
"""Source, kind of its annotators, attribute."""


@dataclass(frozen=True)
class SourceSums:
    """Of one shard, as rows of small tuples in the order of the columns that the queries above name.

    Attributes:
        pairs: source, pairs.
        verdicts: voice, verdict in the order of the source's rows, labels.
        labelled: voice, pairs with a label, of which decided, tied, drawn (as many for one as for another).
        rules: voice, rule, against (labels or gold), and the sums of its scores (`prefcurate.transforms.report.rules`).
        alphas: agreement of the annotators of a voice.
    """

    pairs: tuple[tuple[str, int], ...]
    verdicts: tuple[tuple[str, str, str, str, int], ...]
    labelled: tuple[tuple[str, str, str, int, int, int, int], ...]
    rules: tuple[tuple[str | int, ...], ...]
    alphas: Mapping[Voice, AlphaSums]


def source_sums(snapshot: Snapshot, shard: int, audited: pa.Table, looks: pa.Table) -> SourceSums:
    """Reads one shard.

    Args:
        snapshot: must have annotations and occurrences.
        shard: one of the store's.
        audited: comparison_id, label: what gold of side audit says.
        looks: of the shard's labelled pairs (`prefcurate.transforms.report.looks`).
    """
    with snapshot.connect(["annotations", "occurrences"], shard) as connection:
        connection.register("audited", audited)
        connection.execute(_SAID)
        connection.execute(_LABELS)
        connection.register("picks", looks)
        return SourceSums(
            pairs=tuple(connection.sql(_PAIRS).fetchall()),
            verdicts=tuple(connection.sql(_VERDICTS).fetchall()),
            labelled=tuple(connection.sql(_LABELLED).fetchall()),
            rules=tuple(connection.sql(_RULES).fetchall()),
            alphas=_alphas(connection),
        )


def _alphas(connection: duckdb.DuckDBPyConnection) -> dict[Voice, AlphaSums]:
    units = connection.sql(_UNITS).to_arrow_table()
    rows: dict[Voice, list[int]] = defaultdict(list)
    names = (units[name].to_pylist() for name in ("source", "kind", "attribute"))
    for place, voice in enumerate(zip(*names, strict=True)):
        rows[voice].append(place)
    counts = np.stack([units[name].to_numpy() for name in ("b", "tie", "a")], axis=1).astype(np.int64)
    prompts = units["prompt_id"].to_pylist()
    return {voice: alpha_sums([prompts[i] for i in of], counts[of]) for voice, of in rows.items()}
