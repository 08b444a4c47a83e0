"""Stores with a consensus that a test wrote, for publish, diff and show."""

import itertools

import pyarrow as pa

from prefcurate.schemas.canonical import shard_of
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.publish.fates import judge_shard
from prefcurate.transforms.publish.options import PublishOptions
from prefcurate.transforms.publish.plan import plan
from prefcurate.transforms.publish.publish import READS, WRITES, Publish, shard_tasks
from prefcurate.transforms.publish.releases import Release, open_release
from prefcurate.transforms.publish.seal import point_current, seal
from prefcurate.transforms.publish.settle import settle
from prefcurate.transforms.publish.write import write_release
from prefcurate.transforms.steps.commit import _commit, _keyed, _merge
from prefcurate.transforms.store.parts import write_part
from prefcurate.transforms.store.store import Store
from tests.helpers import context, run_stage

TRAIN_ONLY = PublishOptions.model_validate({"splits": {"train": 1.0}})
TEST_ONLY = PublishOptions.model_validate({"splits": {"test": 1.0}})


def put(store: Store, table: str, rows: list[dict]) -> None:
    """Commits rows in the way a stage does: facts grow, views are replaced."""
    parts = []
    for shard in range(store.shards):
        mine = [row for row in rows if (shard_of(row["prompt_id"], store.shards) if row["prompt_id"] else 0) == shard]
        mine.sort(key=lambda row: [str(row.get(column)) for column in TABLES[table].order])
        part = write_part(store.root, table, shard, [pa.Table.from_pylist(mine, schema=TABLES[table].schema)])
        parts += [part] if part else []
    base = store.delta(table).version()
    replace = TABLES[table].role == "view"
    store.commit(table, parts, base=base, replace=replace, transaction=f"test/{table}/{base}", metadata={})


def comparisons(store: Store) -> list[dict]:
    rows = store.dataset("comparisons").to_table().to_pylist()
    return sorted(rows, key=lambda row: (row["prompt_id"], row["comparison_id"]))


def ids(store: Store) -> dict[str, dict]:
    """Comparisons by their prompt's text (which is one pair's alone in these tests)."""
    return {row["prompt_text"]: row for row in comparisons(store)}


def decided(row: dict, decision: str = "keep", label: str | None = "a", p_a: float = 0.9, **more) -> dict:
    """A row of consensus for a row of comparisons."""
    given = {"prompt_id": row["prompt_id"], "comparison_id": row["comparison_id"], "attribute": "overall"}
    said = {"context": "none", "p_a": p_a, "p_b": 1 - p_a, "p_tie": 0.0, "label_in": "a", "label": label}
    rest = {"decision": decision, "weight": 1.0, "reason": "people agree", "evidence": ["e1"]}
    return {**given, **said, **rest, **more}


def decide_all(store: Store, **changed: dict) -> None:
    """Every pair is kept with p_a .9, but for those whose prompt's text is named."""
    put(store, "consensus", [decided(row, **changed.get(row["prompt_text"], {})) for row in comparisons(store)])


def publish(store: Store, options: PublishOptions = TRAIN_ONLY, configuration: str = "{}") -> Release:
    """What the stage does, step by step in this process; `test_beam_and_plain_calls_give_the_same_bytes` holds them together."""
    stage = context(store, "publish", READS, WRITES)
    planned = plan(stage.pin(), stage, options.splits)
    loads = [load for task in shard_tasks(planned) for load in judge_shard(task, options.bands)]
    files = [file for task in settle(loads, planned, options.max_per_prompt) for file in write_release(task, options)]
    told = list(seal(files, planned, stage, configuration))
    keyed = itertools.groupby(
        sorted((_keyed(each) for each in told), key=lambda pair: pair[0]), key=lambda pair: pair[0]
    )
    merged = [each for key, group in keyed for each in _merge((key, [g for _, g in group]), stage, planned.snapshot)]
    _commit(merged, stage, planned.snapshot, point_current, False)
    return open_release(store.root)


def publish_with_beam(store: Store, options: PublishOptions = TRAIN_ONLY, configuration: str = "{}") -> Release:
    run_stage(Publish(context(store, "publish", READS, WRITES), options, configuration))
    return open_release(store.root)


def withheld(release: Release) -> dict[str, tuple[str, str | None]]:
    rows = release.dataset("withheld").to_table().to_pylist()
    return {row["comparison_id"]: (row["reason"], row["detail"]) for row in rows}
