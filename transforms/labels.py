"""What labels came with the data, and what gold says: the one place that knows whose label counts, and for whom.

Gold is a label that came with the data, by somebody whom the configuration trusts; what we ask ourselves is never gold. Its
prompt was assigned for ever to `fit` or `audit` (the table `gold`). Gold of side audit is what the report measures by, so nothing
that is computed may see it: not as a vote, and not in `label_in`, for a published "before" that already is the audit's label would
make the comparison of before and after circular. Gold without a side yet may still become audit's, and is left out too. Gold of side
fit came with the data like any other label, and when people gave it, it is one of the people's labels: `label_in` counts it.

A label is about the whole answer here (attribute overall, context none); `unratable` and unread ones say nothing.
"""

import fnmatch
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

import duckdb
import pyarrow as pa

from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.snapshot import Snapshot

_TABLES = ("annotations", "occurrences", "gold")
_COUNTS_AS = {"a": "a", "b": "b", "tie": "tie", "both_bad": "tie", "both_good": "tie"}
_VOICES = """
    SELECT DISTINCT a.annotator, a.kind, o.source
    FROM annotations a JOIN occurrences o USING (occurrence_id) WHERE a.label IS NOT NULL
"""
_CAME = """
    SELECT a.annotation_id, a.comparison_id, a.prompt_id, a.annotator, a.kind, a.label, t.source IS NOT NULL AS gold, g.side
    FROM annotations a
    JOIN (SELECT DISTINCT occurrence_id, source FROM occurrences) o USING (occurrence_id)
    LEFT JOIN trusted t ON (t.annotator, t.kind, t.source) = (a.annotator, a.kind, o.source)
    LEFT JOIN gold g ON g.prompt_id = a.prompt_id
    WHERE a.attribute = 'overall' AND a.context = 'none' AND a.label IN ('a', 'b', 'tie', 'both_bad', 'both_good')
    ORDER BY a.comparison_id, a.annotation_id
"""
# `majority`, for all comparisons at once.
_LABELS_IN = """
    WITH counted AS (
        SELECT comparison_id, kind = 'person' AS person, count(*) FILTER (label = 'a') AS a,
            count(*) FILTER (label = 'b') AS b, count(*) FILTER (label NOT IN ('a', 'b')) AS ties
        FROM given GROUP BY ALL
    ),
    asked AS (SELECT *, bool_or(person) OVER (PARTITION BY comparison_id) AS people FROM counted)
    SELECT comparison_id, CASE WHEN a > b AND a > ties THEN 'a' WHEN b > a AND b > ties THEN 'b' ELSE 'tie' END
    FROM asked WHERE person = people AND (a > b AND a > ties OR b > a AND b > ties OR ties > a AND ties > b)
"""
_GOLD_PROMPTS = """
    SELECT DISTINCT a.prompt_id FROM annotations a JOIN occurrences o USING (occurrence_id)
    JOIN trusted t ON (t.annotator, t.kind, t.source) = (a.annotator, a.kind, o.source)
    WHERE a.label IS NOT NULL ORDER BY a.prompt_id
"""


def is_gold(annotator: str, kind: str, source: str, gold: GoldOptions) -> bool:
    """Whether a label is trusted: its annotator (``kind:source/name``) matches a pattern, or a person of a gold source gave it."""
    trusted = any(fnmatch.fnmatchcase(annotator, pattern) for pattern in gold.annotators)
    return trusted or (kind == "person" and source in gold.sources)


def majority(votes: Iterable[str]) -> str | None:
    """What most of the votes say, ``a``, ``b`` or ``tie`` (both_bad and both_good are ties too): None without votes or at a draw.

    The most frequent of the three wins, even when it is not more than half of all.

    Raises:
        KeyError: a vote is no preference (unratable, say): whoever counts leaves it out first.
    """
    ranked = Counter(_COUNTS_AS[vote] for vote in votes).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def given_labels(snapshot: Snapshot, gold: GoldOptions, shard: int) -> pa.Table:
    """The labels that came with a shard's data and may be used: all but gold that is not of side fit.

    Columns annotation_id, comparison_id, prompt_id, annotator, kind, label, gold (of side fit, then), and the prompt's side (fit,
    audit or null); one row an annotation, ordered by comparison_id and annotation_id.

    Args:
        snapshot: must have annotations, occurrences and gold.
        gold: whose labels are gold.
        shard: one of the store's.
    """
    with snapshot.connect(_TABLES, shard) as connection:
        register_trusted(connection, gold)
        return connection.sql(f"SELECT * FROM ({_CAME}) WHERE NOT gold OR side = 'fit'").to_arrow_table()  # noqa: S608


def labels_in(given: pa.Table) -> dict[str, str]:
    """The contract's `label_in` by comparison: the majority of the people, or where no people labelled, of all that came.

    Args:
        given: as `given_labels` gives them. Comparisons without a majority are not in the result; where people draw, judges are
            not asked.
    """
    with connect() as connection:
        connection.register("given", given.select(["comparison_id", "kind", "label"]))
        return dict(connection.sql(_LABELS_IN).fetchall())


def gold_labels(snapshot: Snapshot, gold: GoldOptions, side: Literal["fit", "audit"], shard: int) -> dict[str, str]:
    """What gold of one side says by comparison, ``a``, ``b`` or ``tie``: its majority; draws are left out.

    Side audit is for the report alone.
    """
    with snapshot.connect(_TABLES, shard) as connection:
        register_trusted(connection, gold)
        query = f"SELECT comparison_id, label FROM ({_CAME}) WHERE gold AND side = ?"  # noqa: S608
        return _decided(_grouped(connection.sql(query, params=[side]).fetchall()))


def trusted_labels(snapshot: Snapshot, gold: GoldOptions, shard: int) -> dict[str, str]:
    """What is known best about a shard's comparisons, ``a``, ``b`` or ``tie``: gold of side fit, else the majority of people.

    Prompts of side audit are left out altogether, not only their gold labels: what is chosen by these labels (rubrics) never
    saw anything of the pairs on which the report measures.
    """
    given = given_labels(snapshot, gold, shard)
    golden: list[tuple[str, str]] = []
    people: list[tuple[str, str]] = []
    columns = (given.column(name).to_pylist() for name in ("comparison_id", "kind", "label", "gold", "side"))
    for comparison, kind, label, trusted, side in zip(*columns, strict=True):
        if side != "audit" and (trusted or kind == "person"):
            (golden if trusted else people).append((comparison, label))
    return _decided({**_grouped(people), **_grouped(golden)})


def gold_prompts(snapshot: Snapshot, gold: GoldOptions, shard: int) -> list[str]:
    """The prompts of a shard with a label by somebody whom the configuration trusts, on any attribute, ascending."""
    with snapshot.connect(_TABLES, shard) as connection:
        register_trusted(connection, gold)
        return [row[0] for row in connection.sql(_GOLD_PROMPTS).fetchall()]


def register_trusted(connection: duckdb.DuckDBPyConnection, gold: GoldOptions) -> None:
    """Registers the table trusted (annotator, kind, source): those of the view annotations whose labels are gold."""
    voices = connection.sql(_VOICES).fetchall() if gold.annotators or gold.sources else []
    trusted = [
        (annotator, kind, source) for annotator, kind, source in voices if is_gold(annotator, kind, source, gold)
    ]
    names = ("annotator", "kind", "source")
    columns = zip(*trusted, strict=True) if trusted else ((), (), ())
    connection.register("trusted", pa.table({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)}))


def _grouped(labels: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for comparison, label in labels:
        grouped[comparison].append(label)
    return grouped


def _decided(votes: Mapping[str, list[str]]) -> dict[str, str]:
    told = {comparison: majority(labels) for comparison, labels in votes.items()}
    return {comparison: label for comparison, label in told.items() if label is not None}
