"""The corpus of the benchmarks: a function of row numbers, with the rates of real sources."""

import json
from collections import Counter

import pyarrow.parquet as pq
import pytest

from tests.benchmarks.corpus import RATES, phrases, rows, write_corpus

COUNT = 3000


@pytest.fixture(scope="module")
def made() -> list[dict]:
    return list(rows(0, COUNT, phrases()))


def texts(row: dict) -> tuple:
    return row["question"], row["answer1"], row["answer2"]


def share(found: int) -> float:
    return found / COUNT


def test_a_row_is_a_function_of_its_number(made):
    assert list(rows(2000, 2020, phrases())) == made[2000:2020]


def test_rates_are_those_of_real_sources(made):
    usable = [row for row in made if row["answer2"] is not None]
    repeated = sum(count - 1 for count in Counter(map(texts, usable)).values())
    votes = [vote for row in made for vote in row["votes"]]
    people = [vote["vote"] for vote in votes if vote["kind"] == "person"]
    assert share(COUNT - len(usable)) == pytest.approx(RATES.unreadable, abs=0.004)
    assert share(repeated) == pytest.approx(RATES.repeats, abs=0.02)
    assert share(sum(row["question"] in phrases().questions for row in made)) == pytest.approx(RATES.leaks, abs=0.01)
    assert people.count("0") / len(people) == pytest.approx(RATES.person_ties, abs=0.02)
    assert share(sum(any("expert" in vote["who"] for vote in row["votes"]) for row in made)) == pytest.approx(
        0.05, abs=0.02
    )
    assert share(sum(len(row["votes"]) >= 5 for row in made)) == pytest.approx(RATES.crowd + RATES.judged, abs=0.1)
    size = sum(len(text or "") for row in made for text in texts(row)) / COUNT
    assert 2500 < size < 3800


def test_files_of_both_formats_hold_the_same_rows(tmp_path, made):
    for form in ("jsonl", "parquet"):
        write_corpus(tmp_path / form, 40, first=10, form=form)
    lines = (tmp_path / "jsonl" / "000000010.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(one) for one in lines] == made[10:40]
    assert pq.read_table(tmp_path / "parquet" / "000000010.parquet").to_pylist() == made[10:40]
