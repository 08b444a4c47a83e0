import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.schemas.formats.position_bias import PositionBiasReader
from prefcurate.schemas.formats.rows import bracket_verdict
from prefcurate.schemas.records import Order, Unreadable, Verdict
from tests.schemas.formats.reading import labels_of, outcomes, pairs_of, read_bytes, read_sample, text_of, verdicts

COLUMNS = (
    "cmp_index question_1 question_2 answer1_1 answer1_2 answer2_1 answer2_2 A B reference_answer_1 reference_answer_2"
)
HEADER = [*COLUMNS.split(), "evaluating_guidance", "task", "judge-x"]
NAME = "Repetition3-MTBench/record_judge-x.tsv"


def record(verdict: str = "so [[A]]", question_2: str = "And?", reference: str = "") -> list[str]:
    answers = ["first 1", "first 2", "second 1", "second 2"]
    return ["7;m1;m2", "Why?", question_2, *answers, "m1", "m2", reference, "", "", "task", verdict]


def tsv(*rows: list[str]) -> bytes:
    return b"".join("\t".join('"' + f.replace('"', '""') + '"' for f in row).encode() + b"\n" for row in rows)


def read(*rows: list[str], name: str = NAME):
    return read_bytes(PositionBiasReader(), name, tsv(HEADER, *rows))


@pytest.mark.parametrize(
    ("judge", "repetition", "ends_with_a", "ends_with_b", "ends_with_c"),
    [
        # Records whose text ends with the verdict: counted with grep.
        ("claude-3-haiku-20240307", 1, 16, 17, 0),
        ("claude-3-haiku-20240307", 2, 13, 23, 0),
        ("gpt-4-0613", 1, 20, 25, 1),
        ("gpt-4-0613", 2, 20, 25, 1),
        ("gpt-3.5-turbo-0125", 1, 8, 4, 0),
        ("gpt-3.5-turbo-0125", 2, 7, 6, 0),
    ],
)
def test_verdicts_of_the_sample(judge, repetition, ends_with_a, ends_with_b, ends_with_c):
    rows = read_sample(PositionBiasReader(), "position-bias-mtbench", keep=f"Repetition{repetition}-")
    labels = [label for label in labels_of(rows) if label.annotator == judge]
    assert len(labels) == 48
    assert {(label.order, label.sample) for label in labels} == {(Order.FIRST_SHOWN_FIRST, repetition - 1)}
    ending = verdicts([label for label in labels if label.raw_output.endswith("]]")])
    found = tuple(ending.get(name, 0) for name in ("first", "second", "tie"))
    assert found == (ends_with_a, ends_with_b, ends_with_c)


def test_the_sample():
    rows = read_sample(PositionBiasReader(), "position-bias-mtbench")
    assert outcomes(rows) == {"Pairs": 288}
    labels = labels_of(rows)
    assert sum(label.parse_status == "unparsed" for label in labels) == 2
    assert all((label.verdict is None) == (label.parse_status != "ok") for label in labels)
    pairs = pairs_of(rows)
    turned = {(p.model_second, p.model_first, *text_of(p.prompt)) for p in pairs}
    assert {(p.model_first, p.model_second, *text_of(p.prompt)) for p in pairs} == turned


def test_both_orders_of_a_conversation_hold_the_same_two_responses():
    one, other = pairs_of(read_sample(PositionBiasReader(), "position-bias-mtbench", keep="Repetition1"))[:2]
    assert (one.prompt, one.first, one.second) == (other.prompt, other.second, other.first)
    assert (one.model_first, one.model_second) == ("vicuna-13b-v1.3", "stablelm-tuned-alpha-7b")


def test_a_conversation_of_two_turns():
    (pair,) = pairs_of(read(record(reference="Because.")))
    assert text_of(pair.prompt) == ["Why?"]
    assert [(m.role, *text_of((m,))) for m in pair.first] == [
        ("assistant", "first 1"),
        ("user", "And?"),
        ("assistant", "first 2"),
    ]
    assert text_of(pair.second) == ["second 1", "And?", "second 2"]
    (label,) = pair.labels
    assert (label.annotator, label.verdict, label.sample) == ("judge-x", Verdict.FIRST, 2)
    assert [material.text for material in pair.materials] == ["Because."]


def test_a_conversation_of_one_turn():
    (pair,) = pairs_of(read(record(question_2="")))
    assert text_of(pair.first) == ["first 1"]


@pytest.mark.parametrize(
    ("text", "verdict", "status"),
    [
        ("Good.\n\n[[A]]", Verdict.FIRST, "ok"),
        ("**[[ B ]]**", Verdict.SECOND, "ok"),
        ("[[C]]", Verdict.TIE, "ok"),
        ("[[A]] it is: [[A]]", Verdict.FIRST, "ok"),
        ("[[A]] if A, [[B]] if B.\n\nVerdict: [[B]]\n", Verdict.SECOND, "ok"),
        ("I conclude that [[B]] is better than [[A]].", None, "unparsed"),
        ("[[A]] for one, [[B]] for two.\nSo be it.", None, "unparsed"),
        ("Assistant A is better.", None, "unparsed"),
        ("[A]", None, "unparsed"),
        ("[[D]]", None, "unparsed"),
        (" ", None, "empty"),
    ],
)
def test_what_a_judge_said(text, verdict, status):
    parsed = bracket_verdict(text)
    assert (parsed.verdict, parsed.status) == (verdict, status)
    (label,) = labels_of(read(record(text)))
    assert (label.verdict, label.parse_status, label.raw_output) == (verdict, status, text)


def test_lines_are_where_records_start():
    rows = read(record("a\nb [[A]]"), record("[[B]]"))
    assert [row.line for row in rows] == [2, 4]


def test_repetitions_and_judges_make_equal_records_different_rows():
    one, other = read(record())[0], read(record(), name="Repetition1-MTBench/record_judge-x.tsv")[0]
    assert one.identity != other.identity


def test_the_nearest_folder_says_the_repetition():
    (row,) = read(record(), name="Repetition9-study/Repetition2-MTBench/record_judge-x.tsv")
    assert labels_of([row])[0].sample == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'"1"\t"2"\n', "wrong number of columns"),
        (tsv(record()).replace(b"Why?", b"Wh\xffy?"), "not UTF-8"),
        (tsv(record()).replace(b"Why?", b" "), "empty field"),
        (tsv(record()).replace(b'"Why?"', b'"Why"?'), "bad CSV"),
    ],
)
def test_a_record_that_cannot_be_used_leaves_the_others(bad, reason):
    rows = read_bytes(PositionBiasReader(), NAME, tsv(HEADER, record()) + bad + tsv(record("[[B]]")))
    assert outcomes(rows) == {"Pairs": 2, reason: 1}
    assert isinstance(rows[1].outcome, Unreadable) and rows[1].line == 3
    rows[1].raw.encode()


def test_a_quote_that_never_ends_takes_its_own_line_and_no_more():
    data = tsv(HEADER, record()) + b'"never ends\n' + tsv(record(), record("[[B]]"))
    assert outcomes(read_bytes(PositionBiasReader(), NAME, data)) == {"Pairs": 3, "bad CSV": 1}
    (last,) = read_bytes(PositionBiasReader(), NAME, tsv(HEADER) + tsv(record())[:-8])
    assert last.outcome.reason == "bad CSV" and "end of data" in last.outcome.detail


def test_columns_that_are_missing_are_named():
    rows = read_bytes(PositionBiasReader(), NAME, tsv(["question_1", "judge-x"], ["Why?", "[[A]]"]))
    assert rows[0].outcome.reason == "field missing" and "answer1_1" in rows[0].outcome.detail
    assert outcomes(read_bytes(PositionBiasReader(), NAME, tsv(HEADER[:-1], record()[:-1]))) == {"field missing": 1}


@given(st.lists(st.text(alphabet='a"\t\r\n\u2028é', max_size=8), min_size=1, max_size=5))
def test_any_text_in_a_field_comes_back(texts):
    rows = read(*[record(f"x{text}[[A]]") for text in texts])
    assert [label.raw_output for label in labels_of(rows)] == [f"x{text}[[A]]" for text in texts]
    assert len({row.line for row in rows}) == len(texts)
