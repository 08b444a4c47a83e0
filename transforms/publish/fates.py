"""What becomes of every pair of a shard: published with which label, or withheld for which reason."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.transforms.publish.options import BandOptions
from prefcurate.transforms.publish.plan import plan_file
from prefcurate.transforms.publish.work import Load, ShardTask, read_work, write_work
from prefcurate.transforms.store.duck import connect
from prefcurate.transforms.store.files import exists, join

REASONS: dict[str, str] = {
    "undecided": "consensus has not decided this pair",
    "empty_prompt": "the prompt has no messages",
    "empty_response": "a response is empty",
    "identical_responses": "both responses are the same",
    "non_text": "the prompt or a response holds something other than text",
    "dropped": "consensus dropped it",
    "held": "consensus waits for another opinion",
    "tie": "no response is the better one",
    "people_draw": "it is held out and the people who labelled it prefer neither response",
    "split_conflict": "it was given one split, and its near duplicates or conversation another that stands above it",
    "contaminated": "the prompt, or a near duplicate of it, is in a benchmark: it may not be trained on",
    "band_left_out": "its curriculum band is none of `publish.bands.train`",
    "duplicate": "a near duplicate with more evidence is published instead",
    "beyond_max_per_prompt": "the prompt already has as many pairs as the settings allow",
}
"""Why a pair is withheld, in the order in which the reasons are looked at."""

_S, _I, _F, _B = pa.string(), pa.int64(), pa.float64(), pa.bool_()
FACTS = pa.schema(
    [
        ("comparison_id", _S),
        ("prompt_id", _S),
        ("split", _S),
        ("group_split", _S),
        ("pair_cluster", _S),
        ("benchmark", _S),
        ("no_prompt", _B),
        ("empty", _B),
        ("identical", _B),
        ("non_text", _B),
        ("bytes", _I),
        ("p_a", _F),
        ("p_tie", _F),
        ("label_in", _S),
        ("label", _S),
        ("decision", _S),
        ("weight", _F),
        ("why", _S),
        ("evidence", _I),
        ("people", _I),
        ("people_a", _I),
        ("people_b", _I),
        ("agreement", _F),
    ]
)
FATES = pa.schema(
    [
        ("comparison_id", _S),
        ("prompt_id", _S),
        ("split", _S),
        ("pair_cluster", _S),
        ("evidence", _I),
        ("bytes", _I),
        ("chosen", _S),  # a or b
        ("p_chosen", _F),
        ("weight", _F),
        ("decision", _S),
        ("label_source", _S),
        ("reason", _S),  # null for a pair that is to be published
        ("detail", _S),
        ("band", _S),
    ]
)
_FACTS = """
    WITH acts AS (
        SELECT DISTINCT comparison_id, annotator, coalesce(judgement_id, annotation_id) AS act, label FROM annotations
        WHERE kind = 'person' AND parse_status = 'ok' AND attribute = 'overall' AND context = 'none'
            AND label IS NOT NULL AND label <> 'unratable'
    ),
    people AS (
        SELECT comparison_id, count(*) AS people, count(*) FILTER (label = 'a') AS people_a,
            count(*) FILTER (label = 'b') AS people_b
        FROM acts GROUP BY comparison_id
    ),
    overall AS (SELECT * FROM consensus WHERE attribute = 'overall' AND context = 'none'),
    -- No text may go through a join: it would be held in memory. Canonical text has no outer whitespace.
    texts AS MATERIALIZED (
        SELECT comparison_id, len(prompt) = 0 AS no_prompt, response_a_text = '' OR response_b_text = '' AS empty,
            response_a_id = response_b_id OR response_a_text = response_b_text AS identical,
            other_than_text(prompt) OR other_than_text(response_a) OR other_than_text(response_b) AS non_text,
            strlen(prompt_text) + strlen(response_a_text) + strlen(response_b_text) AS bytes
        FROM all_comparisons
    )
    SELECT p.comparison_id, p.prompt_id, p.split, p.group_split, p.pair_cluster, p.benchmark,
        c.no_prompt, c.empty, c.identical, c.non_text, c.bytes,
        o.p_a, o.p_tie, o.label_in, o.label, o.decision, o.weight, o.reason AS why,
        coalesce(len(o.evidence), 0) AS evidence,
        coalesce(people, 0) AS people, coalesce(people_a, 0) AS people_a, coalesce(people_b, 0) AS people_b,
        o.agreement
    FROM plan p JOIN texts c USING (comparison_id)
    LEFT JOIN overall o USING (comparison_id) LEFT JOIN people USING (comparison_id)
    ORDER BY p.prompt_id, p.comparison_id
"""
_OTHER_THAN_TEXT = """
    CREATE TEMP MACRO other_than_text(messages) AS len(list_filter(
        flatten(list_transform(messages, lambda m: m.content)), lambda p: p.type NOT IN ('text', 'document'))) > 0
"""
_FATES = """
    WITH sourced AS (
        SELECT *, CASE WHEN starts_with(why, 'override') THEN 'override'
            WHEN split <> 'train' AND people > 0 THEN 'people' ELSE 'consensus' END AS label_source FROM facts
    ),
    labelled AS (
        SELECT *,
            CASE WHEN label_source <> 'people' THEN CASE WHEN label IN ('a', 'b') THEN label END
                WHEN people_a > greatest(people_b, people - people_a - people_b) THEN 'a'
                WHEN people_b > greatest(people_a, people - people_a - people_b) THEN 'b' END AS chosen,
            CASE WHEN label_source = 'override' THEN CASE label WHEN 'a' THEN 1 ELSE 0 END
                WHEN label_source = 'people' THEN (people_a + (people - people_a - people_b) / 2) / people
                ELSE p_a + p_tie / 2 END AS p_first
        FROM sourced
    ),
    probable AS (
        SELECT *, CASE chosen WHEN 'a' THEN p_first ELSE 1 - p_first END AS p_chosen,
            CASE label_source WHEN 'override' THEN 1 WHEN 'people' THEN
                CASE chosen WHEN 'a' THEN people_a ELSE people_b END / nullif(people_a + people_b, 0)
                ELSE agreement END AS agreed
        FROM labelled
    ),
    banded AS (
        SELECT *, CASE WHEN chosen IS NULL THEN NULL WHEN p_chosen < $hard OR coalesce(agreed, 0) <= 0.5 THEN 'hard'
            WHEN p_chosen >= $easy AND agreed = 1 THEN 'easy' ELSE 'medium' END AS band
        FROM probable
    ),
    judged AS (
        SELECT *, CASE
            WHEN decision IS NULL THEN 'undecided'
            WHEN no_prompt THEN 'empty_prompt'
            WHEN empty THEN 'empty_response'
            WHEN identical THEN 'identical_responses'
            WHEN non_text THEN 'non_text'
            WHEN decision = 'drop' THEN 'dropped'
            WHEN decision = 'hold' THEN 'held'
            WHEN chosen IS NULL THEN CASE label_source WHEN 'people' THEN 'people_draw' ELSE 'tie' END
            WHEN split <> group_split THEN 'split_conflict'
            WHEN split = 'train' AND benchmark IS NOT NULL THEN 'contaminated'
            WHEN split = 'train' AND band NOT IN (SELECT unnest($bands)) THEN 'band_left_out' END AS verdict
        FROM banded
    )
    SELECT comparison_id, prompt_id, split, pair_cluster, evidence, bytes, chosen,
        p_chosen, coalesce(weight, 1) AS weight,
        CASE WHEN label_source <> 'people' THEN decision WHEN chosen = label_in THEN 'keep'
            WHEN label_in IN ('a', 'b') THEN 'flip' ELSE 'assign' END AS decision,
        label_source, verdict AS reason,
        CASE WHEN verdict IN ('dropped', 'held') THEN why WHEN verdict = 'contaminated' THEN benchmark
            WHEN verdict = 'split_conflict' THEN split || ' gives way to ' || group_split
            WHEN verdict = 'band_left_out' THEN band END AS detail,
        band
    FROM judged ORDER BY prompt_id, comparison_id
"""


def fates(facts: pa.Table, bands: BandOptions) -> pa.Table:
    """The fate of every pair, from what is known about it (`FACTS` to `FATES`).

    Held-out pairs carry the label that most people gave (neither where that is a tie), with the share of people who gave it (a
    tie is half a vote), where there are people; all others the label and probability of consensus. An override stands above both, and is certain
    (consensus keeps its own probabilities beside it).
    A pair with p_chosen below one half keeps a label that consensus doubts.
    """
    with connect() as connection:
        connection.register("facts", facts)
        params = {"easy": bands.easy, "hard": bands.hard, "bands": list(bands.train)}
        return connection.sql(_FATES, params=params).to_arrow_table().cast(FATES)


def judge_shard(task: ShardTask, bands: BandOptions) -> Iterator[Load]:
    """Writes the fates of a shard's pairs and tells how much text of it is to be published."""
    if not exists(plan_file(task.work, task.shard)):
        return
    judged = fates(_facts(task), bands)
    write_work(fates_file(task.work, task.shard), [judged], FATES)
    published = judged.filter(judged["reason"].is_null())
    yield Load(task.shard, pc.sum(published["bytes"]).as_py() or 0)


def fates_file(work: str, shard: int) -> str:
    """Where the fates of a shard's pairs lie."""
    return join(work, "fates", f"{shard:05d}.parquet")


def _facts(task: ShardTask) -> pa.Table:
    with task.snapshot.connect(["comparisons", "annotations", "consensus"], task.shard) as connection:
        connection.register("plan", read_work(plan_file(task.work, task.shard)))
        connection.execute(_OTHER_THAN_TEXT)
        return connection.sql(_FACTS).to_arrow_table().cast(FACTS)
