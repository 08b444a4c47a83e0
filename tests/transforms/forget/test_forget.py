"""What is forgotten is gone from every byte of a store; what stays is untouched, accounted for, and comes back from nowhere."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from prefcurate.schemas.canonical import shard_of
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.pending import Site, pending_parts, rows_of
from prefcurate.transforms.forget import forget as forgetting
from prefcurate.transforms.forget.forget import finish, foresee, forget, sweep_pending
from prefcurate.transforms.forget.mentions import mentions, mentions_name
from prefcurate.transforms.publish.options import PublishOptions
from prefcurate.transforms.publish.releases import current_id, open_release, release_ids
from prefcurate.transforms.store.files import write_bytes
from prefcurate.transforms.store.parts import write_part
from prefcurate.transforms.store.store import CommitConflict, Store, StoreError
from prefcurate.transforms.store.tombstones import Tombstones, tombstones, unapplied, write_request
from prefcurate.transforms.store.verify import find_damage
from tests.helpers import INGEST, context, ingest, label, make_store, pair, row_accounts, source, told
from tests.transforms.forget.bytes import holders
from tests.transforms.publish.stores import decide_all, ids, publish, put

MARK = "Zxqmarker"
WITH_TRL = PublishOptions.model_validate({"splits": {"train": 1.0}, "exports": ["trl"]})

SHARED = [pair(f"Shared {n}?", "yes", "no", label("first", "bert")) for n in range(4)]
OURS = [pair(f"Ours {n}?", f"so {n}", f"or so {n}", label("second", "carl"), reference="because") for n in range(6)]
THEIRS = [
    *[pair(f"{MARK} {n}?", f"{MARK} so", "or so", label("first", "anna", rationale=f"{MARK} why")) for n in range(5)],
    *[pair(f"Shared {n}?", "yes", "no", label("second", "anna", rationale=f"{MARK} why")) for n in range(2)],
]
SOURCES = {"kept": [*SHARED, *OURS], "gone": THEIRS}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The folder of a store of two sources, with decisions, two releases, fitted heads, and what stages leave beside tables."""
    folder = tmp_path_factory.mktemp("made")
    store = make_store(folder, {"kept": SOURCES["kept"]})
    decide_all(store)
    publish(store)
    ingest(folder / "store", [source(folder, name, pairs) for name, pairs in SOURCES.items()])
    decide_all(store)
    publish(store, WITH_TRL)
    rows = ids(store)
    heads = {"annotator": "reward_head:head", "kind": "reward_model", "fingerprint": "f-head", "label": "a"}
    put(store, "annotations", [heads | _about(r, f"head-{n}") for n, r in enumerate(rows.values())])
    judge = {"annotator": "llm_judge:cheap", "kind": "llm_judge", "fingerprint": "f-judge", "label": "a"}
    put(
        store,
        "annotations",
        [judge | _about(r, f"j-{n}") | {"raw_output": text} for n, (text, r) in enumerate(rows.items())],
    )
    put(store, "calls", [_call(r, f"c-{n}", 0.25) for n, r in enumerate(rows.values())])
    vectors = [{"text_id": r[c], "role": "response", "fingerprint": "e", "vector": [1.0], "prompt_id": r["prompt_id"]}
               for r in rows.values() for c in ("response_a_id", "response_b_id")]  # fmt: skip
    put(store, "embeddings", vectors)
    for path in ("report/index.html", "queues/person.json", "_artefacts/label-model.json", "_tmp/x", "_damaged/r/x"):
        write_bytes(f"{store.root}/{path}", f"{MARK} anna".encode())
    write_bytes(f"{store.root}/_runs/run.json", b'{"gold": ["person:gone/anna", "person:kept/bert"]}')
    write_bytes(f"{store.address('annotations')}/shard=0/dead.parquet", MARK.encode())
    return folder


def _about(row: dict, annotation_id: str) -> dict:
    place = {"prompt_id": row["prompt_id"], "comparison_id": row["comparison_id"]}
    return place | {"annotation_id": annotation_id, "row_hash": "", "parse_status": "ok"}


def _call(row: dict, call_id: str, usd: float) -> dict:
    place = {"prompt_id": row["prompt_id"], "comparison_id": row["comparison_id"], "call_id": call_id}
    said = {"stage": "annotate", "annotator": "llm_judge:cheap", "fingerprint": "f-judge", "status": "ok"}
    return place | said | {"price_usd": usd, "tokens_in": 10, "tokens_out": 1, "detail": row["prompt_text"]}


@pytest.fixture
def store(made, tmp_path) -> Store:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return Store.open(str(tmp_path / "store"))


def wanted(store: Store, sources=(), prompts=(), annotators=()) -> Tombstones:
    return foresee(store, sources, prompts, annotators).tombstones


def rows(store: Store, table: str, **where: object) -> list[dict]:
    found = store.dataset(table).to_table().to_pylist()
    return [row for row in found if all(row[column] == value for column, value in where.items())]


def everything(store: Store) -> dict[str, list[dict]]:
    tables = {name: rows(store, name) for name in TABLES if name not in ("stages", "releases")}
    return {name: sorted(found, key=str) for name, found in tables.items()}


def again(store: Store, tmp_path: Path, named: dict = SOURCES) -> None:
    """What the next run's ingest does."""
    ingest(tmp_path / "store", [source(tmp_path, name, pairs) for name, pairs in named.items()], run_id="again")


def accounts(store: Store) -> dict[str, tuple[int, ...]]:
    found = row_accounts(context(store, "report", ("occurrences", "intakes"), ()).pin())
    for a in found:
        assert a.rows == a.used + a.merged + a.auxiliary + a.quarantined, a
    return {a.source: (a.rows, a.used, a.merged, a.auxiliary, a.quarantined, a.pairs) for a in found}


def test_a_source_is_gone_from_every_byte(store):
    assert len(holders(store.root, MARK)) > 10
    forget(store, wanted(store, sources=["gone"]))
    assert holders(store.root, MARK, "anna") == []
    assert unapplied(store.root) == []


def test_what_another_source_gave_stays_without_what_the_forgotten_one_said(store):
    before = everything(store)
    forget(store, wanted(store, sources=["gone"]))
    after = everything(store)
    marked = {r["comparison_id"] for r in before["comparisons"] if MARK in r["prompt_text"]}
    assert len(marked) == 5
    for table in ("comparisons", "occurrences", "materials", "splits", "consensus", "embeddings"):
        kept = [r for r in before[table] if r.get("source") != "gone" and MARK not in str(r)]
        if table in ("splits", "embeddings"):
            prompts = {r["prompt_id"] for r in after["comparisons"]}
            kept = [r for r in kept if r["prompt_id"] in prompts]
        kept = [r for r in kept if r.get("comparison_id") not in marked]
        assert after[table] == kept, table
    shared = ids(store)["Shared 0?"]["comparison_id"]
    said = {r["annotator"] for r in after["annotations"] if r["comparison_id"] == shared}
    assert said == {"person:kept/bert", "llm_judge:cheap"}, (
        "nobody is asked again about what stays; heads are fitted anew"
    )


def test_a_part_without_anything_forgotten_is_the_same_file(tmp_path):
    prompts = [pair(f"Prompt {n}?", "yes", "no", label("first")) for n in range(8)]
    store = make_store(tmp_path, {"kept": prompts})
    one = ids(store)["Prompt 3?"]
    shard = shard_of(one["prompt_id"], store.shards)
    files = {t: store.files(t) for t in ("comparisons", "occurrences", "annotations")}
    forget(store, wanted(store, prompts=[one["prompt_id"]]))
    for table, found in files.items():
        untouched = [(s, p) for s, p in found if s != shard]
        assert untouched and [(s, p) for s, p in store.files(table) if s != shard] == untouched
        assert not {p for s, p in found if s == shard} & {p for _, p in store.files(table)}


def test_a_forgotten_source_that_still_lies_there_is_quarantined_without_its_text(store, tmp_path):
    forget(store, wanted(store, sources=["gone"]))
    assert accounts(store) == {"kept": (10, 10, 0, 0, 0, 10)}
    again(store, tmp_path)
    assert accounts(store) == {"kept": (10, 10, 0, 0, 0, 10), "gone": (7, 0, 0, 0, 7, 0)}
    assert {(r["reason"], r["raw"], r["detail"]) for r in rows(store, "quarantine")} == {("forgotten", "", "")}
    assert holders(store.root, MARK, "anna") == []


def test_a_prompt_goes_with_all_its_comparisons_and_the_accounts_add_up_at_once(store, tmp_path):
    shared, mine = ids(store)["Shared 1?"], ids(store)[f"{MARK} 2?"]
    forget(store, wanted(store, prompts=[shared["prompt_id"], mine["prompt_id"]]))
    gone = {shared["prompt_id"], mine["prompt_id"]}
    for table in TABLES:
        assert not [r for r in rows(store, table) if r.get("prompt_id") in gone], table
    expected = {"kept": (10, 9, 0, 0, 1, 9), "gone": (7, 5, 0, 0, 2, 5)}
    assert accounts(store) == expected
    assert len(rows(store, "quarantine", reason="forgotten")) == 3
    again(store, tmp_path)
    assert accounts(store) == expected
    assert holders(store.root, "Shared 1?", f"{MARK} 2?") == []


def test_forgetting_and_never_having_known_give_the_same_tables(store, tmp_path):
    chosen = [ids(store)["Shared 1?"]["prompt_id"], ids(store)[f"{MARK} 2?"]["prompt_id"]]
    forget(store, wanted(store, prompts=chosen, annotators=["person:gone/anna"]))
    fresh = Store(str(tmp_path / "fresh"), store.shards)
    shutil.copytree(f"{store.root}/_forgotten", f"{fresh.root}/_forgotten")
    ingest(tmp_path / "fresh", [source(tmp_path, name, pairs) for name, pairs in SOURCES.items()])
    for table in ("comparisons", "occurrences", "quarantine", "intakes", "materials", "ratings", "spans"):
        assert everything(store)[table] == everything(fresh)[table], table
    came = [r for r in everything(store)["annotations"] if r["occurrence_id"]]
    assert came == everything(fresh)["annotations"]


def test_a_row_that_still_gives_something_is_not_quarantined(tmp_path):
    """Files whose rows give pairs of several prompts: see `rows_of_prompts`."""
    store = make_store(tmp_path, {"kept": [pair("One?", "yes", "no"), pair("Two?", "yes", "no")]})
    base = store.delta("occurrences").version()
    found = [r | {"number": 0, "row_hash": "same"} for r in rows(store, "occurrences")]
    parts = []
    for shard in range(store.shards):
        mine = [r for r in found if shard_of(r["prompt_id"], store.shards) == shard]
        table = pa.Table.from_pylist(mine, TABLES["occurrences"].schema)
        part = write_part(store.root, "occurrences", shard, [table])
        parts += [part] if part else []
    store.commit("occurrences", parts, base=base, replace=True, transaction="t", metadata={})
    forget(store, wanted(store, prompts=[ids(store)["One?"]["prompt_id"]]))
    assert rows(store, "quarantine") == []
    assert [(r["quarantined"], r["pairs"]) for r in rows(store, "intakes")] == [(0, 1)]


def test_an_annotator_who_withdraws_leaves_the_pairs(store, tmp_path):
    before = everything(store)
    forget(store, wanted(store, annotators=["person:gone/anna"]))
    after = everything(store)
    assert holders(store.root, "anna", f"{MARK} why") == []
    assert after["comparisons"] == before["comparisons"]
    assert [r["facts"] for r in after["occurrences"] if r["source"] == "gone"] == [0] * 7
    # All are still the first to give their comparison (sources in order of their names).
    expected = {"kept": (10, 10, 0, 0, 0, 10), "gone": (7, 7, 0, 0, 0, 7)}
    assert accounts(store) == expected
    again(store, tmp_path)
    assert accounts(store) == expected
    assert "person:gone/anna" not in {r["annotator"] for r in rows(store, "annotations")}


def test_what_was_found_of_an_annotator_who_withdraws_goes(store):
    told = [{"prompt_id": "", "kind": "person", "source": s, "annotator": f"person:{s}/{w}", "attribute": "overall", "said": "…", "copy_of": c}
            for s, w, c in (("gone", "anna", None), ("gone", "bert", None), ("kept", "carl", "person:gone/anna"))]  # fmt: skip
    put(store, "annotator_quality", told)
    forget(store, wanted(store, annotators=["person:gone/anna"]))
    assert [r["annotator"] for r in rows(store, "annotator_quality")] == ["person:gone/bert"]
    put(store, "annotator_quality", told)
    forget(store, wanted(store, sources=["gone"]))
    assert rows(store, "annotator_quality") == []


def test_an_annotator_who_withdraws_stays_out_of_new_files(store, tmp_path):
    forget(store, wanted(store, annotators=["person:gone/anna"]))
    more = [*THEIRS, pair("New?", "yes", "no", label("first", "anna"), label("second", "bert"))]
    again(store, tmp_path, {"kept": SOURCES["kept"], "gone": more})
    new = ids(store)["New?"]["comparison_id"]
    assert [r["annotator"] for r in rows(store, "annotations", comparison_id=new)] == ["person:gone/bert"]
    assert [r["facts"] for r in rows(store, "occurrences", comparison_id=new)] == [1]


def test_unreadable_rows_that_quote_a_prompt_or_a_person_keep_no_text(store):
    about = {"prompt_id": "", "intake_id": "i", "source": "gone", "file": "f", "line": 1, "reason": "field missing"}
    raws = [
        f'{{"q": "{MARK.upper()}  2?"}}',
        '{"worker": "anna"}',
        '{"worker": "annabel", "q": "Shared 2?"}',
        "q;zxqm\\u0061rker\\n2;",
    ]
    told = [about | {"number": n, "row_hash": f"h{n}", "raw": raw, "detail": raw} for n, raw in enumerate(raws)]
    put(store, "quarantine", told)
    forget(store, wanted(store, prompts=[ids(store)[f"{MARK} 2?"]["prompt_id"]], annotators=["person:gone/anna"]))
    left = {r["number"]: (r["raw"], r["detail"]) for r in rows(store, "quarantine", intake_id="i")}
    assert left == {0: ("", ""), 1: ("", ""), 2: (raws[2], raws[2]), 3: ("", "")}
    assert tombstones(store.root).rows >= {"h0", "h1", "h3"}


@pytest.mark.parametrize(
    ("raw", "found"),
    [("xx Hello  World 12 yy", True), ('{"a": "hello\\nw\\u006frld 12"}', True), ("hello world 1", False)],
)
def test_a_quotation_is_found_however_it_is_set(raw, found):
    assert mentions(raw, ["helloworld12"]) is found


def test_a_name_is_a_word_of_its_own():
    assert mentions_name('{"who": "anna"}', "anna")
    assert not mentions_name('{"who": "annabel"}', "anna")


def test_money_stays_on_the_account(store):
    spent = sum(r["price_usd"] for r in rows(store, "calls"))
    forget(store, wanted(store, sources=["gone"]))
    left = rows(store, "calls")
    assert sum(r["price_usd"] for r in left) == spent
    assert [(r["price_usd"], r["comparison_id"], r["detail"]) for r in left if not r["prompt_id"]][0][1:] == (
        None,
        None,
    )
    forget(store, wanted(store, annotators=["llm_judge:cheap"]))
    left = rows(store, "calls")
    assert {r["annotator"] for r in left} == {"forgotten"} and sum(r["price_usd"] for r in left) == spent
    assert "llm_judge:cheap" not in {r["annotator"] for r in rows(store, "annotations")}


def test_answers_that_wait_are_kept_without_those_about_what_went(store):
    gone, stays = ids(store)[f"{MARK} 2?"], ids(store)["Shared 0?"]
    for number, row in enumerate((gone, stays)):
        shard = shard_of(row["prompt_id"], store.shards)
        site = Site(store, "annotate", "dead", f"u{number}", shard, "llm_judge:cheap", "f-judge")
        said = _about(row, f"p-{number}") | {"annotator": "llm_judge:cheap", "raw_output": row["prompt_text"]}
        site.write("annotations", pa.Table.from_pylist([said], schema=TABLES["annotations"].schema))
        site.write("calls", pa.Table.from_pylist([_call(row, f"pc-{number}", 0.5)], schema=TABLES["calls"].schema))
    write_bytes(f"{store.root}/_pending/ingest/run/staged.parquet", b"not even Parquet")
    committed = sum(r["price_usd"] for r in rows(store, "calls"))
    forget(store, wanted(store, sources=["gone"]))
    assert holders(store.root, MARK) == []
    waiting = [p for shard in range(store.shards) for p in pending_parts(store, "annotate", "annotations", shard)]
    assert rows_of([p.part for p in waiting], ["annotation_id"]).to_pylist() == [{"annotation_id": "p-1"}]
    assert {(p.run_id, p.unit) for p in waiting} == {("dead", "u1")}
    assert sum(r["price_usd"] for r in rows(store, "calls")) == committed + 0.5


def test_what_a_late_run_left_does_not_come_back(store):
    gone = ids(store)[f"{MARK} 2?"]
    forget(store, wanted(store, sources=["gone"]))
    shard = shard_of(gone["prompt_id"], store.shards)
    site = Site(store, "annotate", "late", "u", shard, "llm_judge:cheap", "f-judge")
    said = _about(gone, "late") | {"annotator": "llm_judge:cheap", "raw_output": MARK}
    site.write("annotations", pa.Table.from_pylist([said], schema=TABLES["annotations"].schema))
    site.write("calls", pa.Table.from_pylist([_call(gone, "late", 0.5)], schema=TABLES["calls"].schema))
    spent = sum(r["price_usd"] for r in rows(store, "calls"))
    sweep_pending(store)
    sweep_pending(store)
    assert holders(store.root, MARK) == []
    assert sum(r["price_usd"] for r in rows(store, "calls")) == spent + 0.5


def test_releases_that_hold_it_are_withdrawn_and_current_always_names_one(store):
    old, first = current_id(store.root), set(release_ids(store.root))
    before = {r["comparison_id"]: r for r in open_release(store.root).preferences().to_pylist()}
    done = forget(store, wanted(store, sources=["gone"]))
    release = open_release(store.root)
    assert release.release_id == current_id(store.root) != old
    assert done.withdrawn == (old,)
    assert find_damage(store.root) == [], "its note says where it went"
    assert set(release_ids(store.root)) == first - {old} | {release.release_id}, "the earlier one held nothing of it"
    left = release.preferences().to_pylist()
    stays = {r["comparison_id"] for r in rows(store, "comparisons")}
    assert left and {r["comparison_id"] for r in left} == set(before) & stays
    assert {s for r in left for s in r["sources"]} == {"kept"}
    assert [before[r["comparison_id"]] | {"sources": ["kept"]} for r in left] == left
    trl = release.dataset("exports/trl/train").to_table().to_pylist()
    assert [r["chosen"] for r in trl] == [r["chosen"] for r in release.dataset("train").to_table().to_pylist()]
    with pytest.raises(StoreError, match="is there no more. Withdrawn .* of its .* rows were forgotten"):
        open_release(store.root, old)
    assert release.release_id in {r["release_id"] for r in rows(store, "releases")}


def test_a_release_of_which_nothing_is_left_has_no_successor(tmp_path):
    store = make_store(tmp_path, {"gone": THEIRS})
    decide_all(store)
    publish(store)
    forget(store, wanted(store, sources=["gone"]))
    assert current_id(store.root) is None and release_ids(store.root) == []
    assert holders(store.root, MARK) == []


WISH = {"sources": ["gone"], "annotators": ["person:kept/carl"]}


@pytest.fixture(scope="module")
def undisturbed(made, tmp_path_factory) -> tuple[dict[str, list[dict]], str | None]:
    """The tables, and what `current` names, after `WISH` and a prompt went at one go."""
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(made, folder, dirs_exist_ok=True)
    store = Store.open(str(folder / "store"))
    forget(store, wanted(store, prompts=[ids(store)["Shared 3?"]["prompt_id"]], **WISH))
    return everything(store), current_id(store.root)


def stopped(store: Store, monkeypatch, place: object, name: str, after: int, moment: str) -> None:
    """Forgets, and is stopped at (before or after) a call of a function, then finishes; what lies there is as if undisturbed."""
    wish = wanted(store, prompts=[ids(store)["Shared 3?"]["prompt_id"]], **WISH)
    real, made = getattr(place, name), []

    def killed(*arguments, **more):
        made.append(name)
        if moment == "after" or len(made) <= after:
            result = real(*arguments, **more)
        if len(made) > after:
            raise KeyboardInterrupt
        return result

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(place, name, killed)
        forget(store, wish)
    with pytest.raises(CommitConflict, match="something is being forgotten"):
        context(store, "x", ("comparisons",), ()).pin()
    assert finish(store) == 1


@pytest.mark.parametrize(
    ("place", "step", "after", "moment"),
    [
        (Store, "commit", 1, "before"),
        (Store, "commit", 5, "before"),
        (forgetting, "withdraw", 0, "after"),
        (forgetting, "mark_applied", 0, "before"),
    ],
)
def test_stopped_anywhere_the_next_command_finishes_it(store, monkeypatch, undisturbed, place, step, after, moment):
    stopped(store, monkeypatch, place, step, after, moment)
    assert (everything(store), current_id(store.root)) == undisturbed
    assert holders(store.root, MARK, "anna", "carl", "Shared 3?") == []
    accounts(store)


def test_a_run_that_was_at_work_cannot_commit_any_more(store):
    snapshot = context(store, "x", (), tuple(TABLES)).pin()
    forget(store, wanted(store, annotators=["person:gone/anna"]))
    for table in ("attributes", "clusters", "gold"):
        with pytest.raises(CommitConflict):
            store.commit(table, [], base=snapshot.version(table), replace=True, transaction="x", metadata={})


def test_older_versions_hold_nothing_and_the_newest_opens(store):
    version = store.delta("comparisons").version()
    forget(store, wanted(store, sources=["gone"]))
    with pytest.raises(FileNotFoundError):
        store.dataset("comparisons", version).to_table()
    assert store.dataset("comparisons").to_table().num_rows == 10
    assert MARK not in str([store.delta(table).history() for table in TABLES])


def test_the_same_wish_can_come_again(store, tmp_path):
    wish = wanted(store, prompts=[ids(store)["Shared 3?"]["prompt_id"]])
    assert write_request(store.root, wish).request_id != write_request(store.root, wish).request_id
    assert finish(store) == 2
    assert accounts(store)["kept"] == (10, 9, 0, 0, 1, 9)


def test_foreseeing_changes_nothing_and_counts_what_goes(store):
    before = sorted(str(p) for p in Path(store.root).rglob("*") if p.is_file())
    found = foresee(store, ["gone"], [], [])
    assert sorted(str(p) for p in Path(store.root).rglob("*") if p.is_file()) == before
    counts = {table: (c.going, c.changing) for table, c in found.tables.items()}
    assert counts["comparisons"] == (5, 0) and counts["occurrences"] == (7, 0)
    assert [(r.rows, r.of, r.current) for r in found.releases] == [(7, 15, True)]
    assert store.latest("ingest", INGEST) is not None


def test_what_is_said_of_a_prompt_alone_goes_with_its_source_or_its_prompt_and_not_before(tmp_path):
    known = [told("One?", "because"), told("Never asked?", "so")]
    store = make_store(tmp_path, {"gone": [pair("One?", "x", "y")], "known": known, "kept": [pair("Two?", "x", "y")]})
    one = next(row["prompt_id"] for text, row in ids(store).items() if text == "One?")

    def texts() -> list[str]:
        return sorted(store.dataset("materials").to_table()["text"].to_pylist())

    forget(store, wanted(store, sources=["gone"]))
    assert texts() == ["because", "so"]
    forget(store, wanted(store, prompts=[one]))
    assert texts() == ["so"]
    snapshot = context(store, "report", ("occurrences", "intakes"), ("accounts",)).pin()
    (account,) = (account for account in row_accounts(snapshot) if account.source == "known")
    assert (account.rows, account.auxiliary, account.quarantined) == (2, 2, 0)
    forget(store, wanted(store, sources=["known"]))
    assert texts() == []
