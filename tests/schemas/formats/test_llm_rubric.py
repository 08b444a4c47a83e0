from collections import Counter

import pytest

from prefcurate.schemas.formats.llm_rubric import LlmRubricReader, said
from prefcurate.schemas.formats.rows import RowError
from prefcurate.schemas.records import Auxiliary, Unreadable
from tests.schemas.formats.reading import SHARED, jsonl, outcomes, read_files, read_shared

PEOPLE = "human_judges_real.tsv"
HEADER = "text_id\tQ1\tQ2\tQ3\tQ4\tQ5\tQ6\tQ7\tQ8\tQ0\tannotator_id\n"


def read(*lines: str):
    files = {"real_data.json": jsonl({"_id": "d1", "messages": []}), PEOPLE: (HEADER + "\n".join(lines)).encode()}
    return read_files(LlmRubricReader(), files)[PEOPLE]


def test_every_row_of_all_of_it_is_accounted_as_its_readme_counts():
    rows = read_shared(LlmRubricReader(), "llm-rubric")
    found = outcomes(rows)
    # 223 dialogues and two lists of 223 ids; 223 people's and 2,007 of the judge's ratings of real dialogues; 743 and 2,025 of synthetic ones.
    assert found == {"Auxiliary": 3 * 223, "one response": 223 + 2007, "response text missing": 743 + 2025}
    assert 2007 + 2025 == 4032
    assert len(rows) == sum(found.values()) and all(row.raw for row in rows if isinstance(row.outcome, Unreadable))


def test_zero_is_not_applicable_and_blanks_exist():
    path = SHARED / "llm-rubric" / "synth_data" / "human_judges_synth_all_FIXED_ANON.tsv"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    header, *lines = path.read_text().splitlines()
    tables = [said(dict(zip(header.split("\t"), line.split("\t"), strict=True))) for line in lines]
    inapplicable = Counter(name for ratings in tables for name, value in ratings.items() if value is None)
    assert {name: inapplicable[name] for name in ("Q2", "Q3", "Q4", "Q5")} == {
        "Q2": 157,
        "Q3": 168,
        "Q4": 173,
        "Q5": 178,
    }
    assert sum(len(ratings) < 9 for ratings in tables) > 0


def test_a_rating_says_what_it_says_and_why_it_compares_nothing():
    alone, textless = read("d1\t3\t0\t4\t\t1\t2\t2\t2\t3\t22", "d2\t3\t0\t4\t\t1\t2\t2\t2\t3\t22")
    assert alone.outcome == Unreadable(
        "one response",
        "the dialogue 'd1' is rated as a whole (Q0 3, Q1 3, Q2 does not apply, Q3 4, Q5 1, Q6 2, Q7 2, Q8 2); "
        "no other answers the same prompt",
    )
    assert textless.outcome.reason == "response text missing"


def test_a_judge_tells_the_mean_of_its_probabilities():
    row = {"criterion": "Q0", "answer1_prob": "0.5", "answer2_prob": "0", "answer3_prob": "0", "answer4_prob": "0.5"}
    assert said(row) == {"Q0": 2.5}
    with pytest.raises(RowError, match="from 0 to 1"):
        said(row | {"answer1_prob": "2"})


@pytest.mark.parametrize("line", ["d1\t5" + "\t1" * 9, "d1\tx" + "\t1" * 9, "d1\t2.5" + "\t1" * 9])
def test_a_rating_that_is_none(line):
    assert outcomes(read(line)) == {"unknown label": 1}


def test_a_ragged_row_and_the_dialogues():
    assert outcomes(read("d1\t5")) == {"ragged row": 1}
    files = {"real_data.json": jsonl({"_id": "d1"}), "real_dialogue_ids.tsv": b"text_id\nd1\n"}
    for (row,) in read_files(LlmRubricReader(), files).values():
        assert isinstance(row.outcome, Auxiliary)
