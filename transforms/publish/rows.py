"""The rows of a release: published pairs with their text, in the form that trainers read, and the list of the withheld."""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.schemas.tables import PREFERENCES
from prefcurate.transforms.publish.fates import FATES, fates_file
from prefcurate.transforms.publish.mask import mask_rows
from prefcurate.transforms.publish.options import SPLITS, PublishOptions
from prefcurate.transforms.publish.settle import NO_CAP, duplicates_file
from prefcurate.transforms.publish.work import FileTask, read_work
from prefcurate.transforms.store.duck import connect

WITHHELD = pa.schema(
    [
        ("comparison_id", pa.string()),
        ("prompt_id", pa.string()),
        ("split", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
TRL = pa.schema([PREFERENCES.field(name) for name in ("prompt", "chosen", "rejected")]).append(
    pa.field("margin", pa.float64())
)
"""TRL's RewardTrainer computes -logsigmoid(reward of chosen - reward of rejected - margin)."""

ROWS = 2048
"""Rows read at a time, as many as DuckDB holds anyway: the text of a shard is never in memory at once."""

_SETTLED = """
    WITH given_way AS (SELECT judged.*, d.representative FROM judged LEFT JOIN duplicates d USING (comparison_id)),
    once AS (
        SELECT * REPLACE (
            CASE WHEN representative IS NULL THEN reason ELSE 'duplicate' END AS reason,
            coalesce(representative, detail) AS detail)
        FROM given_way
    ),
    capped AS (
        SELECT * REPLACE (CASE WHEN reason IS NULL AND place > $most THEN 'beyond_max_per_prompt' ELSE reason END AS reason)
        FROM (SELECT *, row_number() OVER (
            PARTITION BY prompt_id, reason IS NULL ORDER BY evidence DESC, comparison_id) AS place FROM once)
    )
    SELECT * EXCLUDE (representative, place)
        REPLACE (weight / count(*) OVER (PARTITION BY prompt_id, reason IS NULL) AS weight)
    FROM capped ORDER BY prompt_id, comparison_id
"""
_PLAIN = """
    CREATE TEMP MACRO plain(messages) AS list_transform(messages, lambda m: {
        'role': m.role, 'content': array_to_string(list_transform(m.content, lambda p: p.text), chr(10))})
"""
_PUBLISHED = """
    WITH given AS (
        SELECT comparison_id, min(group_id) AS group_id,
            list_sort(list_distinct(list(source))) AS sources,
            list_sort(list_distinct(list(licence) FILTER (licence IS NOT NULL))) AS licences
        FROM occurrences GROUP BY comparison_id
    )
    SELECT s.comparison_id, s.prompt_id, g.group_id, plain(c.prompt) AS prompt,
        plain(CASE s.chosen WHEN 'a' THEN c.response_a ELSE c.response_b END) AS chosen,
        plain(CASE s.chosen WHEN 'a' THEN c.response_b ELSE c.response_a END) AS rejected,
        s.p_chosen, 2 * s.p_chosen - 1 AS preference_margin, s.weight, s.decision, s.label_source,
        coalesce(g.sources, []) AS sources, coalesce(g.licences, []) AS licences, s.split, s.band
    FROM settled s JOIN comparisons c USING (comparison_id) LEFT JOIN given g USING (comparison_id)
    WHERE s.reason IS NULL
    ORDER BY s.prompt_id, s.comparison_id
"""


def settled(judged: pa.Table, duplicates: pa.Table, most: int | None) -> pa.Table:
    """The last word on a shard's pairs: near duplicates give way, then the cap, then weights are shared out.

    The weights of a prompt's published pairs sum to the mean of what consensus gave them: nine pairs made from one ranking
    weigh as much as the one pair of another prompt.

    Args:
        judged: `FATES`, every pair of the prompts concerned.
        duplicates: `DUPLICATES` among them (others are of no matter).
        most: how many pairs of one prompt may be published; None for all.
    """
    with connect() as connection:
        connection.register("judged", judged)
        connection.register("duplicates", duplicates.select(["comparison_id", "representative"]))
        found = connection.sql(_SETTLED, params={"most": NO_CAP if most is None else most})
        return found.to_arrow_table().select(FATES.names).cast(FATES)


def release_rows(
    task: FileTask, options: PublishOptions, found: dict[str, Counter[str]]
) -> Iterator[tuple[str, pa.Table]]:
    """Rows with the folder of the release that they belong to, in each sorted by prompt and comparison.

    Shards are ranges of prompt ids, read one after another, and the text of each is read once.

    Args:
        task: which shards.
        options: exports, cap, masking.
        found: is given what was masked, by split and kind.
    """
    duplicates = read_work(duplicates_file(task.work))
    for shard in task.shards:
        final = settled(read_work(fates_file(task.work, shard)), duplicates, options.max_per_prompt)
        yield "withheld", final.filter(final["reason"].is_valid()).select(WITHHELD.names)
        for rows in _published(task, shard, final):
            for split in SPLITS:
                of_split = rows.filter(pc.equal(rows["split"], split))
                if options.mask_personal_data:
                    of_split, counted = mask_rows(of_split)
                    found.setdefault(split, Counter()).update(counted)
                yield split, of_split
                for export in options.exports:
                    yield f"exports/{export}/{split}", trl_rows(of_split)


def trl_rows(rows: pa.Table) -> pa.Table:
    """Published rows as TRL's trainers read them."""
    return rows.append_column("margin", rows["preference_margin"]).select(TRL.names)


def schema_of(folder: str) -> pa.Schema:
    """The columns of the files in a folder of the release."""
    if folder == "withheld":
        return WITHHELD
    return TRL if folder.startswith("exports/trl/") else PREFERENCES


def _published(task: FileTask, shard: int, final: pa.Table) -> Iterator[pa.Table]:
    with task.snapshot.connect(["comparisons", "occurrences"], shard) as connection:
        connection.register("settled", final)
        connection.execute(_PLAIN)
        for batch in connection.sql(_PUBLISHED).to_arrow_reader(ROWS):
            yield pa.table(batch).cast(PREFERENCES)
