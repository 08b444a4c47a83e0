"""Files that nobody has described, as people have them: what is proposed, and that it reads them."""

import csv
import json

import pytest
import yaml

from prefcurate.pipelines.suggest import propose, render
from prefcurate.schemas.errors import WrongSetting
from prefcurate.transforms.ingest.suggest_words import word_of
from tests.schemas.formats.reading import DATA

LONG = "some longer words of an answer that make it a text "


def rows_of(count, **cells):
    """Rows whose cells are made of their number."""
    return [{name.replace("_of_", " "): cell(number) for name, cell in cells.items()} for number in range(count)]


def text(mark):
    return lambda number: f"{LONG}{mark}{number}"


def ask(number):
    return f"What is {number}, and why is that?"


def one_of(*values):
    return lambda number: values[number % len(values)]


FILES = {
    "a spreadsheet of a team": (
        rows_of(
            9,
            ID=str,
            Question=ask,
            Answer_of_A=text("a"),
            Answer_of_B=text("b"),
            Better=one_of("A", "B", "Tie"),
            Reviewer=one_of("kim", "lee"),
            Comment=text("why"),
        ),
        {
            "prompt": "Question",
            "response_a": "Answer A",
            "response_b": "Answer B",
            "label": {"path": "Better", "values": {"A": "a", "B": "b", "Tie": "tie"}},
            "annotator": "Reviewer",
            "rationale": "Comment",
            "kind": "person",
            "row_id": "ID",
        },
    ),
    "the winner's name": (
        rows_of(
            9,
            prompt=ask,
            modelA=one_of("gpt"),
            modelB=one_of("llm"),
            outputA=text("a"),
            outputB=text("b"),
            winner=one_of("gpt", "llm", "tie"),
        ),
        {
            "prompt": "prompt",
            "response_a": "outputA",
            "response_b": "outputB",
            "model_a": "modelA",
            "model_b": "modelB",
            "label": {"path": "winner", "same_as": {"a": "modelA", "b": "modelB"}, "values": {"tie": "tie"}},
            "kind": "person",
        },
    ),
    "a column for each label": (
        rows_of(
            9,
            prompt=ask,
            response_a=text("a"),
            response_b=text("b"),
            winner_a=one_of(1, 0, 0),
            winner_b=one_of(0, 1, 0),
            winner_tie=one_of(0, 0, 1),
        ),
        {
            "prompt": "prompt",
            "response_a": "response_a",
            "response_b": "response_b",
            "label": {"columns": {"a": "winner_a", "b": "winner_b", "tie": "winner_tie"}},
            "kind": "person",
        },
    ),
    "two ratings": (
        rows_of(
            9, prompt=ask, output_1=text("a"), output_2=text("b"), score_1=one_of(1, 2, 3), score_2=one_of(2, 2, 1)
        ),
        {
            "prompt": "prompt",
            "response_a": "output_1",
            "response_b": "output_2",
            "label": {"path_a": "score_1", "path_b": "score_2"},
            "kind": "person",
        },
    ),
    "a signed strength": (
        rows_of(9, prompt=ask, answer1=text("a"), answer2=text("b"), preference=one_of(-2, 0, 3)),
        {
            "prompt": "prompt",
            "response_a": "answer1",
            "response_b": "answer2",
            "label": {"path": "preference", "positive": "a"},
            "kind": "person",
        },
    ),
    "votes in a list": (
        rows_of(
            9,
            question=ask,
            output_1=text("a"),
            output_2=text("b"),
            votes=lambda n: [{"vote": 1, "judge": "gpt-4"}, {"vote": 2, "judge": "claude"}],
        ),
        {
            "prompt": "question",
            "response_a": "output_1",
            "response_b": "output_2",
            "label": {
                "each": "votes",
                "path": "vote",
                "values": {"1": "a", "2": "b"},
                "annotator": "judge",
                "kind": "llm_judge",
            },
            "kind": "llm_judge",
        },
    ),
    "completions in a list": (
        rows_of(
            9,
            instruction=ask,
            completions=lambda n: [{"completion": f"{LONG}{n}{k}", "model": f"m{k}", "score": k} for k in range(3)],
        ),
        {
            "prompt": "instruction",
            "responses": {
                "each": "completions",
                "text": "completion",
                "model": "model",
                "ratings": [{"path": "score"}],
            },
            "kind": "person",
        },
    ),
    "ranks in columns": (
        rows_of(
            9,
            prompt=ask,
            response_1=text("a"),
            response_2=text("b"),
            response_3=text("c"),
            rank_1=one_of(1),
            rank_2=one_of(3),
            rank_3=one_of(2),
        ),
        {
            "prompt": "prompt",
            "responses": [{"text": f"response_{n}", "rank": f"rank_{n}"} for n in (1, 2, 3)],
            "kind": "person",
        },
    ),
    "a scale from one to the other, and votes that name columns": (
        rows_of(
            14,
            Task=ask,
            GPT_of_4_of_answer=text("a"),
            Claude_of_answer=text("b"),
            Winner=one_of("GPT 4", "Claude", "Tie"),
        ),
        {
            "prompt": "Task",
            "response_a": "GPT 4 answer",
            "response_b": "Claude answer",
            "label": {"path": "Winner", "values": {"GPT 4": "a", "Claude": "b", "Tie": "tie"}},
            "kind": "person",
        },
    ),
    "a scale from one response to the other": (
        rows_of(14, Prompt=ask, Model_of_1=text("a"), Model_of_2=text("b"), Rating=lambda n: 1 + n % 7),
        {
            "prompt": "Prompt",
            "response_a": "Model 1",
            "response_b": "Model 2",
            "label": {"path": "Rating", "values": dict(zip("1234567", ["a"] * 3 + ["tie"] + ["b"] * 3, strict=True))},
            "kind": "person",
        },
    ),
    "people and experts, in words": (
        rows_of(
            9,
            prompt_id=lambda n: f"prompt-number-{n}",
            text=ask,
            completion_a=text("a"),
            completion_b=text("b"),
            workers=lambda n: [{"evaluator": "w1", "helpful_pref": "Tie", "overall_pref": "A-is-slightly-better"}],
            experts=lambda n: [{"evaluator": "e1", "overall_pref": "B-is-clearly-better", "time": 3}],
        ),
        {
            "prompt": "text",
            "response_a": "completion_a",
            "response_b": "completion_b",
            "label": [
                {
                    "each": "workers",
                    "path": "overall_pref",
                    "values": {"A-is-slightly-better": "a"},
                    "annotator": "evaluator",
                },
                {
                    "each": "experts",
                    "path": "overall_pref",
                    "values": {"B-is-clearly-better": "b"},
                    "annotator": "evaluator",
                },
            ],
            "kind": "person",
            "row_id": "prompt_id",
        },
    ),
    "the number of the better one": (
        rows_of(
            9,
            prompt=ask,
            response_0=text("a"),
            response_1=text("b"),
            better_response_id=one_of(1, 0),
            num_user_tokens=one_of(3, 4),
        ),
        {
            "prompt": "prompt",
            "response_a": "response_0",
            "response_b": "response_1",
            "label": {"path": "better_response_id", "values": {"1": "b", "0": "a"}},
            "kind": "person",
        },
    ),
    "good and bad responses, one a row": (
        rows_of(12, prompt=lambda n: ask(n // 2), completion=text("a"), label=one_of(True, False)),
        {
            "prompt": "prompt",
            "responses": {"text": "completion", "ratings": [{"path": "label"}]},
            "kind": "person",
        },
    ),
    "conversations of which some turns were judged": (
        rows_of(
            9,
            side_a=lambda n: [
                {"role": r, "content": f"{ask(n)} {k}a"} for k in range(2) for r in ("user", "assistant")
            ],
            side_b=lambda n: [
                {"role": r, "content": f"{ask(n)} {k}{'b' * (r != 'user') or 'a'}"}
                for k in range(2)
                for r in ("user", "assistant")
            ],
            turn=one_of(1, 2),
            vote=one_of("left is better", "right is better", "neither"),
        ),
        {
            "response_a": "side_a",
            "response_b": "side_b",
            "turns": "turn",
            "label": {"path": "vote", "values": {"left is better": "a", "right is better": "b", "neither": "tie"}},
            "kind": "person",
        },
    ),
    "one response a row": (
        rows_of(12, query=lambda n: ask(n // 3), reply=text("a"), quality=one_of(1, 4, 2), rater=one_of("r1")),
        {
            "prompt": "query",
            "responses": {"text": "reply", "ratings": [{"path": "quality"}]},
            "annotator": "rater",
            "kind": "person",
        },
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_described_and_read_with_the_description(name, tmp_path):
    rows, fields = FILES[name]
    path = tmp_path / "votes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = propose(str(path))
    assert found.settings["format"] == "mapping" and found.settings["fields"] == fields
    assert not found.report.mistakes and found.report.seen.given and not found.report.seen.unreadable
    pasted = yaml.safe_load(render(found).split("\n\n")[0])
    assert pasted == [dict(found.settings)]


def test_a_table_without_types_is_described_alike(tmp_path):
    rows, fields = FILES["a column for each label"]
    with (tmp_path / "votes.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert propose(str(tmp_path / "votes.csv")).settings["fields"] == fields


def test_chosen_and_rejected_under_other_names(tmp_path):
    rows = rows_of(
        5,
        text_chosen=lambda n: f"Human: {ask(n)}\n\nAssistant: yes",
        text_rejected=lambda n: f"Human: {ask(n)}\n\nAssistant: no",
    )
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = propose(str(tmp_path / "x.jsonl"))
    assert (found.settings["format"], found.settings["chosen"]) == (
        "hf_preference",
        "text_chosen",
    ) and found.report.seen.pairs == 5


@pytest.mark.parametrize(
    ("path", "format_"),
    [("finegrained-qa-feedback", "qa_feedback"), ("oasst-trees", "oasst")],
)
def test_a_known_format_is_recognised(path, format_):
    (file,) = (f for f in sorted((DATA / path).iterdir()) if "json" in f.name)
    assert propose(str(file)).settings["format"] == format_


def written(path, rows, above=(), encoding="utf-8", **settings):
    """A table of a spreadsheet program."""
    with path.open("w", newline="", encoding=encoding) as stream:
        csv.writer(stream, **settings).writerows([*above, list(rows[0]), *(row.values() for row in rows)])
    return propose(str(path))


def test_how_a_table_is_written_is_found_out(tmp_path):
    rows = rows_of(
        9,
        Frage=lambda n: f"Wie läuft es, {n}?",
        Antwort_of_A=text("ä"),
        Antwort_of_B=text("b"),
        Wahl=one_of("A", "B", "gleich"),
    )
    found = written(tmp_path / "x.csv", rows, encoding="cp1252", delimiter=";")
    assert (found.settings["encoding"], found.settings["delimiter"]) == ("cp1252", ";")
    assert (
        found.settings["fields"]["label"]["values"] == {"A": "a", "B": "b", "gleich": "tie"}
        and found.report.seen.used == 9
    )
    found = written(tmp_path / "y.tsv", rows, above=[["# of June"], []], delimiter="\t")
    assert found.settings["header"] == 3 and found.report.seen.used == 9 and "delimiter" not in found.settings
    found = written(tmp_path / "z.csv", rows)
    assert not {"header", "encoding", "delimiter"} & set(found.settings) and found.report.seen.used == 9


def test_people_as_columns_the_winners_text_and_a_slider(tmp_path):
    rows = rows_of(
        9,
        prompt=ask,
        baseline=text("a"),
        candidate=text("b"),
        Ann=one_of("baseline", "candidate", "tie"),
        Ben=one_of("candidate", "", "tie"),
    )
    found = written(tmp_path / "people.csv", rows)
    values = {"baseline": "a", "candidate": "b", "tie": "tie"}
    assert found.settings["fields"]["label"] == [
        {"path": who, "values": values, "annotator": {"constant": who}} for who in ("Ann", "Ben")
    ]
    assert found.report.seen.annotators == {("Ann", "person"): 9, ("Ben", "person"): 6}
    rows = rows_of(
        30,
        prompt=ask,
        answer_1=text("a"),
        answer_2=text("b"),
        preferred=lambda n: [f"{LONG}a{n}", f"{LONG}b{n}", "tie"][n % 3],
        shown_first=one_of(1, 2),
    )
    found = written(tmp_path / "winner.csv", rows)
    assert found.settings["fields"]["label"] == {
        "path": "preferred",
        "same_as": {"a": "answer_1", "b": "answer_2"},
        "values": {"tie": "tie"},
    }
    assert found.settings["fields"]["order"] == {"path": "shown_first", "values": {"1": "ab", "2": "ba"}}
    assert found.report.seen.given == {"first": 10, "second": 10, "tie": 10}
    rows = rows_of(9, q=ask, out_left=text("a"), out_right=text("b"), slider=one_of(-3, 0, 2))
    assert written(tmp_path / "slider.csv", rows).settings["fields"]["label"] == {"path": "slider", "positive": "a"}


def test_what_cannot_be_compared_is_said_with_what_is_there(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"city": "Rome", "inhabitants": 3}\n' * 3)
    with pytest.raises(WrongSetting, match="no two responses to one prompt .* it has 'city', 'inhabitants'"):
        propose(str(tmp_path / "x.jsonl"))


BROKEN = {"prompt": None, "chosen": [], "rejected": 5}


@pytest.mark.parametrize(
    ("row", "settings"),
    [
        ({"prompt": "Q", "chosen": LONG + "a", "rejected": LONG + "b"}, {"format": "hf_preference"}),
        (
            {
                "question": ask(1),
                "system": "You are a helpful one.",
                "preferred_output": LONG + "a",
                "non_preferred_output": LONG + "b",
            },
            {"format": "hf_preference", "prompt": "question", "system": "system", "chosen": "preferred_output"},
        ),
        (
            {
                "prompt": "Q",
                "chosen": LONG + "a",
                "rejected": LONG + "b",
                "chosen-rating": 4.5,
                "rejected-rating": 3,
                "chosen-model": "m",
                "rejected-model": "n",
            },
            {
                "format": "hf_preference",
                "score_chosen": "chosen-rating",
                "score_rejected": "rejected-rating",
                "model_rejected": "rejected-model",
            },
        ),
        (
            {
                "model_a": "m",
                "model_b": "n",
                "winner": "both_bad",
                "conversation_a": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}],
                "conversation_b": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "B"}],
                "tokens": {"sum_user_tokens": 3},
            },
            {"format": "arena"},
        ),
        (
            {
                "data": {"text": LONG + "q", "answer1": LONG + "a", "answer2": LONG + "b"},
                "annotations": [
                    {"id": 1, "completed_by": 2, "result": [{"from_name": "pw", "value": {"selected": "left"}}]}
                ],
            },
            {
                "format": "label_studio_project",
                "prompt": "text",
                "response_a": "answer1",
                "response_b": "answer2",
                "question": "pw",
            },
        ),
        (
            {
                "data_row": {"id": "x", "row_data": {"q": LONG + "q", "a": LONG + "a", "b": LONG + "b"}},
                "projects": {
                    "p": {
                        "labels": [
                            {
                                "annotations": {
                                    "classifications": [
                                        {
                                            "name": "Which?",
                                            "radio_answer": {"name": "Response B", "value": "response_b"},
                                        }
                                    ]
                                }
                            }
                        ]
                    }
                },
            },
            {"format": "labelbox", "response_a": "row_data.a", "question": "Which?", "values": {"response_b": "b"}},
        ),
        (
            {
                "fields": {"q": LONG + "q", "r1": LONG + "a", "r2": LONG + "b", "r3": LONG + "c"},
                "responses": {
                    "rank": [{"user_id": "u", "value": [{"value": f"no-{n}", "rank": n} for n in (1, 2, 3)]}]
                },
            },
            {
                "format": "argilla",
                "prompt": "q",
                "responses": {"no-1": "r1", "no-2": "r2", "no-3": "r3"},
                "question": "rank",
            },
        ),
    ],
)
def test_layouts_are_recognised_in_spite_of_a_broken_row(row, settings, tmp_path):
    lines = [json.dumps(row).replace(LONG, f"{LONG}{n}") for n in range(9)]
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join([*lines, json.dumps(BROKEN)]))
    found = propose(str(path))
    assert settings.items() <= found.settings.items()
    assert found.report.seen.used == 9 and found.report.seen.given


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("A", "a"),
        ("model_b", "b"),
        ("Response 2", "b"),
        ("B>A", "b"),
        ("A>>B", "a"),
        ("A=B", "tie"),
        ("[[A]]", "a"),
        ("assistant A is better", "a"),
        ("B is slightly worse", "a"),
        ("Answer 1 is better than answer 2", "a"),
        ("left", "a"),
        ("Second one", "b"),
        ("Both are bad", "both_bad"),
        ("both good", "both_good"),
        ("equally good", "tie"),
        ("Neither", "tie"),
        ("tie (bothbad)", "both_bad"),
        ("no preference", "tie"),
        ("a bit better", None),
        ("A and B", None),
        ("not A", None),
        ("2 stars", None),
        ("4", None),
        ("harmless", None),
    ],
)
def test_words_of_a_vote(said, word):
    assert word_of(said) == word


def test_odd_values_stop_no_proposal(tmp_path):
    rows = [
        {
            "prompt": ask(n),
            "answer_a": f"{LONG}a{n}",
            "answer_b": f"{LONG}b{n}",
            "system": 1.5 if n == 4 else f"You are {n}",
            "rating": 10.0 ** (300 if n == 3 else n),
        }
        for n in range(9)
    ]
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert propose(str(path)).settings["fields"]["response_a"] == "answer_a"
    path.write_text("\n".join(json.dumps({"completion": f"{LONG}{n}", "label": bool(n % 2)}) for n in range(9)))
    with pytest.raises(WrongSetting, match="no two responses to one prompt"):
        propose(str(path))


def test_rows_by_their_keys_two_in_a_list_and_sides_inside(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(
        json.dumps(
            {
                f"no {n}": {"q": ask(n), "one": f"{LONG}a{n}", "two": f"{LONG}b{n}", "best": one_of("one", "two")(n)}
                for n in range(6)
            }
        )
    )
    found = propose(str(path))
    assert found.settings["rows"] == "." and found.settings["fields"]["row_id"] == "_key"
    assert found.report.seen.given == {"first": 3, "second": 3}
    rows = rows_of(6, prompt=ask, candidates=lambda n: [f"{LONG}a{n}", f"{LONG}b{n}"], preferred_index=one_of(0, 1))
    path.write_text(json.dumps(rows))
    fields = propose(str(path)).settings["fields"]
    assert (fields["response_a"], fields["response_b"]) == ("candidates[0]", "candidates[1]")
    assert fields["label"] == {"path": "preferred_index", "values": {"0": "a", "1": "b"}}
    rows = rows_of(
        6,
        input=ask,
        outputs=lambda n: {side: {"text": f"{LONG}{side}{n}"} for side in "ab"},
        by=lambda n: {"worker": {"id": "w"}, "choice": "ab"[n % 2]},
    )
    path.write_text(json.dumps(rows))
    fields = propose(str(path)).settings["fields"]
    assert (fields["response_a"], fields["response_b"], fields["annotator"]) == (
        "outputs.a.text",
        "outputs.b.text",
        "by.worker.id",
    )


def test_scores_by_model_and_what_is_no_vote(tmp_path):
    rows = rows_of(6, question=ask, claude=text("a"), gpt=text("b"), score_claude=one_of(1, 2), score_gpt=one_of(2, 1))
    found = written(tmp_path / "x.csv", rows)
    told = [{"text": name, "model": {"constant": name}, "ratings": f"score_{name}"} for name in ("claude", "gpt")]
    assert found.settings["fields"]["responses"] == told and found.report.seen.given == {"first": 3, "second": 3}
    rows = rows_of(6, prompt=ask, A=text("a"), B=text("b"), C=text("c"), ranking=one_of("A>B>C", "C>A=B"))
    assert "label" not in written(tmp_path / "y.csv", rows).settings["fields"]
    with pytest.raises(WrongSetting, match="bad header: the column 'Score' stands twice"):
        (tmp_path / "z.csv").write_text("Prompt,Score,Score\na,1,2\n")
        propose(str(tmp_path / "z.csv"))


def test_the_sheet_that_compares_is_found(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Please rate carefully."])
    sheet = book.create_sheet("Data")
    rows = rows_of(6, Prompt=ask, Output_of_A=text("a"), Output_of_B=text("b"), Winner=one_of("A", "B"))
    for row in [list(rows[0]), *(list(row.values()) for row in rows)]:
        sheet.append(row)
    book.save(tmp_path / "x.xlsx")
    found = propose(str(tmp_path / "x.xlsx"))
    assert found.settings["sheet"] == 2 and found.report.seen.given == {"first": 3, "second": 3}
