"""The figures, the page and the views of the report, on stores whose figures are known by hand."""

import html
import json
import re
from pathlib import Path

import duckdb
import pytest

from prefcurate.transforms.accounts import SourceAccount
from prefcurate.transforms.consensus.model import AnnotatorFigures
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.report.findings import (
    Change,
    Criterion,
    Flagged,
    Flow,
    Longer,
    Queue,
    Spent,
    load_findings,
)
from prefcurate.transforms.report.report import Report
from prefcurate.transforms.report.side_by_side import sources_table
from prefcurate.transforms.report.words import headline, preferred, verdict
from prefcurate.transforms.store.store import Store, StoreError
from tests.helpers import label, make_store, pair, run_stage
from tests.transforms.publish.stores import decide_all, decided, ids, publish, put
from tests.transforms.report.planted import EVIL, EVIL_RESPONSE, GOLD, complete, page, planted, report, report_context


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    store = complete(tmp_path_factory.mktemp("complete"))
    return store, report(store)


def test_rows_and_pairs_are_counted_to_the_last_one(reported):
    _, found = reported
    assert found.accounts == (SourceAccount("crowd", 6, 6, 0, 0, 0, 6), SourceAccount("experts", 5, 5, 0, 0, 0, 5))
    assert (found.rows, found.pairs, found.published_pairs, found.withheld) == (11, 6, 4, 2)
    assert found.published == {"train": 4, "validation": 0, "test": 0}
    assert found.flows == (
        Flow("assign", "train", True, 1),
        Flow("drop", "dropped", False, 1),
        Flow("flip", "contaminated", False, 1),
        Flow("keep", "train", True, 2),
        Flow("soften", "train", True, 1),
    )


def test_labels_are_measured_on_audit_gold_alone_and_on_the_same_pairs(reported):
    _, found = reported
    overall = found.overall
    assert overall.gold == 4, "the prompt of side fit is not among them"
    assert (overall.before.pairs, overall.before.agreement) == (3, round(1 / 3, 6))
    assert (overall.after.pairs, overall.after.agreement) == (3, round(2.5 / 3, 6)), "a tie of gold counts half"
    assert (overall.same_before.pairs, overall.same_before.agreement, overall.same_after.agreement) == (2, 0.5, 1.0)
    assert overall.change == Change(0.5, -1.0, 1.0)
    flips = next(f for f in found.agreement if (f.slice, f.name) == ("decision", "flip"))
    assert (flips.gold, flips.same_before.agreement, flips.same_after.agreement) == (1, 0.0, 1.0)
    dropped = next(f for f in found.agreement if (f.slice, f.name) == ("decision", "drop"))
    assert (dropped.before.agreement, dropped.after) == (0.0, None)
    assert {f.name for f in found.agreement if f.slice == "source"} == {"crowd", "experts"}


def test_length_is_shown_beside_the_labels(reported):
    _, found = reported
    # The flip's response that came in is longer, the kept one's is shorter; all others are of one length.
    assert found.longer == (
        Longer("label_in", False, 2, 1),
        Longer("published", False, 2, 0),
        Longer("label_in", True, 2, 1),
        Longer("published", True, 2, 0),
        Longer("gold", True, 2, 0),
    )
    assert (found.baseline.pairs, found.baseline.agreement) == (2, 0.0)
    assert {f.name: f.gold for f in found.agreement if f.slice == "length"} == {"shorter": 2, "similar": 2}


def test_money_flags_rubrics_queues_and_annotators(reported):
    _, found = reported
    assert found.spent == (
        Spent("annotate", "judge", "ok", 2, 200, 20, 0.5),
        Spent("annotate", "judge", "timeout", 1, 100, 10, 0.0),
    )
    assert found.usd == 0.5
    assert found.flags == (
        Flagged("contamination", "gsm8k", 1),
        Flagged("judge_hacking", "", 1),
        Flagged("placeholder", "", 1, chosen=1),
        Flagged("refusal", "", 1),
    )
    assert preferred(found) == (
        "Look at these published pairs, whose chosen response is flagged: 1 (a response is, or holds, a placeholder)."
    )
    assert (found.rubrics, found.criteria) == ({"accepted": 1}, {"accepted": 1})
    assert found.best_criteria == (Criterion("Is <u>right</u>.", "", "accepted", 0.8, None, 9, "says <u>so</u>"),)
    assert found.queues == (Queue("nobody", 1, 0.0), Queue("person", 1, 0.5))
    assert [row.annotator for row in found.annotators] == ["llm_judge:x/<i>gpt</i>", "person:y"], "the measured first"
    assert isinstance(found.annotators[0], AnnotatorFigures)
    assert found.annotator_statuses == {"trusted": 1, "used": 1}


def test_the_sentence_on_top_claims_what_audit_gold_shows(reported):
    _, found = reported
    assert headline(found) == (
        "11 rows came in from 2 sources, 4 of 6 pairs are published; published labels agree with held-out gold on 100.0% of "
        "2 pairs against 50.0% for the labels that came in."
    )
    assert "+50.0 points (95% interval -100.0 to +100.0): too small to tell from chance" in verdict(found.overall)


def test_what_people_wrote_cannot_become_markup(reported):
    store, _ = reported
    text = page(store)
    for raw in (EVIL, EVIL_RESPONSE, "w<b>1</b>", "<i>gpt</i>", "<u>right</u>", "<u>so</u>", "<b>bold</b>"):
        assert raw not in text, raw
    assert "&lt;script&gt;alert(&#39;prompt&#39;)&lt;/script&gt;" in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "because of flip" in text


def test_the_page_loads_nothing(reported):
    store, _ = reported
    text = page(store)
    assert "Plotly.newPlot" in text
    assert not re.findall(
        r"<(?:link|img|iframe|object|embed|source|audio|video)\b", re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    )
    assert not re.findall(r"<script[^>]+src", text)
    assert not re.findall(
        r"""(?:src|href)\s*=\s*["']?\s*(?:https?:)?//""", re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    )
    assert "@import" not in text.split("</style>")[0]


def test_the_same_state_gives_the_same_bytes_also_through_beam(tmp_path):
    store = complete(tmp_path)
    folder = Path(store.root) / "report"
    report(store)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(first) == ["index.html", "report.json"]
    for path in folder.iterdir():
        path.unlink()
    run_stage(Report(report_context(store), GOLD))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    accounts = store.dataset("accounts").to_table().to_pylist()
    assert [(row["source"], row["rows"], row["used"]) for row in accounts] == [("crowd", 6, 6), ("experts", 5, 5)]
    agreement = {(r["slice"], r["name"], r["labels"]): r for r in store.dataset("agreement").to_table().to_pylist()}
    assert agreement["all", "", "published"]["agreement"] == round(2.5 / 3, 6)
    assert agreement["decision", "drop", "published"] == {
        "prompt_id": "", "slice": "decision", "name": "drop", "labels": "published",
        "gold_pairs": 1, "pairs": 0, "agreement": None, "low": None, "high": None,
    }  # fmt: skip


def test_without_gold_nothing_is_claimed(tmp_path):
    store = planted(tmp_path)
    found = report(store, GoldOptions())
    assert found.overall.gold == 0
    assert headline(found).endswith("; no gold is configured, so nothing is said about how good the labels are.")
    assert "No gold is configured" in page(store)
    assert "before is gold by construction" not in page(store)


def test_when_only_gold_labelled_the_pairs_before_is_gold_by_construction(tmp_path):

    store = make_store(tmp_path, {"experts": [pair("q", "x", "y", label("first"))]})
    row = ids(store)["q"]
    right = "a" if row["response_a_text"] == "x" else "b"
    put(store, "consensus", [decided(row, "assign", right, 0.9 if right == "a" else 0.1, label_in=None)])
    put(store, "gold", [{"prompt_id": row["prompt_id"], "prompt_cluster": row["prompt_id"], "side": "audit"}])
    found = report(store)
    assert (found.overall.before, found.overall.after.agreement, found.overall.change) == (None, 1.0, None)
    assert "before is gold by construction, and nothing is claimed" in page(store)
    assert headline(found).endswith("agree with held-out gold on 100.0% of 1 pairs, to which no other label came in.")


def test_before_the_first_release_pairs_wait(tmp_path):
    store = make_store(tmp_path, [pair("q", "x", "y")])
    decide_all(store)
    found = report(store)
    assert found.release is None
    assert found.flows == (Flow("keep", "no release yet", False, 1),)
    assert "of which none is published yet" in headline(found)


def test_pairs_that_came_after_the_release_are_not_in_it(tmp_path):
    store = make_store(tmp_path, [pair("q", "x", "y")])
    decide_all(store)
    publish(store)
    make_store(tmp_path, {"data": [pair("q", "x", "y")], "more": [pair("p", "x", "y")]})
    found = report(store)
    assert found.flows == (Flow("keep", "train", True, 1), Flow("undecided", "not in the release", False, 1))


def test_an_empty_store_has_a_report_too(tmp_path):
    store = Store(str(tmp_path / "store"), 2)
    store.create()
    with pytest.raises(StoreError, match="there is no report in .* yet"):
        load_findings(store)
    found = report(store)
    assert (found.rows, found.pairs, found.published_pairs) == (0, 0, 0)
    assert "No row has come in yet" in page(store)


def test_figures_of_another_version_are_an_error_that_says_what_to_do(tmp_path):
    store = planted(tmp_path)
    report(store)
    path = Path(store.root) / "report" / "report.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "accounts": "none"}))
    with pytest.raises(StoreError, match="another version of prefcurate; run the stage report again"):
        load_findings(store)


def test_the_queries_that_the_page_offers_work(tmp_path):
    store = complete(tmp_path)
    run_stage(Report(report_context(store), GOLD))
    queries = html.unescape(re.findall(r"<pre>(.*?)</pre>", page(store), flags=re.S)[0]).split(";")
    with duckdb.connect() as connection:
        for table in ("accounts", "agreement", "annotator_quality", "consensus"):
            connection.register(table, store.dataset(table))
        connection.register("sources", sources_table(load_findings(store).voices))
        found = [connection.sql(query).fetchall() for query in queries if query.strip()]
    assert found[0] == [("crowd", 6, 6, 0, 0, 0, 6), ("experts", 5, 5, 0, 0, 0, 5)]
    assert {row[0]: row[1] for row in found[1]} == {"keep": 2, "flip": 1, "assign": 1, "soften": 1, "drop": 1}
    assert ("all", "", "label_in", 4, 3, 0.333) in [row[:6] for row in found[2]]
    assert ("crowd", "person", "overall", "wins", "longer", 2, 0.5) in [row[:7] for row in found[4]]
