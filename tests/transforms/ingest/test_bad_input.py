"""Files as nobody should write them, through the real reading of ingest: each row accounted for, each damage by its name."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcurate.pipelines.config import ConfigError, load_config
from prefcurate.schemas.formats.registry import READERS
from prefcurate.schemas.records import Unreadable
from prefcurate.transforms.ingest import ingest as ingest_module
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.orient import orient, row_hash
from prefcurate.transforms.ingest.sources import SourceChanged, identify, plan_source, verify_unchanged
from prefcurate.transforms.ingest.staging import _rows, stage_intake
from tests.schemas.formats.reading import read_files
from tests.schemas.formats.test_registry import NAMES, SAMPLES, _files, open_path

FIELDS = {"prompt": "q", "response_a": "one", "response_b": "two"}
ROW = {"q": "Why?", "one": "Because.", "two": "No idea."}


def good(n: int = 0) -> str:
    return json.dumps(ROW | {"q": f"Why {n}?"})


def source(path: Path, **more) -> SourceOptions:
    return SourceOptions.model_validate({"name": "s", "path": str(path), "fields": FIELDS} | more)


def told(path: Path, content: bytes | str, **more) -> list[str]:
    """What becomes of each row: `used`, or the reason of its quarantine."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    path.write_bytes(data)
    (intake,) = plan_source(source(path, **more))
    return [row.outcome.reason if isinstance(row.outcome, Unreadable) else "used" for row in _rows(identify(intake))]


def within(text: str) -> str:
    return good()[:-1] + f', "x": {text}' + "}"


LINES = {
    "duplicate key": '{"q": "a", "one": "x", "two": "y", "q": "b"}',
    "duplicate key inside": within('{"a": 1, "b": [{"c": 1, "c": 1}]}'),
    "bad JSON": within("Infinity"),
    "bad JSON 2": within("-Infinity"),
    "bad JSON 3": within("1e999"),
    "bad JSON 4": within("9" * 5000),
    "bad JSON 5": within("[" * 5000 + "]" * 5000),
    "bad JSON 6": good() + " {}",
    "bad JSON 7": good()[:-5],
    "bad JSON 8": within('"a\0b"'),
    "not Unicode": within('"\\ud800"'),
    "not Unicode 2": good()[:-1] + ', "\\udfff": 1}',
    "field missing": '{"q": "a", "one": "x"}',
    "field missing 2": '{"q": null, "one": "x", "two": "y"}',
    "field missing 3": "{}",
    "no prompt": '{"q": " ", "one": "x", "two": "y"}',
    "wrong type": '{"q": {"a": 1}, "one": "x", "two": "y"}',
    "wrong type 2": '{"q": "a", "one": [1, 2], "two": "y"}',
    "not an object": "3",
    "not an object 2": "null",
    "not an object 3": '"text"',
    "used NaN": within("NaN"),
    "used nested": within("[" * 300 + "]" * 300),
    "used NUL": '{"q": "a\\u0000b", "one": "x", "two": "y"}',
    "used number": within("9" * 400),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_broken_line_is_one_row_and_the_others_are_used(tmp_path, name, place):
    reason = next(word for word in ("used", *Counter(n.rstrip(" 2345678") for n in LINES)) if name.startswith(word))
    lines = [good(1), good(2), good(3)]
    lines.insert({"first": 0, "middle": 1, "last": 3}[place], LINES[name])
    assert Counter(told(tmp_path / "x.jsonl", "\n".join(lines) + "\n")) == Counter(["used"] * 3 + [reason])


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(
    ("begin", "between", "end"), [("[\n", ",\n", "\n]"), ("[\n  ", ",\n  ", "\n]\n"), ("[ \n\t", "\n\t,\n\t", "]")]
)
def test_a_broken_element_of_a_list_is_one_row_and_the_others_are_used(tmp_path, name, begin, between, end):
    reason = next(word for word in ("used", *Counter(n.rstrip(" 2345678") for n in LINES)) if name.startswith(word))
    lines = [good(1), good(2), LINES[name], good(3), good(4)]
    if not LINES[name].startswith("{"):
        reason = told(tmp_path / "y.jsonl", LINES[name] + "\n" + good())[0]
    found = Counter(told(tmp_path / "x.json", begin + between.join(lines) + end))
    assert found == Counter(["used"] * 4 + [reason])


def test_a_broken_element_of_a_pretty_list(tmp_path):
    rows = [
        json.dumps(ROW | {"q": str(i), "deep": {"a": [{"b": i}]}}, indent=2).replace("\n", "\n  ") for i in range(6)
    ]
    rows[2] = rows[2].replace('"one":', '"one"')
    rows[4] = rows[4].replace('"two": "No idea."', '"two": "No idea.')
    found = told(tmp_path / "x.json", "[\n  " + ",\n  ".join(rows) + "\n]")
    assert found == ["used", "used", "bad JSON", "used", "bad JSON", "used"]


def test_a_large_element_of_a_list_is_passed_over(tmp_path, monkeypatch):
    from prefcurate.schemas.formats import json_lists, lines

    def small(stream, _):
        return json_lists.list_rows(stream, 3_000_000)

    monkeypatch.setattr(lines, "list_rows", small)
    text = "[\n" + ",\n".join([good(1), json.dumps(ROW | {"x": "y" * 9_000_000}), good(2)]) + "\n]"
    assert told(tmp_path / "x.json", text) == ["used", "row too large", "used"]


def test_one_broken_row_of_a_document_does_not_lose_the_others(tmp_path):
    text = '{"data": [' + ",".join([good(1), LINES["duplicate key"], within("NaN"), within("Infinity"), good(2)]) + "]}"
    expected = ["used", "duplicate key", "used", "bad JSON", "used"]
    assert told(tmp_path / "x.json", text) == told(tmp_path / "x.json", text, rows="data") == expected


def test_a_first_line_that_is_cut_off_does_not_make_a_document_of_the_lines(tmp_path, monkeypatch):
    from prefcurate.schemas.formats import lines

    monkeypatch.setattr(lines.json_rows, "__kwdefaults__", {"max_bytes": 1 << 20, "max_document": 5000})
    text = good()[:-1] + "\n" + "\n".join(map(good, range(500)))
    assert Counter(told(tmp_path / "x.jsonl", text)) == {"used": 500, "bad JSON": 1}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_of_encodings_and_ends_of_lines(tmp_path, encoding, end):
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    rows = end.join(json.dumps(ROW | {"q": f"Wh\u00fd {i}?\u2028"}, ensure_ascii=False) for i in range(3))
    assert told(tmp_path / "x.jsonl", (mark + rows).encode(encoding)) == ["used"] * 3
    assert told(tmp_path / "x.json", (mark + "[" + rows.replace(end, "," + end) + "]").encode(encoding)) == ["used"] * 3
    table = end.join(["q,one,two", "a,b,c", "d,e,f"]) + end
    assert (
        told(tmp_path / "x.csv", (mark + table).encode(encoding), encoding=encoding.removesuffix("-sig"))
        == ["used"] * 2
    )


def test_mixed_ends_of_lines(tmp_path):
    text = good(1) + "\n" + good(2) + "\r\n" + good(3) + "\r" + good(4) + "\r" + "{bad}" + "\n\r\n" + good(5)
    assert told(tmp_path / "x.jsonl", text) == ["used"] * 4 + ["bad JSON", "used"]


def test_bytes_that_are_no_text(tmp_path):
    bad = good(1).encode().replace(b"Because", b"Beca\xffuse")
    assert told(tmp_path / "x.jsonl", b"\n".join([good().encode(), bad, good(2).encode()])) == [
        "used",
        "not UTF-8",
        "used",
    ]
    assert told(tmp_path / "x.json", b"[" + b",\n".join([good().encode(), bad, good(2).encode()]) + b"]") == [
        "used", "not UTF-8", "used",
    ]  # fmt: skip
    assert told(tmp_path / "x.jsonl", good().encode("utf-16") + b"\x0a") == ["not UTF-8"]
    assert told(tmp_path / "x.csv", b"q,one,two\na,b,c\n\xff,b,c\nd,\0,f\n") == ["used", "bad encoding", "used"]


PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(range(256)) * 40


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


TABLE = pa.table({key: [value] * 3 for key, value in ROW.items()})


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv", "x.tsv"])
@pytest.mark.parametrize(
    "data",
    [
        PICTURE,
        parquet(TABLE),
        gzip.compress(b"{}", mtime=0),
        b"<!DOCTYPE html>\n<p>404\n",
        b"version https://git-lfs.github.com/spec/v1\n",
    ],
)
def test_a_file_of_another_kind_is_one_row(tmp_path, name, data):
    assert told(tmp_path / name, data) == ["wrong format"]


@pytest.mark.parametrize("data", [b"", PICTURE, good().encode(), parquet(TABLE)[:-9], b"PAR1"])
@pytest.mark.parametrize("name", ["x.parquet", "x.arrow", "x.xlsx"])
def test_a_binary_file_of_another_kind_is_one_row(tmp_path, name, data):
    (reason,) = told(tmp_path / name, data)
    assert reason in ("bad Parquet", "bad Arrow", "bad workbook", "broken file")


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv"])
def test_an_empty_file_has_no_row(tmp_path, name):
    for data in ("", "\n\n", "\ufeff"):
        assert told(tmp_path / name, data) == []


def test_values_that_python_cannot_hold_lose_their_row_alone(tmp_path):
    count = 600
    times = pa.array([0] * 299 + [2**50] + [0] * (count - 300), pa.timestamp("s"))
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe"))
    texts = pa.concat_arrays([pa.array(["a"] * 10), broken, pa.array(["b"] * (count - 11))])
    numbers = pa.array([1.0] * 20 + [float("inf"), float("nan")] + [1.0] * (count - 22))
    table = pa.table({**{k: [v] * count for k, v in ROW.items()}, "t": times, "s": texts, "n": numbers})
    expected = ["bad value" if n in (10, 20, 299) else "used" for n in range(count)]
    assert told(tmp_path / "x.parquet", parquet(table)) == expected
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert told(tmp_path / "x.arrow", sink.getvalue().to_pybytes()) == expected


def test_two_columns_of_one_name(tmp_path):
    table = pa.Table.from_arrays([pa.array(["a"])] * 4, names=["q", "one", "two", "q"])
    assert told(tmp_path / "x.parquet", parquet(table)) == ["bad header"]
    assert told(tmp_path / "x.csv", "q,one,two,q\na,b,c,d\n") == ["bad header"]


def test_a_quotation_mark_that_nothing_closes_loses_its_line_alone(tmp_path):
    rows = [f"q{i},a,b" for i in range(50)]
    rows[7], rows[8], rows[30], rows[40] = 'q7,"a,b', 'q8,"a,b', 'q30,"a\nb",b', '"q40,a,b'
    expected = ["bad CSV" if n in (7, 8, 40) else "used" for n in range(50)]
    assert told(tmp_path / "x.csv", "q,one,two\n" + "\n".join(rows) + "\n") == expected


def test_a_line_of_50_MB_stays_within_bounds_of_memory(tmp_path):
    path = tmp_path / "x.jsonl"
    with path.open("w") as stream:
        stream.write(good(1) + "\n")
        stream.write(json.dumps(ROW | {"one": "word " * 10_000_000}) + "\n")
        stream.write('{"x": "' + "y" * 100_000_000 + '"}\n')
        stream.write(good(2) + "\n")
    code = """if True:
        import resource, sys
        from pathlib import Path
        from prefcurate.transforms.ingest.options import SourceOptions
        from prefcurate.transforms.ingest.sources import identify, plan_source
        from prefcurate.transforms.ingest.staging import stage_intake
        fields = {"prompt": "q", "response_a": "one", "response_b": "two"}
        (intake,) = plan_source(SourceOptions.model_validate({"name": "s", "path": sys.argv[1], "fields": fields}))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        staged = stage_intake(identify(intake), sys.argv[2], 2, "run")
        print(staged.rows, staged.quarantined, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(tmp_path / "store")], capture_output=True, text=True, check=True
    )
    rows, quarantined, megabytes = map(int, done.stdout.split())
    assert (rows, quarantined) == (4, 1)
    assert megabytes < 1500


def test_a_file_that_grows_while_it_is_read_is_read_as_it_was(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(good, range(5))) + "\n")
    (intake,) = plan_source(source(path))
    intake = identify(intake)
    with path.open("a") as stream:
        stream.write(good(5) + "\n" + good(6)[:9])
    staged = stage_intake(intake, str(tmp_path / "store"), 2, "run")
    verify_unchanged(intake)
    assert (staged.rows, staged.quarantined) == (5, 0)
    assert identify(plan_source(source(path))[0]).intake_id != intake.intake_id


def test_a_parquet_file_that_grows_is_read_as_it_was(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(parquet(TABLE))
    intake = identify(plan_source(source(path))[0])
    with path.open("ab") as stream:
        stream.write(b"more")
    assert stage_intake(intake, str(tmp_path / "store"), 2, "run").rows == 3


@pytest.mark.parametrize("after", ["", good(9) + "\n" + "x" * 3000])
def test_a_file_that_is_rewritten_while_it_is_read_is_named(tmp_path, after):
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(good, range(5))) + "\n")
    intake = identify(plan_source(source(path))[0])
    path.write_text(after)
    os.utime(path, (1, 1))
    with pytest.raises(
        SourceChanged, match=r"source 's': x.jsonl was changed while it was read, and nothing of it was kept"
    ):
        verify_unchanged(intake)


def test_ingest_looks_whether_what_it_read_was_changed(tmp_path, monkeypatch):
    from tests.helpers import ingest

    path = tmp_path / "x.jsonl"
    path.write_text(good() + "\n")
    real = ingest_module.stage_intake

    def slow(intake, *more):
        staged = real(intake, *more)
        path.write_text(good(77) + "\n")
        return staged

    monkeypatch.setattr(ingest_module, "stage_intake", slow)
    with pytest.raises(SourceChanged):
        ingest(tmp_path / "store", [source(path)])


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch EVIL']",
        "store: !!python/object/new:os.system [touch EVIL]",
        "store: s\nsources: !!python/name:os.system",
        "store: [",
        "store: s\nstore: t",
        "- 1",
        "\0",
        "&a [*a]",
    ],
)
def test_a_configuration_that_builds_objects_is_refused(tmp_path, text, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError):
        load_config(str(tmp_path / "c.yaml"))
    assert not (tmp_path / "EVIL").exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def _example(name: str) -> tuple[str, list[dict]]:
    """A file of the bundled sample with a few of its rows, where they are JSON."""
    reader, files = READERS[name](), _files(name)
    unit = max(reader.plan(files), key=lambda unit: len(unit.joined))
    with open_path(unit.file) as stream:
        text = stream.read().decode()
    rows = (
        json.loads(text)
        if text.startswith("[")
        else [json.loads(line) for line in text.split("\n")[:3] if line.strip()]
    )
    return NAMES[name], rows[:3]


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in ("ukp", "position_bias", "wmt_mqm")])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_value_of_a_field_makes_a_reader_raise(name, data):
    """Real rows of which one value, somewhere, is another one: as many rows come out, and what is used can be stored."""
    file, rows = _example(name)
    rows = json.loads(json.dumps(rows))
    place, depth = rows[0], data.draw(st.integers(0, 3))
    for _ in range(depth):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        inner = [key for key in keys if isinstance(place[key], dict | list) and place[key]]
        if not inner:
            break
        place = place[data.draw(st.sampled_from(inner))]
    key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
    place[key] = data.draw(JSON)
    text = "\n".join(map(json.dumps, rows)) if file.endswith(".jsonl") else json.dumps(rows)
    found = read_files(READERS[name](), {file: text.encode("utf-8", "surrogatepass")})[file]
    assert len(found) == len(rows)
    for row in found:
        row_hash(row.identity)
        for pair in getattr(row.outcome, "pairs", ()):
            try:
                orient(pair, "s")
            except ValueError:
                continue
