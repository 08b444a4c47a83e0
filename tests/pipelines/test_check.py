import csv
import json
from pathlib import Path

import pytest
import yaml

from prefcurate.pipelines.check import CheckReport, check
from prefcurate.pipelines.check_words import render
from prefcurate.pipelines.config import load_config, parse_config
from tests.schemas.formats.reading import DATA

FIELDS = {"prompt": "q", "response_a": "one", "response_b": "two"}
VALUES = {1: "a", 2: "b", 0: "tie"}


def write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def rows(count: int = 60, **more) -> list[dict]:
    """Rows whose first answer is better in the odd ones."""
    return [
        {"q": f"Question {i}?", "one": f"Answer one of {i}", "two": f"Answer two of {i}", "v": 1 + i % 2, "i": i} | more
        for i in range(count)
    ]


def run(folder: Path, *sources: dict) -> CheckReport:
    return check(parse_config({"store": "s", "sources": list(sources)}, str(folder)))


def source(name: str, path: str = "x.jsonl", label=None, **fields) -> dict:
    label = {"path": "v", "values": VALUES} if label is None else label
    return {"name": name, "path": path, "fields": FIELDS | {"label": label} | fields}


def test_what_it_says_about_a_good_source(tmp_path):
    given = rows(4)
    given[1]["v"], given[2]["o"], given[2]["v"] = 0, "ba", 2
    given[3]["one"], given[3]["v"] = "", None
    write(tmp_path / "x.jsonl", given)
    report = run(tmp_path, source("votes", annotator={"constant": "kim"}, kind="person", order="o"))
    text = render(report)
    assert report.ok
    assert "votes (mapping)" in text
    assert "1 file, 4 rows, all read" in text
    assert "4 used, giving 4 pairs, 1 pairs without a label" in text
    assert "prompt  Question 0?" in text
    assert "kim (a person) preferred the first: “Answer one of 0”; the order shown is not known; stored as " in text
    assert "kim (a person) found them equal (tie)" in text
    assert "labels: first 1, second 1, tie 1" in text
    assert "the response shown first was preferred in 100% of 1 preferences" in text
    assert "annotators: kim (a person) 3" in text
    assert "not read: i" in text
    assert "Nothing looks wrong" in text


def test_labels_that_may_be_about_length_or_looks(tmp_path):
    given = rows(40, one="a short one", two="- a list that is\n- a good deal longer", v=2)
    write(tmp_path / "x.jsonl", [row | {"v": 1} if i % 4 == 0 else row for i, row in enumerate(given)])
    text = render(run(tmp_path, source("votes")))
    assert "the clearly longer response was preferred in 75% of 40 preferences where there is one\n" in text
    write(tmp_path / "x.jsonl", given[:19])
    assert "clearly longer" not in render(run(tmp_path, source("votes"))), "too few"
    write(tmp_path / "x.jsonl", given)
    text = render(run(tmp_path, source("votes")))
    assert (
        "the clearly longer response was preferred in 100% of 40 preferences where there is one: labels may be about length"
        in text
    )
    assert (
        "the more formatted response was preferred in 100% of 40 preferences where there is one: labels may be about looks"
        in text
    )


def test_gold_that_is_nobodys_is_a_warning(tmp_path):
    write(tmp_path / "x.jsonl", rows(4))
    asked = source("votes", annotator={"constant": "kim"}, kind="person")
    bot = source("bots", annotator={"constant": "gpt"}, kind="llm_judge")
    gold = {"annotators": ["person:votes/*", "person:*/Kim"], "sources": ["votes", "bots"]}
    report = check(parse_config({"store": "s", "sources": [asked, bot], "gold": gold}, str(tmp_path)))
    assert report.ok
    assert report.nobody == (
        "gold.annotators: 'person:*/Kim' matches nobody; it is matched with names like 'person:votes/kim'",
        "gold.sources: no person labelled in source 'bots'",
    )
    lines = render(report).splitlines()
    assert f"WARNING: {report.nobody[1]}" in lines
    assert "Nothing looks wrong" not in render(report)


def test_who_is_named_in_an_agreement_and_what_in_a_gate_must_be_somewhere(tmp_path):
    write(tmp_path / "x.jsonl", rows(4))
    votes = source("votes", annotator={"constant": "kim"}, kind="person")
    both = {
        "name": "both",
        "rule": "same",
        "all": ["head", "person:votes/kim"],
        "any": ["person:votes/kin", "person:*"],
    }
    gate = {"attribute": "brevity", "counts_when": {"attribute": "overall", "at_least": 3}}
    given = {
        "store": "s",
        "sources": [votes],
        "annotators": [{"name": "head", "kind": "reward_head"}],
        "consensus": {"agreement": [both], "gated": [gate]},
    }
    report = check(parse_config(given, str(tmp_path)))
    assert report.ok
    assert report.nobody == (
        "consensus.agreement.both: 'person:votes/kin' matches nobody; it is matched with names like 'person:votes/kim'",
        "consensus.gated.attribute: nothing is said on 'brevity'; there are opinions on overall",
    )


def test_stored_terms_are_those_of_ingest(tmp_path):
    write(tmp_path / "x.jsonl", rows(60, v=1))
    (seen,) = (item.seen for item in run(tmp_path, source("votes")).sources)
    assert seen.given == {"first": 60}
    assert seen.stored.total() == 60
    assert set(seen.stored) == {"a", "b"}  # which of them has the smaller id is chance


def test_unreadable_rows_are_counted_and_shown(tmp_path):
    given = rows(5)
    given[1]["v"], given[3]["v"] = "maybe", "perhaps"
    write(tmp_path / "x.jsonl", given)
    with (tmp_path / "x.jsonl").open("a") as stream:
        stream.write("{broken\n")
    text = render(run(tmp_path, source("votes")))
    assert "4 used" not in text
    assert "3 used, giving 3 pairs, 3 unreadable" in text
    assert "unreadable: 2 x unknown label, e.g. x.jsonl, line 2: 'v' is 'maybe'; known values: 1, 2, 0" in text
    assert "unreadable: 1 x bad JSON, e.g. x.jsonl, line 6" in text


def test_a_kind_that_nobody_told(tmp_path):
    write(tmp_path / "x.jsonl", rows(3))
    assert "the labels are taken as people's" in render(run(tmp_path, source("votes")))
    assert "taken as people's" not in render(run(tmp_path, source("votes", kind="llm_judge")))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": "questoin"}, "no row could be read: field missing"),
        (
            {"label": "vv"},
            "label: field 'vv' is not in the row; it has 'q', 'one', 'two', 'v', 'i'; looked for 3 times",
        ),
        ({"label": {"each": "votes", "path": "v", "values": VALUES}}, "label: field 'votes' is not in the row"),
    ],
)
def test_a_wrong_description_is_a_mistake(tmp_path, fields, words):
    write(tmp_path / "x.jsonl", rows(3))
    report = run(tmp_path, {"name": "votes", "path": "x.jsonl", "fields": FIELDS | fields})
    assert not report.ok
    assert words in report.mistakes[0]
    assert "WRONG: source 'votes'" in render(report)


def test_an_optional_field_that_is_nowhere_is_a_note(tmp_path):
    write(tmp_path / "x.jsonl", rows(3))
    report = run(tmp_path, source("votes", annotator="who"))
    assert report.ok
    assert "note: annotator: field 'who' is not in the row" in render(report)


def test_a_list_of_opinions_that_is_there_is_no_note(tmp_path):
    write(tmp_path / "x.jsonl", [row | {"votes": [{"v": row["v"]}]} for row in rows(3)])
    each = {"each": "votes", "path": "v", "values": VALUES}
    report = run(tmp_path, {"name": "votes", "path": "x.jsonl", "fields": FIELDS | {"label": each}})
    assert report.ok
    assert "'votes' is not in the row" not in render(report)


def test_rows_that_cannot_be_read_are_a_warning(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"broken": \n')
    with (tmp_path / "x.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(3))
    report = run(tmp_path, source("votes", "x.jsonl"))
    assert report.ok
    text = render(report)
    assert "WARNING: source 'votes': 1 of 4 rows cannot be read" in text
    assert "Nothing looks wrong" not in text


def test_no_file_and_no_row(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    report = run(tmp_path, source("gone", "nowhere/*.csv"), source("empty", "empty.jsonl"))
    assert report.mistakes[0].startswith("source 'gone': no file at")
    assert "no row" in report.mistakes[1]


def test_labels_in_shown_order_are_found_and_the_advice_helps(tmp_path):
    """As in Auto-J: a judge that saw every pair the other way round, its verdicts left in shown order."""
    human = rows(80)
    judge = [row | {"v": {1: 2, 2: 1}[row["v"]] if row["i"] % 5 else row["v"]} for row in human]
    write(tmp_path / "human.jsonl", human)
    write(tmp_path / "judge.jsonl", judge)
    people = source("people", "human.jsonl", kind="person")
    naive = source("exchange", "judge.jsonl", kind="llm_judge", annotator={"constant": "auto"})
    report = run(tmp_path, people, naive)
    (suspect,) = report.reversed
    assert (suspect.who, suspect.agreed, suspect.n) == ("LLM judges of source 'exchange'", 16, 80)
    assert report.ok  # a warning, not a mistake
    assert "agree on 20% of 80 pairs" in render(report)
    assert "`of: shown`" in render(report)
    label = {"path": "v", "values": VALUES, "of": "shown", "order": "ba"}
    assert run(tmp_path, people, source("exchange", "judge.jsonl", label, kind="llm_judge")).reversed == ()


def test_text_cannot_steer_the_terminal(tmp_path):
    write(tmp_path / "x.jsonl", rows(2, q="\x1b[2JHi\r\nthere\u202e"))
    text = render(run(tmp_path, source("votes")))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[2JHi there" in text


def test_only_the_beginning_is_read(tmp_path):
    write(tmp_path / "x.jsonl", rows(30))
    config = parse_config({"store": "s", "sources": [source("votes")]}, str(tmp_path))
    report = check(config, rows=10)
    assert report.sources[0].seen.rows == 10
    assert "the first 10 rows read" in render(report)


def test_a_file_that_breaks_off(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not at all")
    report = run(tmp_path, source("votes", "x.parquet"))
    assert "no row could be read" in report.mistakes[0]


def test_a_prompt_that_was_guessed(tmp_path):
    write(tmp_path / "x.jsonl", [{"chosen": "The sky is blue", "rejected": "The sky is green"}])
    text = render(run(tmp_path, {"name": "p", "format": "hf_preference", "path": "x.jsonl"}))
    assert "note: the rows have no prompt" in text
    assert "prompt: field" not in text
    assert "score_chosen" not in text


def test_from_yaml_with_a_merge_key(tmp_path):
    with (tmp_path / "x.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["q", "one", "two", "v", "w"], ["Q", "A", "B", "1", "kim"]])
    (tmp_path / "c.yaml").write_text(
        "store: ./store\nsources:\n"
        "  - {name: a, path: x.csv, fields: &f {prompt: q, response_a: one, response_b: two, label: {path: v, values: {1: a}}}}\n"
        "  - {name: b, path: x.csv, fields: {<<: *f, annotator: w}}\n"
    )
    report = check(load_config(str(tmp_path / "c.yaml")))
    assert report.ok
    assert [dict(item.seen.annotators) for item in report.sources] == [
        {("anonymous", "person"): 1},
        {("kim", "person"): 1},
    ]


@pytest.mark.skipif(not DATA.exists(), reason="the samples are not there")
def test_a_real_source_with_its_own_reader():
    sources = yaml.safe_load("[{name: lfqa, format: mapping, path: prd-lfqa, fields: {prompt: question, response_a: answer_a, "
                             "response_b: answer_b, rationale: justification, kind: person, "
                             "label: overall_preference}}, {name: oasst, format: oasst, path: oasst-trees}]")  # fmt: skip
    report = check(parse_config({"store": "s", "sources": sources}, str(DATA)), rows=200)
    text = render(report)
    assert "oasst (oasst)" in text
    assert report.sources[1].seen.used > 0


def test_labels_that_are_not_understood_and_names_that_are_fields_are_told(tmp_path):
    write(tmp_path / "x.jsonl", rows(3, Ann="1", Ben="tie"))
    labels = [
        {"path": who, "values": {1: "a"}, "annotator": told}
        for who, told in (("Ann", {"constant": "Ann"}), ("Ben", "Ben"))
    ]
    told = render(run(tmp_path, source("x", label=labels, kind="person")))
    assert "WARNING: source 'x': 3 labels could not be understood: 'tie' (3); say under `values`" in told
    assert "write `annotator: {constant: Ben}`" in told and "{constant: Ann}" not in told


def test_what_not_all_releases_of_a_dataset_have_is_one_note(tmp_path):
    talk = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    row = {
        "conversation_a": talk,
        "conversation_b": [talk[0], {"role": "assistant", "content": "B"}],
        "winner": "tie",
        "model_a": "m",
        "model_b": "n",
    }
    write(tmp_path / "x.jsonl", [row])
    report = run(tmp_path, {"name": "votes", "format": "arena", "path": "x.jsonl"})
    assert report.ok and "note: the rows have no judge, turn; the format reads them where they are there" in render(
        report
    )
