"""Outcome-gated attributes: what is said of an attribute (conciseness, style) counts only between answers that are both right.

A short wrong answer must not win for being short: reward models that add attributes up learn just that (Moskovitz et al. 2023, arXiv
2310.04373, who gate by thresholds of the other reward). So an opinion on the attribute is no overall opinion, unless the outcome says
of both answers that they are right; then it counts as one of a voice of its own, whose reliability is measured like any other's.
"""

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from prefcurate.transforms.consensus.options import GateOptions

KIND = "program"
"""What a gated opinion is believed to be until it is measured: a person on conciseness is no person on the whole."""

# What somebody who is gold says of a prompt that is not of side fit is for the report alone, whatever it is about.
_HIDDEN = (
    "(annotator, kind) IN (SELECT (annotator, kind) FROM trusted) "
    "AND prompt_id NOT IN (SELECT prompt_id FROM gold WHERE side = 'fit')"
)
_RIGHT = f"""
WITH rated AS (
    SELECT prompt_id, response_id, avg(value ORDER BY value) AS value FROM ratings
    WHERE attribute = $outcome AND value IS NOT NULL AND NOT ({_HIDDEN}) GROUP BY ALL
), by_rating AS (
    SELECT c.comparison_id FROM comparisons c
    JOIN rated a ON (a.prompt_id, a.response_id) = (c.prompt_id, c.response_a_id)
    JOIN rated b ON (b.prompt_id, b.response_id) = (c.prompt_id, c.response_b_id)
    WHERE least(a.value, b.value) >= $at_least
), by_word AS (
    SELECT comparison_id FROM annotations WHERE attribute = $outcome AND label IS NOT NULL AND NOT ({_HIDDEN})
    GROUP BY comparison_id HAVING bool_and(label = 'both_good')
)
SELECT comparison_id FROM by_rating UNION SELECT comparison_id FROM by_word
"""  # noqa: S608
_GATED = f"""
SELECT p.place AS pair, a.annotator || ' on ' || $attribute AS annotator,
       coalesce(nullif(a.family, ''), a.annotator) || ' on ' || $attribute AS family, '{KIND}' AS kind,
       CASE a.label WHEN 'a' THEN 1 WHEN 'b' THEN -1 ELSE 0 END AS label,
       CASE a.order_shown WHEN 'ab' THEN 1 WHEN 'ba' THEN -1 ELSE 0 END AS "order",
       ('0x' || substr(sha256(coalesce(a.judgement_id, a.annotation_id)), 1, 15))::BIGINT AS judgement,
       false AS gold, false AS given, a.annotation_id
FROM annotations a JOIN pairs p USING (comparison_id) JOIN right_ones USING (comparison_id)
WHERE a.attribute = $attribute AND a.context = 'none' AND a.label IS NOT NULL AND a.label <> 'unratable' AND NOT ({_HIDDEN})
ORDER BY p.place, a.annotation_id
"""  # noqa: S608


def gated_votes(connection: duckdb.DuckDBPyConnection, gates: Sequence[GateOptions]) -> list[pa.Table]:
    """The opinions that gates let through, as votes without what is known of the pair (`prefcurate…consensus.shard`).

    Args:
        connection: with the views annotations, ratings, comparisons and gold, and the tables pairs (comparison_id, place) and trusted.
        gates: which attributes count, and when.
    """
    found = []
    for gate in gates:
        when = {"outcome": gate.counts_when.attribute, "at_least": gate.counts_when.at_least}
        right = connection.sql(_RIGHT, params=when).to_arrow_table()
        connection.register("right_ones", right)
        found.append(connection.sql(_GATED, params={"attribute": gate.attribute}).to_arrow_table())
    return found
