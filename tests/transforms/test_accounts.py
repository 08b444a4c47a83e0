"""Every input row ends as exactly one of used, merged, auxiliary, quarantined."""

import json
import random
import zlib
from pathlib import Path

import pytest

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.accounts import SourceAccount, UsedRows, accounts_table, source_accounts
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import Store
from tests.helpers import context, ingest, label, make_store, pair, row_accounts, told

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"
FIELDS = {"prompt": "q", "response_a": "x", "response_b": "y"}
LABELLED = {**FIELDS, "label": {"path": "v", "values": {"1": "a", "2": "b"}}, "annotator": "who"}


def pinned(store: Store) -> Snapshot:
    return context(store, "report", ("occurrences", "intakes"), ("accounts",)).pin()


def accounts(store: Store) -> dict[str, SourceAccount]:
    found = row_accounts(pinned(store))
    for account in found:
        parts = (account.used, account.merged, account.auxiliary, account.quarantined)
        assert account.rows == sum(parts), account
    return {account.source: account for account in found}


def rows(count: int, **more) -> list[dict]:
    return [{"q": f"question {n}", "x": f"yes {n}", "y": f"no {n}", **more} for n in range(count)]


def mapped(tmp_path, name: str, files: dict[str, list[dict]], fields: dict = FIELDS) -> SourceOptions:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    for file, content in files.items():
        (folder / file).write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in content))
    return SourceOptions.model_validate({"name": name, "path": str(folder / "*.jsonl"), "fields": fields})


def test_a_store_without_rows_has_no_accounts(tmp_path):
    store = Store(str(tmp_path / "store"), 2)
    store.create()
    assert row_accounts(pinned(store)) == []


def test_every_new_comparison_is_used_and_every_repeat_without_a_label_is_merged(tmp_path):
    two = [pair("q", "x", "y"), pair("p", "x", "y")]
    store = make_store(tmp_path, {"first": [*two, two[0]], "second": [two[1], pair("new", "x", "y")]})
    assert accounts(store) == {
        "first": SourceAccount("first", 3, 2, 1, 0, 0, 3),
        "second": SourceAccount("second", 2, 1, 1, 0, 0, 2),
    }


def test_a_repeat_with_a_label_is_used_because_its_vote_counts(tmp_path):
    said = pair("q", "x", "y", label("first"))
    store = make_store(tmp_path, {"one": [said, said], "two": [said]})
    assert {name: (a.used, a.merged) for name, a in accounts(store).items()} == {"one": (2, 0), "two": (1, 0)}


def test_the_same_file_twice_and_a_shuffled_copy_are_merged(tmp_path):
    shuffled = rows(7)
    random.Random(1).shuffle(shuffled)
    source = mapped(tmp_path, "s", {"a.jsonl": rows(7), "b.jsonl": rows(7), "c.jsonl": shuffled, "d.jsonl": rows(2)})
    store = ingest(tmp_path / "store", [source])
    assert accounts(store)["s"] == SourceAccount("s", 23, 7, 16, 0, 0, 9)


def test_rows_in_quarantine_are_counted_as_such(tmp_path):
    broken = ["{not json\n", {"q": "no answers"}]
    store = ingest(tmp_path / "store", [mapped(tmp_path, "s", {"a.jsonl": [*rows(3), *broken]})])
    assert accounts(store)["s"] == SourceAccount("s", 5, 3, 0, 0, 2, 3)


def test_a_row_that_repeats_its_own_id_is_merged(tmp_path):
    said = [{**row, "id": f"row-{n}", "v": "1", "who": "ann"} for n, row in enumerate(rows(3))]
    source = mapped(
        tmp_path, "s", {"a.jsonl": said, "b.jsonl": [*said[:2], *rows(5)[3:]]}, {**LABELLED, "row_id": "id"}
    )
    account = accounts(ingest(tmp_path / "store", [source]))["s"]
    assert (account.rows, account.used, account.merged, account.quarantined) == (7, 5, 2, 0)


def test_one_row_with_pairs_of_several_prompts_is_one_row(tmp_path):
    oasst = SourceOptions.model_validate({"name": "trees", "format": "oasst", "path": str(EXAMPLES / "oasst-trees")})
    store = ingest(tmp_path / "store", [oasst], shards=8, limit=40)
    account = accounts(store)["trees"]
    committed = store.dataset("occurrences").to_table(columns=["number", "prompt_id"]).to_pylist()
    numbers = {row["number"] for row in committed}
    assert len({(row["number"], int(row["prompt_id"][0], 16) // 2) for row in committed}) > len(numbers), "no fan-out"
    assert (account.rows, account.used, account.merged, account.auxiliary) == (len(numbers), len(numbers), 0, 0)
    assert account.pairs == len(committed) > account.used


def test_rows_that_are_joined_into_others_are_auxiliary(tmp_path):
    fastchat = {"name": "mt", "format": "fastchat", "path": str(EXAMPLES / "mtbench-fastchat-judgments")}
    account = accounts(ingest(tmp_path / "store", [SourceOptions.model_validate(fastchat)], limit=5))["mt"]
    assert (account.rows, account.used, account.merged, account.quarantined) == (25, 5, 0, 0)
    assert account.auxiliary == 20


def test_a_row_is_used_when_any_shard_used_it(tmp_path):
    store = make_store(tmp_path, [pair(f"q{n}", "x", "y") for n in range(3)])
    snapshot = pinned(store)
    intake = snapshot.table("intakes").to_pylist()[0]["intake_id"]
    shards = [
        UsedRows(intake, zlib.compress(bytes([0b00000001]))),
        UsedRows(intake, zlib.compress(bytes([0b00000101]))),
    ]
    assert source_accounts(snapshot, shards) == [SourceAccount("data", 3, 2, 1, 0, 0, 3)]


def test_a_store_that_contradicts_itself_is_an_error(tmp_path):
    store = make_store(tmp_path, [pair("q", "x", "y")])
    snapshot = pinned(store)
    intake = snapshot.table("intakes").to_pylist()[0]["intake_id"]
    with pytest.raises(ValueError, match=r"data\.pickle of source 'data' has 1 rows .* but 8 are used"):
        source_accounts(snapshot, [UsedRows(intake, zlib.compress(b"\xff"))])


def test_the_accounts_are_the_rows_of_their_table(tmp_path):
    store = make_store(tmp_path, [pair("q", "x", "y")])
    table = accounts_table(row_accounts(pinned(store)))
    assert table.schema == TABLES["accounts"].schema
    assert table.to_pylist() == [
        {"prompt_id": "", "source": "data", "rows": 1, "used": 1, "merged": 0}
        | {"auxiliary": 0, "quarantined": 0, "pairs": 1}
    ]


def test_rows_of_a_source_that_is_no_longer_configured_are_not_counted(tmp_path):
    kept, gone = mapped(tmp_path, "kept", {"a.jsonl": rows(2)}), mapped(tmp_path, "gone", {"a.jsonl": rows(2)})
    ingest(tmp_path / "store", [gone])
    assert list(accounts(ingest(tmp_path / "store", [kept], run_id="again"))) == ["kept"]


def test_a_row_about_a_prompt_alone_is_auxiliary_and_the_pair_of_that_prompt_is_used(tmp_path):
    rows = [told("p", "because"), told("p", "because"), told("other", "why not"), pair("p", "x", "y")]
    store = make_store(tmp_path, rows)
    assert accounts(store) == {"data": SourceAccount("data", 4, 1, 0, 3, 0, 1)}
