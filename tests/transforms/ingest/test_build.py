"""The second half of ingest: which rows are the same occurrence, which facts are the same question, and what counts once."""

import dataclasses
import pickle
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from prefcurate.schemas.formats.base import Opener, Reader, ReadUnit
from prefcurate.schemas.records import GivenPair, GivenRating, InputRow, Pairs, Unreadable
from prefcurate.transforms.accounts import SourceAccount
from prefcurate.transforms.ingest.build import fact_ids, occurrence_ids
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import Store
from tests.helpers import context, ingest, label, pair, row_accounts, source

KEYS = ("intake_id", "number", "pair", "source", "row_hash", "row_id", "prompt_id")


def numbered(*rows: tuple, known: dict | None = None) -> list[tuple[int, str]]:
    """(repeat, occurrence id) of rows given as (intake, number, pair, source, row_hash, row_id[, prompt_id])."""
    table = pa.Table.from_pylist([dict(zip(KEYS, (*row, "p")[:7], strict=True)) for row in rows])
    found = occurrence_ids(table, known or {}).to_pylist()
    return [(row["repeat"], row["occurrence_id"]) for row in found]


def test_identical_rows_of_a_source_are_numbered_over_its_files():
    rows = [("f1", 0, 0, "s", "h", None), ("f1", 1, 0, "s", "h", None), ("f2", 0, 0, "s", "h", None)]
    found = numbered(*rows, ("f2", 1, 0, "s", "other", None), ("f3", 0, 0, "t", "h", None))
    assert [repeat for repeat, _ in found] == [0, 1, 2, 0, 0]
    assert len({name for _, name in found}) == 5


def test_numbers_that_earlier_runs_gave_are_not_given_again():
    rows = [("f2", i, 0, "s", "h", None) for i in range(3)]
    assert [repeat for repeat, _ in numbered(*rows, known={("s", "h", "p"): {0, 2}})] == [1, 3, 4]


def test_pairs_of_one_row_share_its_number():
    found = numbered(*((("f1", number, index, "s", "h", None)) for number in range(2) for index in range(2)))
    assert [repeat for repeat, _ in found] == [0, 0, 1, 1]
    assert len({name for _, name in found}) == 4


def test_rows_are_numbered_within_a_prompt_for_shards_know_nothing_of_each_other():
    # One row whose two pairs have prompts of their own, then the same row without its first pair's shard.
    both = numbered(*(("f1", number, i, "s", "h", None, f"p{i}") for number in range(2) for i in range(2)))
    alone = numbered(*(("f1", number, 1, "s", "h", None, "p1") for number in range(2)))
    assert [repeat for repeat, _ in both] == [0, 0, 1, 1] and alone == both[1::2]


def test_a_row_with_an_id_of_its_own_is_one_occurrence_in_every_file():
    one, other, source_t = numbered(
        ("f1", 0, 0, "s", "old", "r1"), ("f2", 7, 0, "s", "corrected", "r1"), ("f3", 0, 0, "t", "old", "r1")
    )
    assert one == other and one[0] == 0 and source_t[1] != one[1]


def test_a_bad_id_that_many_rows_of_one_file_share_loses_no_vote():
    rows = [("f1", i, 0, "s", hashed, "none") for i, hashed in enumerate(["b", "a", "b", "c"])]
    found = numbered(*rows)
    assert [repeat for repeat, _ in found] == [1, 0, 1, 2]
    assert found[0] == found[2] and len(set(found)) == 3
    # Whatever the order of the rows.
    assert sorted(numbered(*rows[::-1])) == sorted(found)


def test_golden_ids():
    """They name every opinion in every store: never to change."""
    found = numbered(("f1", 0, 1, "s", "h", None), ("f1", 1, 0, "s", "h2", "r1"))
    assert [name for _, name in found] == ["17ecf1152defdbf3a3c324c5e8b1d27c", "fb1dc4883908341379c247f831743bc8"]
    assert ids(fact(), fact(row_id="r1", judgement="act")) == [
        ("b71f675859e76edb6422e2a907f9254b", "b71f675859e76edb6422e2a907f9254b"),
        ("329c745800cc064b8f3e854cbe521aa7", "93c87124208a2f34b7a4e891d23691a5"),
    ]


def fact(**more) -> dict:
    told = {"occurrence_id": "o", "row_hash": "h", "fingerprint": "f", "source": "s", "row_id": None}
    return told | {"repeat": 0, "pair": 0, "index": 0, "judgement": None} | more


def ids(*facts: dict, name: str = "annotation_id") -> list[tuple[str, str]]:
    return [(row["id"], row["judgement"]) for row in fact_ids(pa.Table.from_pylist(list(facts)), name).to_pylist()]


def test_a_facts_id_is_of_the_question_and_never_of_the_answer():
    plain = ids(fact())[0][0]
    same = [fact(fingerprint="g"), fact(occurrence_id="p"), fact(judgement="act")]
    assert {name for name, _ in ids(*same)} == {plain}
    others = [{"source": "t"}, {"row_hash": "i"}, {"row_id": "r"}, {"repeat": 1}, {"pair": 1}, {"index": 1}]
    assert len({plain, *(ids(fact(**other))[0][0] for other in others)}) == 7
    assert ids(fact(row_id="r", row_hash="x")) == ids(fact(row_id="r", row_hash="y")), (
        "a corrected row answers the same"
    )
    assert ids(fact(), name="rating_id")[0][0] != plain


def test_opinions_of_one_act_share_a_judgement():
    (one, first), (other, second), (alone, own) = ids(
        fact(pair=0, judgement="ranking"), fact(pair=1, judgement="ranking"), fact(pair=2)
    )
    assert one != other and first == second != own == alone
    assert ids(fact(repeat=1, judgement="ranking"))[0][1] != first, "another row's ranking is another act"


class TaggedReader(Reader):
    """Pairs that a test made, each row with an id: the pickled rows are (row_id, pairs) or None for what is unreadable."""

    format: ClassVar[str] = "tagged"
    suffixes: ClassVar[tuple[str, ...]] = (".pickle",)

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        with open_file(unit.file) as stream:
            rows = pickle.load(stream)  # noqa: S301 written by the test itself
        for line, row in enumerate(rows, 1):
            outcome = Unreadable("bad", "seen") if row is None else Pairs(row[1])
            yield InputRow(line, repr(row), outcome, row_id=row and row[0])


def files(folder: Path, **rows: list) -> SourceOptions:
    """A source of several files, each a list of (row_id, pairs)."""
    folder.mkdir(exist_ok=True)
    for name, given in rows.items():
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(given))
    paths = tuple(str(folder / f"{name}.pickle") for name in rows)
    return SourceOptions(name="data", path=paths, licence="MIT", reader=TaggedReader())


def rows_of(*pairs: GivenPair, row_id: str | None = None) -> list:
    return [(row_id, (one,)) for one in pairs]


def pinned(store: Store) -> Snapshot:
    return context(store, "test", ("comparisons", "annotations", "ratings"), ()).pin()


def labels(store: Store) -> list[tuple[str, str, str]]:
    """(prompt, what was preferred, annotation id) of all active annotations."""
    with pinned(store).connect(["comparisons", "annotations"]) as connection:
        return connection.sql(
            "SELECT prompt_text, CASE label WHEN 'a' THEN response_a_text WHEN 'b' THEN response_b_text ELSE label END, "
            "annotation_id FROM annotations JOIN comparisons USING (comparison_id) ORDER BY ALL"
        ).fetchall()


def said(store: Store) -> list[tuple[str, str]]:
    return [(prompt, preferred) for prompt, preferred, _ in labels(store)]


def account(store: Store) -> tuple[int, ...]:
    """rows, used, merged, auxiliary, quarantined, pairs of the one source."""
    (found,) = row_accounts(pinned(store))
    assert isinstance(found, SourceAccount)
    return dataclasses.astuple(found)[1:]


def vote(prompt: str = "p", preferred: str = "x") -> GivenPair:
    return pair(prompt, "x", "y", label("first" if preferred == "x" else "second"))


def test_anonymous_votes_all_count_whichever_file_brings_them_and_when(tmp_path):
    first, second = [vote(), vote(), vote(preferred="y")], [vote(), vote(prompt="q")]
    together = ingest(tmp_path / "a", [files(tmp_path / "f", one=rows_of(*first), two=rows_of(*second))])
    expected = [("p", "x")] * 3 + [("p", "y"), ("q", "x")]
    assert said(together) == expected and account(together) == (5, 5, 0, 0, 0, 5)
    # The second file comes a week later, or the first does.
    for number, name in enumerate(("one", "two")):
        root = tmp_path / f"later {number}"
        rows = {"one": rows_of(*first), "two": rows_of(*second)}
        ingest(root, [files(tmp_path / "g", **{name: rows[name]})])
        store = ingest(root, [files(tmp_path / "g", **rows)])
        assert labels(store) == labels(together) and account(store) == (5, 5, 0, 0, 0, 5)


def test_a_shuffled_export_adds_nothing_and_is_told_as_merged(tmp_path):
    rows = rows_of(*(vote(f"p{i % 7}", random.Random(i).choice("xy")) for i in range(30)))
    store = ingest(tmp_path / "store", [files(tmp_path / "f", a=rows)])
    before = labels(store)
    shuffled = random.Random(1).sample(rows, len(rows))
    store = ingest(tmp_path / "store", [files(tmp_path / "f", a=rows, b=shuffled)])
    assert labels(store) == before
    assert account(store) == (60, 30, 30, 0, 0, 30)


def test_the_same_bytes_under_a_second_name_count_once(tmp_path):
    options = files(tmp_path / "f", a=rows_of(vote(), vote()))
    shutil.copy(tmp_path / "f" / "a.pickle", tmp_path / "f" / "b.pickle")
    both = options.model_copy(update={"path": str(tmp_path / "f")})
    store = ingest(tmp_path / "store", [both])
    assert said(store) == [("p", "x")] * 2 and account(store) == (4, 2, 2, 0, 0, 2)
    told = {row["file"]: row["same_as"] is None for row in store.dataset("intakes").to_table().to_pylist()}
    assert told == {"a.pickle": True, "b.pickle": False}
    # The original may go: the copy then stands for it.
    alone = options.model_copy(update={"path": str(tmp_path / "f" / "b.pickle")})
    assert said(ingest(tmp_path / "store", [alone])) == [("p", "x")] * 2


def test_the_same_bytes_under_one_name_in_two_folders_count_once(tmp_path):
    for folder in ("one", "two"):
        options = files(tmp_path / folder, a=rows_of(vote(), vote()))
    both = options.model_copy(update={"path": tuple(str(tmp_path / name / "a.pickle") for name in ("one", "two"))})
    store = ingest(tmp_path / "store", [both])
    assert said(store) == [("p", "x")] * 2 and account(store) == (4, 2, 2, 0, 0, 2)
    assert {row["file"] for row in store.dataset("intakes").to_table().to_pylist()} == {"one/a.pickle", "two/a.pickle"}


def test_data_that_moved_is_not_read_again(tmp_path):
    store = ingest(tmp_path / "store", [files(tmp_path / "f", a=rows_of(vote()))])
    versions = store.versions(["comparisons", "occurrences", "annotations", "intakes", "quarantine"])
    (tmp_path / "f").rename(tmp_path / "moved")
    store = ingest(tmp_path / "store", [files(tmp_path / "moved", a=rows_of(vote()))])
    assert store.versions(versions) == versions and said(store) == [("p", "x")]


def test_a_corrected_row_is_another_fact_and_the_first_file_in_order_stands(tmp_path):
    old, corrected = rows_of(vote(), row_id="r1"), rows_of(vote(preferred="y"), row_id="r1")
    root = tmp_path / "store"
    store = ingest(root, [files(tmp_path / "f", b=old)])
    assert said(store) == [("p", "x")]
    store = ingest(root, [files(tmp_path / "f", a=corrected, b=old)])
    assert said(store) == [("p", "y")] and account(store) == (2, 1, 1, 0, 0, 2)
    assert store.rows("annotations") == 2, "nothing is overwritten"
    (annotation,) = {row["annotation_id"] for row in store.dataset("annotations").to_table().to_pylist()}
    assert annotation == labels(store)[0][2]
    assert said(ingest(root, [files(tmp_path / "f", b=old)])) == [("p", "x")]


def test_a_corrected_file_replaces_what_it_said(tmp_path):
    root = tmp_path / "store"
    ingest(root, [files(tmp_path / "f", a=rows_of(vote(), row_id="r1") + rows_of(vote("q"), row_id="r2"))])
    corrected = rows_of(vote(preferred="y"), row_id="r1") + rows_of(vote("q"), row_id="r2")
    store = ingest(root, [files(tmp_path / "f", a=corrected)])
    assert said(store) == [("p", "y"), ("q", "x")] and account(store) == (2, 2, 0, 0, 0, 2)


class SecondReader(TaggedReader):
    """The same format after somebody found that it had been read wrongly."""

    version: ClassVar[int] = 2


def test_another_reading_of_the_same_file_takes_the_place_of_the_old_one(tmp_path):
    options = files(tmp_path / "f", a=rows_of(vote(), vote()))
    before = labels(ingest(tmp_path / "store", [options]))
    again = options.model_copy(update={"reader": SecondReader()})
    store = ingest(tmp_path / "store", [again])
    # The questions are the same, so are their ids; the facts are others.
    assert labels(store) == before and account(store) == (2, 2, 0, 0, 0, 2)
    assert store.rows("annotations") == 4
    assert len({row["fingerprint"] for row in pinned(store).table("annotations").to_pylist()}) == 1


def test_one_row_may_give_many_pairs_in_many_shards(tmp_path):
    judged = [pair(f"p{i}", "x", "y", label("first", judgement="ranking")) for i in range(12)]
    alone = pair("p0", "x", "y", label("second"))
    store = ingest(tmp_path / "store", [files(tmp_path / "f", a=[(None, tuple(judged)), (None, (alone,))])], shards=4)
    assert account(store) == (2, 2, 0, 0, 0, 13)
    rows = store.dataset("annotations").to_table().to_pylist()
    assert (
        sorted(sum(row["judgement_id"] == other["judgement_id"] for other in rows) for row in rows) == [1] + [12] * 12
    )
    assert {shard for shard, _ in store.files("annotations")} == {0, 1, 2, 3}


def test_facts_of_every_kind_carry_their_row(tmp_path):
    rating = GivenRating("second", "kim", "person", "length", 3.0)
    given = dataclasses.replace(pair("p", "x", "y", label("first"), reference="R"), ratings=(rating,))
    store = ingest(tmp_path / "store", [files(tmp_path / "f", a=[("r1", (given,))])])
    (occurrence,) = store.dataset("occurrences").to_table().to_pylist()
    assert (occurrence["row_id"], occurrence["facts"], occurrence["licence"]) == ("r1", 3, "MIT")
    for table in ("annotations", "ratings", "materials"):
        (row,) = store.dataset(table).to_table().to_pylist()
        same = ("prompt_id", "occurrence_id", "row_hash", "fingerprint")
        assert [row[name] for name in same] == [occurrence[name] for name in same]


def test_a_repeat_that_says_nothing_is_merged(tmp_path):
    rows = [*rows_of(pair("p", "x", "y"), pair("p", "y", "x"), vote()), None]
    assert account(ingest(tmp_path / "store", [files(tmp_path / "f", a=rows)])) == (4, 2, 1, 0, 1, 3)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_taste_first_changes_nothing_about_the_whole(tmp_path, limit):
    rows = [*rows_of(vote(), vote(), vote(preferred="y")), None, *rows_of(vote("q"))]
    options = [files(tmp_path / "f", a=rows, b=rows_of(vote("q"), vote("r")))]
    whole = ingest(tmp_path / "whole", options)
    taste = ingest(tmp_path / "store", options, limit=limit)
    a, b = min(limit, 5), min(limit, 2)
    bad = int(limit > 3)
    assert account(taste) == (a + b, a + b - bad, 0, 0, bad, a + b - bad)
    store = ingest(tmp_path / "store", options)
    assert labels(store) == labels(whole) and account(store) == account(whole) == (7, 6, 0, 0, 1, 6)
    # And back: the taste's files are active again, and only they.
    assert account(ingest(tmp_path / "store", options, limit=limit)) == (a + b, a + b - bad, 0, 0, bad, a + b - bad)


def test_the_order_of_files_and_sources_changes_no_byte(tmp_path):
    given = {"one": [vote(), vote("q")], "two": [vote(), pair("p", "y", "x", label("tie"))]}
    hashes = []
    for number, names in enumerate((("one", "two"), ("two", "one"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        store = ingest(folder / "store", [source(folder, name, given[name]) for name in names])
        hashes.append(
            [path.rpartition("/")[2] for table in ("intakes", "annotations") for _, path in store.files(table)]
        )
    assert hashes[0] == hashes[1]
