import gzip
import json

import pytest

from prefcurate.transforms.ingest.benchmarks import BenchmarkError, BenchmarkText, read_benchmark, texts_at
from prefcurate.transforms.ingest.options import BenchmarkOptions
from prefcurate.transforms.screen.benchmarks import build_index, contamination_flags

from .real import DATA, answers

JANET = (
    "Janet’s ducks lay 16 eggs per day. She eats three for breakfast every morning and bakes muffins for her friends "
    "every day with four."
)
SHORT = "How many legs has a spider?"


def index(*texts, **more):
    return build_index([BenchmarkText("bench", line, text) for line, text in enumerate(texts, 1)], **more)


def found(prompt, of, messages=()):
    return [
        (flag.matched_id, flag.value, json.loads(flag.evidence)) for flag in contamination_flags(prompt, messages, of)
    ]


def test_a_quoted_item_is_found_with_its_place():
    prompt = f"Please solve: {JANET.upper()} Show your work."
    ((row, value, evidence),) = found(prompt, index("Something else entirely.", JANET))
    assert (row, value) == ("2", 1.0)
    ((start, end),) = evidence["prompt_text"]
    assert prompt[start:end] == JANET.upper().rstrip(".")
    assert evidence["runs"] == evidence["of"] == 13


def test_a_share_of_an_item():
    half = " ".join(JANET.split()[:15])
    ((_, value, evidence),) = found(half, index(JANET))
    assert value == pytest.approx(evidence["runs"] / 13)
    assert 0 < value < 0.5


def test_twelve_words_are_not_enough():
    assert found(" ".join(JANET.split()[:11]), index(JANET)) == []


def test_short_items_match_a_whole_message_only():
    of = index(SHORT)
    assert found("how many legs has a spider", of) == [("1", 1.0, {"line": 1, "whole": True})]
    assert found(f"system: be kind\n\nuser: {SHORT}", of, messages=("be kind", SHORT)) == [
        ("1", 1.0, {"line": 1, "whole": True})
    ]
    assert found(f"{SHORT} And how many an ant?", of) == []


def test_an_item_that_a_benchmarks_file_repeats_for_every_model_is_no_boilerplate():
    [(line, value, _)] = found(JANET, index(*[JANET] * 11, *answers()))
    assert (line, value) == ("1", 1.0)


def test_boilerplate_of_a_benchmark_is_no_evidence():
    shared = "Your answer must hold exactly three bullet points and you must write them in the markdown style as shown"
    items = [f"{shared}: item {'abcdefghijklmnop'[i] * 5} is about something of its own" for i in range(12)]
    assert found(shared, index(*items)) == []
    assert len(found(shared, index(*items[:3]))) == 3


def test_at_most_five_rows_the_best_first():
    items = [JANET + " " + "more words follow here and there " * i for i in range(8)]
    values = [value for _, value, _ in found(JANET, index(*items))]
    assert len(values) == 5
    assert values == sorted(values, reverse=True)


def test_texts_of_one_row_are_one_item():
    of = build_index([BenchmarkText("b", 1, JANET), BenchmarkText("b", 1, answers()[0]), BenchmarkText("c", 1, JANET)])
    flags = contamination_flags(JANET, (), of)
    assert [(flag.matched_source, flag.matched_id) for flag in flags] == [("c", "1"), ("b", "1")]


def test_no_benchmarks():
    assert found(JANET, build_index([])) == []


def test_field_paths():
    row = {"a": {"b": ["x", "y", ""]}, "n": 3}
    assert texts_at(row, "a.b") == ["x", "y"]
    assert texts_at(row, "a.b[1]") == ["y"]
    assert texts_at(row, "n") == texts_at(row, "a.c") == texts_at([], "a") == []


@pytest.mark.parametrize("name", ["b.jsonl", "b.jsonl.gz", "b.json"])
def test_formats(tmp_path, name):
    rows = [{"q": "one\u2028two"}, {"q": ["three", "four"]}]
    text = json.dumps(rows) if name == "b.json" else "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    texts = list(read_benchmark(BenchmarkOptions(name="b", path=str(path), text="q")))
    assert [(text.line, text.text) for text in texts] == [(1, "one\u2028two"), (2, "three"), (2, "four")]


@pytest.mark.parametrize(
    ("content", "message"), [('{"q": "x"}\n{bad', "line 2"), ('{"p": "x"}', "no row"), (None, "cannot read")]
)
def test_a_benchmark_that_cannot_be_read_stops_the_stage(tmp_path, content, message):
    path = tmp_path / "b.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BenchmarkError, match=message):
        list(read_benchmark(BenchmarkOptions(name="b", path=str(path), text="q")))


def test_real_benchmarks_find_themselves_and_leave_real_answers_alone():
    files = sorted((DATA / "benchmarks" / "gsm8k").glob("*.jsonl*"))
    options = BenchmarkOptions(name="gsm8k", path=str(files[0]), text="question")
    texts = list(read_benchmark(options))
    of = build_index(texts)
    assert len(texts) == 200
    for text in texts[::10]:
        assert str(text.line) in {flag.matched_id for flag in contamination_flags(f"Q: {text.text}", (), of)}
    assert not [text for text in answers() if contamination_flags(text, (), of)]
