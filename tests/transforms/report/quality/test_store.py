"""From a store to the table `annotator_quality`, the view `sources` and the page; and what forgetting leaves."""

import re

import numpy as np
import pytest

from prefcurate.pipelines.query import query_store
from prefcurate.schemas.records import GivenRating
from prefcurate.transforms.report.findings import Findings
from prefcurate.transforms.report.report import Report
from prefcurate.transforms.store.store import Store
from tests.helpers import label, make_store, pair, run_stage
from tests.transforms.report.planted import GOLD, page, report, report_context

EVIL = "<b>guesser</b>"
SIDES = ("first", "second")


def team():
    """Twelve who agree 85 times of 100 on 120 pairs, and one who guesses fast; half of the pairs have three ratings."""
    rng = np.random.default_rng(0)
    pairs = []
    for i in range(120):
        right = int(rng.integers(2))
        labels = [
            label(SIDES[right if rng.random() < 0.85 else 1 - right], f"w{k}", order="12" if rng.random() < 0.5 else "21",
                  answered_at=f"2026-01-{1 + i // 24:02d}T{i % 24:02d}:00:00Z", seconds=float(30 + rng.integers(20)))
            for k in range(12)
        ]  # fmt: skip
        labels.append(
            label(
                SIDES[int(rng.integers(2))],
                EVIL,
                answered_at=f"2026-01-{1 + i // 24:02d}T{i % 24:02d}:00:00Z",
                seconds=3.0,
            )
        )
        quality = int(rng.integers(1, 5))
        ratings = [
            GivenRating(
                "first", f"w{k}", "person", "helpfulness", float(np.clip(quality + rng.integers(-1, 2), 1, 4)), 1, 4
            )
            for k in range(3)
        ] + [GivenRating("first", "w3", "person", "helpfulness", 0.0, 1, 4)]  # 0 says that it does not apply
        pairs.append(pair(f"p{i // 4}", f"x{i}", f"y{i}", *labels, ratings=tuple(ratings) if i % 2 else ()))
    return pairs


@pytest.fixture(scope="module")
def reported(tmp_path_factory) -> tuple[Store, Findings]:
    store = make_store(tmp_path_factory.mktemp("quality"), {"team": team()}, shards=2)
    run_stage(Report(report_context(store), GOLD))
    return store, report(store)


def rows(store: Store, sql: str) -> list[dict]:
    return query_store(store, sql).read_all().to_pylist()


def test_the_guesser_is_first_in_the_table_with_figures_and_words(reported):
    store, _ = reported
    (first,) = rows(store, "SELECT * FROM annotator_quality WHERE rank IS NOT NULL ORDER BY rank")
    assert (first["annotator"], first["kind"], first["source"], first["n"], first["order"]) == (
        f"person:team/{EVIL}",
        "person",
        "team",
        120,
        "time",
    )
    assert {"guessing", "too_fast"} <= set(first["findings"])
    assert first["agreement_low"] < 0.5 < first["agreement_high"] < first["usual_agreement"]
    assert (first["seconds"], first["hasty_share"]) == (3.0, 1.0)
    assert "3 s median against" in first["said"]
    assert "Looks like guessing" in first["said"]
    assert rows(store, "SELECT count(*) AS n FROM annotator_quality WHERE rank IS NULL AND len(findings) = 0") == [
        {"n": 12}
    ]


def test_the_page_says_so_and_the_name_cannot_become_markup(reported):
    store, found = reported
    assert (found.looked_at, found.suspected["guessing"]) == (13, 1)
    text = page(store)
    assert EVIL not in text
    assert "&lt;b&gt;guesser&lt;/b&gt;" in text
    assert "13 annotators with 8 opinions or more were looked at" in text
    assert "Looks like guessing" in text
    assert "its peers on" in text
    assert "person:team/<wbr>" in text, "a long name is broken where its words end"
    assert re.search(r"alpha <b>\d\.\d\d</b>.*<br>kappa\s+<b>\d\.\d\d</b>", text), "in one column of the sources' table"


def test_kappa_and_alpha_stand_in_the_view_of_sources(reported):
    store, _ = reported
    told = {
        (row["measure"], row["what"]): row
        for row in rows(store, "SELECT * FROM sources WHERE measure IN ('agreement', 'ratings')")
    }
    kappa = told["agreement", "kappa_quadratic"]
    assert kappa["low"] < kappa["value"] < kappa["high"]
    assert kappa["value"] == pytest.approx(told["agreement", "alpha"]["value"], abs=0.05)
    assert set(told) >= {
        ("ratings", what) for what in ("alpha_interval", "alpha_ordinal", "kappa_linear", "kappa_quadratic")
    }
    assert told["ratings", "alpha_interval"]["n"] == 60
    assert 0.3 < told["ratings", "alpha_interval"]["value"] < 0.9, "the zeros that say 'does not apply' are left out"


def test_the_same_rows_whatever_the_number_of_shards(reported, tmp_path):
    store, _ = reported
    other = make_store(tmp_path, {"team": team()}, shards=4)
    run_stage(Report(report_context(other), GOLD))
    assert rows(other, "SELECT * FROM annotator_quality") == rows(store, "SELECT * FROM annotator_quality")
