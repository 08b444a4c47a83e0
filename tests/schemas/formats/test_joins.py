"""Values from files' names, and files that are joined by a key: described by a mapping, read as by a reader written for them."""

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from prefcurate.pipelines.check import check
from prefcurate.pipelines.check_words import render
from prefcurate.pipelines.config import ConfigError, parse_config
from prefcurate.schemas.records import GivenPair, InputRow, Unreadable
from prefcurate.schemas.records import render as told
from prefcurate.transforms.ingest.sources import SourceError, identify, plan_source
from tests.schemas.formats.mapping_helper import read_source
from tests.schemas.formats.reading import DATA, jsonl, labels_of, outcomes, pairs_of

JOINED = """
- name: v
  path: {path}
  join:
    - {{as: one, files: "answers/*.jsonl", file_name: '(?P<model>.+)\\.jsonl', key: "{{@file.model}}/{{id}}", on: "{{m1}}/{{q}}"}}
    - {{as: two, files: "answers/*.jsonl", file_name: '(?P<model>.+)\\.jsonl', key: "{{@file.model}}/{{id}}", on: "{{m2}}/{{q}}"}}
    - {{as: question, files: questions.csv, key: id, on: q}}
  fields: {{prompt: question.text, response_a: one.text, response_b: two.text, model_a: m1, model_b: m2,
            label: {{path: vote, values: {{1: a, 2: b}}}}, annotator: who, kind: {{constant: person}}}}
"""


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def votes(*rows: dict) -> bytes:
    return jsonl(*({"q": 1, "m1": "x", "m2": "y", "vote": 1, "who": "w"} | row for row in rows))


def files(**more: bytes) -> dict[str, bytes]:
    return {
        "answers/x.jsonl": jsonl({"id": 1, "text": "x1"}, {"id": 2, "text": "x2"}),
        "answers/y.jsonl": jsonl({"id": 1, "text": "y1"}, {"id": 2, "text": "y2"}, {"id": 2, "text": "y2"}),
        "questions.csv": b"id,text\n1,Why?\n2,How?\n",
        "votes.jsonl": votes({}, {"q": 2, "m1": "y", "m2": "x", "vote": 2}),
    } | more


def source(folder: Path, text: str = JOINED) -> list[InputRow]:
    return read_source(text.format(path="data"), folder)


def texts(pair: GivenPair) -> tuple[str, str, str]:
    return told(pair.prompt), told(pair.first), told(pair.second)


def test_rows_are_joined_by_their_key(tmp_path):
    write(tmp_path / "data", files())
    found = source(tmp_path)
    assert outcomes(found) == {"Auxiliary": 7, "Pairs": 2}
    assert [texts(pair) for pair in pairs_of(found)] == [("Why?", "x1", "y1"), ("How?", "y2", "x2")]
    assert [(pair.model_first, pair.model_second) for pair in pairs_of(found)] == [("x", "y"), ("y", "x")]


def problems(found: list[InputRow]) -> list[Unreadable]:
    return [row.outcome for row in found if isinstance(row.outcome, Unreadable)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"q": 9}, "field 'one.text' is not in the row: no row of 'answers/*.jsonl' has the key 'x/9'"),
        ({"m1": "z"}, "field 'one.text' is not in the row: no row of 'answers/*.jsonl' has the key 'z/1'"),
        ({"m2": None}, "nothing is joined as 'two': the row's key ({m2}/{q}) is not whole"),
        ({"q": 3, "m2": "y"}, "2 rows of 'answers/*.jsonl' have the key 'x/3', and they differ"),
    ],
)
def test_a_row_without_its_partner_says_which_key_was_looked_for(tmp_path, row, said):
    twice = jsonl({"id": 1, "text": "x1"}, {"id": 3, "text": "x3"}, {"id": 3, "text": "other"})
    csv = b"id,text\n1,Why?\n2,How?\n3,When?\n"
    write(tmp_path / "data", files(**{"votes.jsonl": votes({}, row), "answers/x.jsonl": twice, "questions.csv": csv}))
    (problem,) = problems(source(tmp_path))
    assert problem.reason == "field missing" and said in problem.detail


def test_rows_that_cannot_be_joined_are_quarantined_where_they_stand(tmp_path):
    broken = b'{"id": 1, "text": "x1"}\n{"text": "no id"}\n{"id": {}, "text": "x"}\n{bad\n3\n'
    write(tmp_path / "data", files(**{"answers/x.jsonl": broken}))
    found = source(tmp_path)
    assert outcomes(found) == {
        "Auxiliary": 6, "Pairs": 1, "field missing": 2, "wrong type": 1, "bad JSON": 1, "not an object": 1,
    }  # fmt: skip
    assert len(found) == 12
    assert "the key of join 'one' ({@file.model}/{id}) is not whole" in [problem.detail for problem in problems(found)]


def test_a_join_is_not_part_of_what_a_row_says_but_of_its_intake(tmp_path):
    write(tmp_path / "data", files())
    config = parse_config({"store": "s", "sources": yaml.safe_load(JOINED.format(path="data"))}, str(tmp_path))

    def known() -> tuple[list, dict]:
        found = source(tmp_path)
        planned = [identify(intake) for intake in plan_source(config.sources[0])]
        return [row.identity for row in found][-2:], {i.unit.file.name: i.intake_id for i in planned}

    rows, ids = known()
    write(tmp_path / "data", files(**{"answers/x.jsonl": jsonl({"id": 1, "text": "X"}, {"id": 2, "text": "x2"})}))
    rows_after, ids_after = known()
    assert rows == rows_after
    changed = {name for name in ids if ids[name] != ids_after[name]}
    assert changed == {"answers/x.jsonl", "votes.jsonl"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            '"answers/*.jsonl"',
            '"replies/*.jsonl"',
            "no file of the source is called 'replies/*.jsonl'; its files: answers/x.jsonl,",
        ),
        ('"answers/*.jsonl"', '"*"', "every file of the source is joined into others"),
        ("(?P<model>.+)", "reply-(?P<model>.+)", "answers/x.jsonl: the name does not match `file_name: reply-"),
    ],
)
def test_joins_that_fit_no_file_are_named_at_planning(tmp_path, old, new, said):
    write(tmp_path / "data", files())
    with pytest.raises(SourceError) as raised:
        source(tmp_path, JOINED.replace(old, new))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("as: two", "as: one", "two joins are called 'one'"),
        ("as: two", "as: a.b", "String should match pattern|a.b"),
        ("(?P<model>.+)", "(?P<model>.+", "is no regular expression"),
        ("(?P<model>.+)", "(?P<name>.+)", "the group 'name' is the whole name of the file"),
    ],
)
def test_wrong_joins(tmp_path, old, new, said):
    write(tmp_path / "data", files())
    with pytest.raises(ConfigError, match=said.replace("|", ".*|.*")):
        source(tmp_path, JOINED.replace(old, new))


def test_check_does_not_call_joined_names_missing(tmp_path):
    write(tmp_path / "data", files())
    config = parse_config({"store": "s", "sources": yaml.safe_load(JOINED.format(path="data"))}, str(tmp_path))
    said = render(check(config))
    assert "2 used, giving 2 pairs, 7 joined into others" in said
    assert "not in the row" not in said and "not read" not in said


NAMED = """
- name: v
  path: {path}
  file_name: 'judge-(?P<judge>[^_]+)_(?P<rep>\\d+)\\.tsv'
  fields: {{prompt: q, response_a: a, response_b: b, label: {{path: vote, values: {{1: a, 2: b}}}}, annotator: "@file.judge",
            kind: {{constant: llm_judge}}, group_id: "{{@file.name}}#{{@file.rep}}"}}
"""
TSV = b"q\ta\tb\tvote\nWhy?\tx\ty\t1\n"


def test_what_a_files_name_says(tmp_path):
    write(tmp_path / "data", {"judge-gpt4_1.tsv": TSV, "judge-gpt4_2.tsv": TSV, "deep/judge-bard_1.tsv": TSV})
    found = source(tmp_path, NAMED)
    assert Counter(label.annotator for label in labels_of(found)) == {"gpt4": 2, "bard": 1}
    assert [pair.group_id for pair in pairs_of(found)] == [
        "deep/judge-bard_1.tsv#1",
        "judge-gpt4_1.tsv#1",
        "judge-gpt4_2.tsv#2",
    ]
    assert len({json.dumps(row.identity) for row in found}) == 3


def test_a_name_that_does_not_match_is_named_at_planning(tmp_path):
    write(tmp_path / "data", {"judge-gpt4_1.tsv": TSV, "judge_3.tsv": TSV})
    with pytest.raises(SourceError, match=r"judge_3.tsv: the name does not match `file_name: judge-"):
        source(tmp_path, NAMED)


def test_groups_but_not_names_tell_rows_apart(tmp_path):
    text = NAMED.replace('"{{@file.name}}#{{@file.rep}}"', '"@file.rep"')
    write(tmp_path / "data", {"a/judge-gpt4_1.tsv": TSV, "b/judge-gpt4_1.tsv": TSV})
    one, two = source(tmp_path, text)
    assert one.identity == two.identity
    assert one.identity["@file"] == {"judge": "gpt4", "rep": "1"}


def test_a_misspelt_group_is_said(tmp_path):
    write(tmp_path / "data", {"judge-gpt4_1.tsv": TSV})
    (row,) = source(tmp_path, NAMED.replace("prompt: q", "prompt: '@file.jugde'"))
    assert row.outcome.detail == "field '@file.jugde' is not in the row ('@file' is an object); did you mean 'judge'?"


def test_names_are_reached_from_the_elements_of_a_list(tmp_path):
    write(tmp_path / "data", {"team-7.jsonl": jsonl({"q": "?", "a": "x", "b": "y", "votes": [{"v": 1}, {"v": 2}]})})
    found = source(
        tmp_path,
        """
        - name: v
          path: {path}
          file_name: 'team-(?P<team>\\d+)\\.jsonl'
          fields: {{prompt: q, response_a: a, response_b: b, kind: {{constant: person}},
                    label: {{each: votes, path: v, values: {{1: a, 2: b}}, annotator: "{{@file.team}}-{{@index}}"}}}}
        """,
    )
    assert [label.annotator for label in labels_of(found)] == ["7-0", "7-1"]


PRD = """
- name: judges
  path: [{data}/ratings-gpt4, {data}/generations, {data}/prompts/vicuna_questions.jsonl]
  file_name: 'answer[_-](?P<first>.+?)-vs-answer[_-](?P<second>.+)-(?P<who>gpt4)-reviewer[_-]threeclass\\.jsonl'
  join:
    - {{as: one, files: "generations/*.jsonl", key: answer_id, on: answer1_id}}
    - {{as: two, files: "generations/*.jsonl", key: answer_id, on: answer2_id}}
    - {{as: question, files: "*questions.jsonl", key: question_id, on: question_id}}
  fields:
    {{prompt: question.text, response_a: one.text, response_b: two.text, model_a: "@file.first", model_b: "@file.second",
     label: {{path: score, values: {{1: a, 2: b, 3: tie}}, rationale: text}}, annotator: "@file.who", kind: {{constant: llm_judge}},
     order: {{constant: ab}}, row_id: review_id}}
- name: people
  path: [{data}/ratings-human, {data}/generations, {data}/prompts/vicuna_questions.jsonl]
  file_name: 'answer_(?P<first>.+?)-vs-answer_(?P<second>.+)-human-reviewer_threeclass\\.jsonl'
  join:
    - {{as: one, files: "generations/*.jsonl", key: "{{@file.model}}/{{question_id}}", on: "{{@file.first}}/{{question_id}}",
       file_name: 'answer_(?P<model>.+)\\.jsonl'}}
    - {{as: two, files: "generations/*.jsonl", key: "{{@file.model}}/{{question_id}}", on: "{{@file.second}}/{{question_id}}",
       file_name: 'answer_(?P<model>.+)\\.jsonl'}}
    - {{as: question, files: "*questions.jsonl", key: question_id, on: question_id}}
  fields:
    {{prompt: question.text, response_a: one.text, response_b: two.text, model_a: "@file.first", model_b: "@file.second",
     label: {{path: score, values: {{1: a, 2: b, 3: tie}}}}, kind: {{constant: person}}}}
"""


@pytest.mark.parametrize(("which", "folder", "pairs"), [(0, "ratings-gpt4", 800), (1, "ratings-human", 880)])
def test_prd_described_by_a_mapping_is_what_its_own_reader_reads(which, folder, pairs):
    """The quick start's judge and people: the same pairs, models and labels, and nobody's rows lost."""
    config = yaml.safe_load(PRD.format(data=DATA / "prd-vicuna80"))
    mapped = read_source(yaml.safe_dump([config[which]]), DATA)
    own = read_own(folder)
    assert len(pairs_of(own)) == pairs
    assert Counter(map(summary, pairs_of(mapped))) == Counter(map(summary, pairs_of(own)))
    assert outcomes(mapped)["Pairs"] == outcomes(own)["Pairs"]
    unread = {"field missing", "response text missing"}
    lost = [sum(n for reason, n in outcomes(rows).items() if reason in unread) for rows in (mapped, own)]
    assert lost[0] == lost[1]


def summary(pair: GivenPair) -> tuple:
    labels = tuple((label.annotator, label.kind, label.verdict, label.rationale) for label in pair.labels)
    return (*texts(pair), pair.model_first, pair.model_second, labels)


def read_own(folder: str) -> list[InputRow]:
    return read_source(
        yaml.safe_dump(
            [
                {
                    "name": "p",
                    "format": "prd",
                    "path": [str(DATA / "prd-vicuna80" / part) for part in (folder, "generations", "prompts")],
                }
            ]
        ),
        DATA,
    )
