"""Ingest end to end on pairs made here: ids, numbering of anonymous rows, re-exports, active files."""

import random

import pytest

from tests.helpers import INGEST, context, ingest, label, make_store, pair, source, told


def votes(store, fingerprints=()):
    """Active annotations as (prompt, preferred text, annotator)."""
    snapshot = context(store, "test", ("comparisons", "annotations"), (), fingerprints).pin()
    with snapshot.connect(["comparisons", "annotations"]) as connection:
        query = (
            "SELECT prompt_text, CASE label WHEN 'a' THEN response_a_text WHEN 'b' THEN response_b_text ELSE label END, annotator "
            "FROM annotations JOIN comparisons USING (comparison_id) ORDER BY ALL"
        )
        return connection.sql(query).fetchall()


def table(store, name):
    return store.dataset(name).to_table().to_pylist()


@pytest.mark.parametrize("swap", [False, True])
def test_a_label_keeps_its_meaning_whichever_response_comes_first(tmp_path, swap):
    rows = [
        pair(
            f"prompt {i}",
            *(("bad", "good") if swap else ("good", "bad")),
            label("second" if swap else "first", order="12"),
        )
        for i in range(20)
    ]
    store = make_store(tmp_path, rows)
    assert votes(store) == sorted((f"prompt {i}", "good", "person:data/ann") for i in range(20))
    for row in table(store, "comparisons"):
        assert row["response_a_id"] < row["response_b_id"]
    shown_good_first = {(row["order_shown"] == "ab") == (row["label"] == "a") for row in table(store, "annotations")}
    assert shown_good_first == {not swap}


def test_identical_anonymous_votes_all_count_and_a_second_run_adds_nothing(tmp_path):
    rows = [
        pair("p", "x", "y", label("first")),
        pair("p", "x", "y", label("first")),
        pair("p", "x", "y", label("second")),
    ]
    store = make_store(tmp_path, rows)
    versions = store.versions()
    assert len(votes(store)) == 3
    make_store(tmp_path, rows)
    assert store.versions() == versions


def test_a_shuffled_export_under_another_name_doubles_no_vote(tmp_path):
    rows = [pair(f"p{i % 5}", "x", "y", label(random.Random(i).choice(["first", "second"]))) for i in range(40)]
    shuffled = random.Random(1).sample(rows, len(rows))
    store = make_store(tmp_path, rows)
    before = votes(store)
    first = source(tmp_path, "data", rows)
    (tmp_path / "again.pickle").write_bytes(
        source(tmp_path, "other", shuffled).path and (tmp_path / "other.pickle").read_bytes()
    )
    both = first.model_copy(update={"path": (str(tmp_path / "data.pickle"), str(tmp_path / "again.pickle"))})
    ingest(tmp_path / "store", [both])
    assert votes(store) == before
    alone = first.model_copy(update={"path": str(tmp_path / "again.pickle")})
    ingest(tmp_path / "store", [alone])
    assert votes(store) == before


def test_only_configured_sources_take_part(tmp_path):
    store = make_store(
        tmp_path, {"one": [pair("p", "x", "y", label("first"))], "two": [pair("q", "x", "y", label("tie"))]}
    )
    assert len(votes(store)) == 2
    make_store(tmp_path, {"two": [pair("q", "x", "y", label("tie"))]})
    assert votes(store) == [("q", "tie", "person:two/ann")]


def test_the_order_of_sources_changes_no_byte(tmp_path):
    one = [pair("p", "x", "y", label("first")), pair("q", "x", "z")]
    two = [pair("p", "y", "x", label("first"))]
    tables = []
    for folder, names in (("f", ("one", "two")), ("g", ("two", "one"))):
        base = tmp_path / folder
        base.mkdir()
        store = make_store(base, {name: {"one": one, "two": two}[name] for name in names})
        tables.append(
            {
                name: [path.rsplit("/", 1)[-1] for _, path in store.files(name)]
                for name in ("comparisons", "annotations", "occurrences")
            }
        )
    assert tables[0] == tables[1]


def test_text_that_no_file_can_hold_goes_to_quarantine(tmp_path):
    store = make_store(tmp_path, [pair("p", "x\ud800", "y", label("first")), pair("p", "x", "y", label("first"))])
    (row,) = table(store, "quarantine")
    assert row["reason"] == "bad text" and "surrogate" in row["detail"]
    (intake,) = table(store, "intakes")
    assert (intake["rows"], intake["quarantined"], intake["pairs"]) == (2, 1, 1)
    assert store.latest("ingest", INGEST).detail["intakes"] == [intake["intake_id"]]


def references(store):
    """Active reference answers as (source of the row, text), and whether their prompt has a comparison."""
    snapshot = context(store, "test", ("comparisons", "materials", "occurrences"), ()).pin()
    with snapshot.connect(["comparisons", "materials", "occurrences"]) as connection:
        query = (
            "SELECT source, text, m.prompt_id IN (SELECT prompt_id FROM comparisons) FROM materials m "
            "JOIN occurrences o USING (occurrence_id) ORDER BY ALL"
        )
        return connection.sql(query).fetchall()


def test_what_is_said_of_a_prompt_alone_is_kept_for_whatever_pairs_it_has(tmp_path):
    known = [told("p", "because"), told("later", "then"), told("never", "so")]
    store = make_store(tmp_path, {"rubrics": known, "pairs": [pair("p", "x", "y")]})
    assert references(store) == [("rubrics", "because", True), ("rubrics", "so", False), ("rubrics", "then", False)]
    assert len(table(store, "comparisons")) == 1
    assert {row["facts"] for row in table(store, "occurrences") if row["source"] == "rubrics"} == {1}
    versions = store.versions()
    make_store(tmp_path, {"rubrics": known, "pairs": [pair("p", "x", "y")]})
    assert store.versions() == versions
    make_store(tmp_path, {"rubrics": known, "pairs": [pair("p", "x", "y"), pair("later", "x", "y")]})
    assert ("rubrics", "then", True) in references(store)
    make_store(tmp_path, {"pairs": [pair("p", "x", "y"), pair("later", "x", "y")]})
    assert references(store) == []


def test_a_prompt_that_no_file_can_hold_is_quarantined_although_it_has_no_pair(tmp_path):
    store = make_store(tmp_path, [told("p\ud800", "because"), told("p", "so")])
    (intake,) = table(store, "intakes")
    assert (intake["rows"], intake["auxiliary"], intake["quarantined"], intake["pairs"]) == (2, 1, 1, 0)
