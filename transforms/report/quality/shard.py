"""The opinions and ratings of one shard, as small tables beside the store's, for the one worker that holds them against each other."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.labels import given_labels, gold_labels
from prefcurate.transforms.report.quality.opinions import OPINIONS, Opinions, opinions_of
from prefcurate.transforms.report.quality.rated import RATED
from prefcurate.transforms.store.parts import read_aside, write_aside
from prefcurate.transforms.store.snapshot import Snapshot

MOST = 5_000_000
"""Opinions that one worker holds, and ratings; of more, those on a sample of the prompts by hash."""
_HASH = "('0x' || substr(sha256({}), 1, 15))::BIGINT"
_PROMPT = "('0x' || substr(a.prompt_id, 1, 15))::BIGINT"
# A row that stands for its occurrence tells the order that the source's file has the responses in.
_OPINIONS = f"""
    WITH came AS (
        SELECT occurrence_id, source, reversed, file, number FROM occurrences
        QUALIFY row_number() OVER (PARTITION BY prompt_id, occurrence_id ORDER BY file, number, intake_id) = 1
    )
    SELECT a.annotator, a.kind, coalesce(c.source, '') AS source, coalesce(nullif(a.family, ''), a.annotator) AS family, a.attribute,
        {_HASH.format("concat_ws('|', a.comparison_id, a.attribute, a.context)")} AS item, {_PROMPT} AS prompt,
        {_HASH.format("coalesce(a.judgement_id, a.annotation_id)")} AS act,
        CASE a.label WHEN 'a' THEN 1 WHEN 'b' THEN -1 ELSE 0 END AS label,
        CASE a.order_shown WHEN 'ab' THEN 1 WHEN 'ba' THEN -1 ELSE CASE c.reversed WHEN true THEN -1 WHEN false THEN 1 ELSE 0 END END AS first,
        a.order_shown IN ('ab', 'ba') AS shown,
        CASE l.longer WHEN 'a' THEN 1 WHEN 'b' THEN -1 ELSE 0 END AS longer,
        CASE l.formatted WHEN 'a' THEN 1 WHEN 'b' THEN -1 ELSE 0 END AS formatted,
        CASE WHEN t.annotation_id IS NOT NULL OR a.attribute <> 'overall' OR a.context <> 'none' THEN 2
            ELSE coalesce(CASE g.label WHEN 'a' THEN 1 WHEN 'b' THEN -1 WHEN 'tie' THEN 0 END, 2) END AS gold,
        a.seconds, epoch(try_strptime(a.answered_at, '%Y-%m-%dT%H:%M:%SZ'))::BIGINT AS moment, coalesce(l.characters, 0) AS characters,
        coalesce(c.file, '') AS file, coalesce(c.number, 0) AS row
    FROM annotations a LEFT JOIN came c USING (occurrence_id) LEFT JOIN looks l ON l.comparison_id = a.comparison_id
        LEFT JOIN gold_labels g ON g.comparison_id = a.comparison_id LEFT JOIN trusted t ON t.annotation_id = a.annotation_id
    WHERE a.label IN ('a', 'b', 'tie', 'both_bad', 'both_good') AND (a.occurrence_id IS NULL OR c.source IS NOT NULL)
        AND a.prompt_id <> '' AND a.comparison_id NOT IN (SELECT comparison_id FROM comparisons WHERE origin = 'probe')
    ORDER BY a.prompt_id, a.comparison_id, a.annotation_id
"""  # noqa: S608 of this module
# Who rated a response twice is heard once. A value outside of its scale says that the question does not apply.
_RATED = f"""
    WITH came AS (SELECT DISTINCT occurrence_id, source FROM occurrences)
    SELECT c.source, a.kind, a.attribute, a.annotator, {_PROMPT} AS prompt, {_HASH.format("a.response_id")} AS response, a.value
    FROM ratings a JOIN came c USING (occurrence_id)
    WHERE a.value IS NOT NULL AND coalesce(a.value >= a.scale_min, true) AND coalesce(a.value <= a.scale_max, true)
    QUALIFY row_number() OVER (PARTITION BY c.source, a.kind, a.attribute, a.annotator, a.prompt_id, a.response_id ORDER BY a.rating_id) = 1
    ORDER BY ALL
"""  # noqa: S608 of this module


@dataclass(frozen=True, order=True)
class OpinionPart:
    """What a shard wrote: where its opinions and its ratings lie, and how many they are."""

    shard: int
    opinions: str
    ratings: str
    opinion_rows: int
    rating_rows: int


def write_opinions(snapshot: Snapshot, shard: int, gold: GoldOptions, looks: pa.Table) -> OpinionPart:
    """Writes a shard's opinions and ratings beside the tables; the stage's commit clears them away.

    Args:
        snapshot: must have comparisons, annotations, ratings, occurrences and gold.
        shard: which.
        gold: whose labels are gold; of side fit alone are annotators measured.
        looks: of the shard's labelled pairs (`prefcurate.transforms.report.looks`).
    """
    given = given_labels(snapshot, gold, shard)
    said = gold_labels(snapshot, gold, "fit", shard)
    with snapshot.connect(["comparisons", "annotations", "ratings", "occurrences"], shard) as connection:
        connection.register("looks", looks)
        connection.register("trusted", given.filter(given["gold"]).select(["annotation_id"]))
        connection.register(
            "gold_labels",
            pa.table({"comparison_id": pa.array(said, pa.string()), "label": pa.array(said.values(), pa.string())}),
        )
        opinions = connection.sql(_OPINIONS).to_arrow_table().cast(OPINIONS)
        ratings = connection.sql(_RATED).to_arrow_table().cast(RATED)
    root = snapshot.store.root
    return OpinionPart(
        shard,
        write_aside(root, "report", "opinions", shard, opinions),
        write_aside(root, "report", "ratings", shard, ratings),
        len(opinions),
        len(ratings),
    )


def read_opinions(parts: Iterable[OpinionPart]) -> Opinions:
    """The opinions that all shards wrote; of more than `MOST`, those on a share of the prompts."""
    parts = sorted(parts)
    return opinions_of(_sampled([part.opinions for part in parts], sum(part.opinion_rows for part in parts)))


def read_ratings(parts: Iterable[OpinionPart]) -> pa.Table:
    """The ratings that all shards wrote, as `RATED`; of more than `MOST`, those on a share of the prompts."""
    parts = sorted(parts)
    tables = _sampled([part.ratings for part in parts], sum(part.rating_rows for part in parts))
    return pa.concat_tables([RATED.empty_table(), *tables])


def _sampled(paths: Iterable[str], rows: int) -> list[pa.Table]:
    tables = (read_aside(path) for path in paths)
    if rows <= MOST:
        return list(tables)
    # The same prompts of every shard: 60 bits of a hash.
    most = int(MOST / rows * 16**15)
    return [table.filter(pc.less(table["prompt"], most)) for table in tables]
