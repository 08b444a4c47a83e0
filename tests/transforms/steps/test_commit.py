"""A tiny stage from end to end: units, parts, one commit a table, the ledger entry."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from prefcurate.transforms.steps.commit import CommitStage, Finished
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.shards import MapShards
from prefcurate.transforms.steps.units import Pin, ShardUnits, Unit
from prefcurate.transforms.store.files import write_bytes
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.store import Store
from tests.helpers import run_stage
from tests.transforms.store.toys import FACT, VIEW, commit, fact_part, facts, held, new_store, view_part

STAGE = "toy"


@dataclass(frozen=True)
class Work:
    """Writes one fact a shard, in two pending parts that overlap, and one row of a view."""

    value: str
    view: tuple[str, ...] = ("v",)

    def __call__(self, unit: Unit) -> Iterator[Part | Finished]:
        store, key = unit.snapshot.store, f"p{unit.shard}"
        for rows in ([(key, self.value)], [(key, self.value), (f"q{unit.shard}", self.value)]):
            part = write_part(store.root, FACT, unit.shard, [facts(*rows)], pending=STAGE)
            assert part is not None
            yield part
        yield view_part(store, *(f"{name}{unit.shard}" for name in self.view), shard=unit.shard)
        yield Finished("shards", str(unit.shard))


@dataclass
class Toy(beam.PTransform):
    context: StageContext
    work: Work
    before_ledger: object = None
    paid: Callable[[StageContext, str, int], list[Part]] | None = None

    def expand(self, root):
        pinned = root | Pin(self.context)
        parts = pinned | ShardUnits() | MapShards(self.work)
        return parts | CommitStage(self.context, pinned, self.before_ledger, self.paid)


def context(store: Store, run: str, settings: str = "s") -> StageContext:
    return StageContext(
        store,
        STAGE,
        (FACT,),
        (FACT, VIEW),
        "sources",
        settings,
        files=partial(str, "i"),
        fingerprints=("f",),
        run_id=run,
    )


def run(store: Store, name: str, work: Work, **more) -> None:
    run_stage(Toy(context(store, name, more.pop("settings", "s")), work, **more))


def pending(store: Store) -> list[str]:
    return sorted(str(path) for path in Path(store.root, "_pending").rglob("*.parquet"))


def test_a_stage_commits_its_parts_and_says_so_in_the_ledger(tmp_path):
    store = new_store(tmp_path)
    run(store, "one", Work("x"))
    assert held(store) == ["x"] * 4 and held(store, table=VIEW) == ["v0", "v1"]
    assert store.dataset(FACT, shard=1).to_table()["prompt_id"].to_pylist() == ["p1", "q1"]
    assert len(store.files(FACT)) == 2 and pending(store) == []
    (entry,) = store.ledger()
    assert (entry.stage, entry.run_id, entry.settings, entry.inputs) == (STAGE, "one", "s", {"files": "i"})
    assert (entry.versions, entry.detail) == ({FACT: 1, VIEW: 1}, {"shards": ["0", "1"]})


def test_the_commit_tells_run_stage_inputs_and_fingerprints(tmp_path):
    store = new_store(tmp_path)
    run(store, "one", Work("x"))
    told = store.delta(FACT).history(1)[0]
    assert {key: told[f"prefcurate.{key}"] for key in ("run", "stage", "settings", "inputs", "fingerprints")} == {
        "run": "one",
        "stage": STAGE,
        "settings": "s",
        "inputs": "attributes@0,clusters@0,intakes@0,occurrences@0",
        "fingerprints": "f",
    }


def test_the_same_again_changes_nothing(tmp_path):
    store = new_store(tmp_path)
    run(store, "one", Work("x"))
    before, entries = store.versions(), store.ledger()
    files = {name: store.files(name) for name in (FACT, VIEW)}
    run(store, "two", Work("x"))
    assert (store.versions(), store.ledger()) == (before, entries)
    assert {name: store.files(name) for name in (FACT, VIEW)} == files and pending(store) == []


def test_facts_stand_and_views_are_replaced(tmp_path):
    store = new_store(tmp_path)
    run(store, "one", Work("x"))
    run(store, "two", Work("later", ("w",)))
    assert held(store) == ["x"] * 4, "the first committed stands"
    assert held(store, table=VIEW) == ["w0", "w1"]
    assert len(store.ledger()) == 2
    assert store.ledger()[0].state != store.ledger()[1].state


def test_other_settings_that_change_nothing_move_no_later_stage(tmp_path):
    store = new_store(tmp_path)
    run(store, "one", Work("x"))
    run(store, "two", Work("x"), settings="t")
    one, two = store.ledger()
    assert (one.settings, two.settings, one.state == two.state) == ("s", "t", True)


def left_behind(store: Store) -> str:
    """A pending part that was not among the stage's outputs."""
    return fact_part(store, ("other", "paid for"), pending=STAGE).path


def nothing_paid(context: StageContext, table: str, shard: int) -> list[Part]:
    return []


def all_paid(context: StageContext, table: str, shard: int) -> list[Part]:
    folder = Path(context.store.root) / "_pending" / STAGE / table / f"shard={shard}"
    return [Part(table, shard, str(path), 1, path.stat().st_size, True) for path in folder.glob("*.parquet")]


@pytest.mark.parametrize("paid", [None, nothing_paid, all_paid])
def test_what_lies_pending_of_a_stage_that_pays_is_kept_or_committed(tmp_path, paid):
    store = new_store(tmp_path)
    other = left_behind(store)
    run(store, "one", Work("x"), paid=paid)
    assert pending(store) == ([other] if paid is nothing_paid else [])
    assert ("paid for" in held(store)) == (paid is all_paid)


def test_what_lies_pending_of_another_stage_is_never_touched(tmp_path):
    store = new_store(tmp_path)
    other = fact_part(store, ("p", "x"), pending="other stage").path
    run(store, "one", Work("x"))
    assert pending(store) == [other]


def name_release(context: StageContext, outputs: list) -> None:
    parts = sum(isinstance(output, Part) for output in outputs)
    finished = sorted(output.value for output in outputs if isinstance(output, Finished))
    told = f"{context.store.delta(FACT).version()} {len(context.store.ledger())} {parts} {finished}"
    write_bytes(f"{context.store.root}/named", told.encode())


def test_what_must_come_before_the_ledger_comes_after_the_commits(tmp_path):
    store = new_store(tmp_path)
    run(store, "one", Work("x"), before_ledger=name_release)
    # Version 1, no entry yet; one merged part a table and shard.
    assert Path(store.root, "named").read_text() == "1 0 4 ['0', '1']"


def fails(context: StageContext, outputs: list) -> None:
    raise RuntimeError("no network")


def test_a_stage_that_dies_before_its_ledger_entry_is_finished_by_the_next_run(tmp_path):
    store = new_store(tmp_path)
    with pytest.raises(RuntimeError, match="no network"):
        run(store, "one", Work("x"), before_ledger=fails)
    assert store.ledger() == [] and held(store) == ["x"] * 4
    run(store, "two", Work("x"))
    assert held(store) == ["x"] * 4 and [entry.run_id for entry in store.ledger()] == ["two"]


@dataclass(frozen=True)
class Overtaken(Work):
    """Another run commits while this one works."""

    def __call__(self, unit: Unit) -> Iterator[Part | Finished]:
        store = unit.snapshot.store
        if unit.shard == 0 and store.delta(FACT).version() == 0:
            commit(store, [fact_part(store, ("p0", "the other's"))], "the other's", base=0)
        yield from super().__call__(unit)


def test_a_run_that_was_overtaken_loses_cleanly_and_the_next_takes_it_up(tmp_path):
    store = new_store(tmp_path)
    with pytest.raises(Exception, match="another run changed the table attributes"):
        run(store, "one", Overtaken("x"))
    assert held(store) == ["the other's"] and store.ledger() == []
    assert len(pending(store)) == 4, "what was finished is kept"
    run(store, "two", Work("x"))
    assert held(store) == ["the other's", "x", "x", "x"] and pending(store) == []


def test_a_stage_without_any_output_is_finished_too(tmp_path):
    store = new_store(tmp_path)
    commit(store, [view_part(store, "old")], "before", table=VIEW)

    run_stage(Empty(context(store, "one")))
    assert held(store, table=VIEW) == [] and held(store) == []
    (entry,) = store.ledger()
    assert (entry.versions, entry.detail) == ({FACT: 0, VIEW: 2}, {})


@dataclass
class Empty(beam.PTransform):
    context: StageContext

    def expand(self, root):
        pinned = root | Pin(self.context)
        return pinned | beam.FlatMap(lambda _: []) | CommitStage(self.context, pinned)


def test_the_stage_gives_the_state_of_its_entry(tmp_path):
    store = new_store(tmp_path)
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        state = pipeline | Toy(context(store, "one"), Work("x"))
        assert_that(state | beam.Map(lambda s: len(s)), equal_to([16]))
    assert len(store.ledger()[0].state) == 16


def test_remarks_are_sorted_and_each_said_once(tmp_path):
    store = new_store(tmp_path)
    run_stage(Remarks(context(store, "one")))
    assert store.ledger()[0].detail == {"a": ["1", "2"], "b": ["3"]}


@dataclass
class Remarks(beam.PTransform):
    context: StageContext

    def expand(self, root):
        pinned = root | Pin(self.context)
        said = [Finished("b", "3"), Finished("a", "2"), Finished("a", "1"), Finished("a", "2")]
        return pinned | beam.FlatMap(lambda _: said) | CommitStage(self.context, pinned)
