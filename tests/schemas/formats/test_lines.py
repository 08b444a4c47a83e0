import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.schemas.formats.lines import RAW_LIMIT, json_rows, text_lines

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3), max_leaves=8
)
ROWS = st.lists(st.dictionaries(st.text(min_size=1), VALUES, min_size=1, max_size=3), min_size=2, max_size=6)


def rows(data: bytes, **limits):
    return list(json_rows(io.BytesIO(data), **limits))


def values(data: bytes):
    return [row.value if row.problem is None else row.problem.reason for row in rows(data)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n \n", []),
        (b'{"a":1}\n{"a":2}', [{"a": 1}, {"a": 2}]),
        (b'{"a":1}\r\n\r\n{"a":2}\r\n', [{"a": 1}, {"a": 2}]),
        (b'\xef\xbb\xbf{"a":1}\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
        ('{"a":"x\u2028y\u0085z"}\n{"a":2}\n'.encode(), [{"a": "x\u2028y\u0085z"}, {"a": 2}]),
        (b"[]", []),
        (b'\xef\xbb\xbf\n [ {"a":1} ,\n {"a":2}\n]\n', [{"a": 1}, {"a": 2}]),
        (b"[1]\n[2]\n", [[1], [2]]),
        (b'{"data": [{"a":1},{"a":2}], "version": 2}', [{"a": 1}, {"a": 2}]),
        (b'{\n "anything": [\n{"a":1},\n{"a":2}]\n}', [{"a": 1}, {"a": 2}]),
        (b'{"prompt": "p", "votes": [{"v":1},{"v":2}]}', [{"prompt": "p", "votes": [{"v": 1}, {"v": 2}]}]),
        (b'{\n "a": 1\n}\n', [{"a": 1}]),
        (b'{"a":1\n{"a":2}\n', ["bad JSON", {"a": 2}]),
        (b'{"a":1}\n\xff\n{"a":2}\n', [{"a": 1}, "not UTF-8", {"a": 2}]),
        (b'{"a":NaN}\n{"a":-Infinity}\n{"a":1e999}\n{"a":1}\n', ["bad JSON"] * 3 + [{"a": 1}]),
        (b'[{"a":NaN},{"a":1}]', ["bad JSON", {"a": 1}]),
        (b'{"a":"\\ud83d\\ude00"}\n{"a":"\\uD83D"}\n', [{"a": "\U0001f600"}, "not Unicode"]),
        (b'{"a":' + b"[" * 50_000 + b'\n{"a":1}\n', ["bad JSON", {"a": 1}]),
        (b'{"a":' + b"7" * 5_000 + b'}\n{"a":1}\n', ["bad JSON", {"a": 1}]),
        (b'[{"a":1},{"b"', [{"a": 1}, "bad JSON"]),
        (b'[{"a":1}{"b":2}]', ["bad JSON"]),
        (b'[{"a":1}] {"b":2}', [{"a": 1}, "bad JSON"]),
        (b'[{"a":1},\xff]', [{"a": 1}, "not UTF-8"]),
    ],
)
def test_what_a_file_holds(data, expected):
    assert values(data) == expected


def test_lines_are_counted_as_an_editor_does():
    assert [row.line for row in rows(b'\n{"a":1}\n\n{"a":2}\n')] == [2, 4]


@pytest.mark.parametrize("data", [b'{"a":1}\n{"a": "x\n', b'[{"a":1},{"a": "x\n"}]'])
def test_a_text_that_does_not_end_is_said_in_words(data):
    said = next(row.problem.detail for row in rows(data) if row.problem)
    assert said.startswith(("Unterminated string starting at character 7", "Invalid control character at character 9"))


def test_a_long_line_is_a_row_of_its_own_and_the_next_is_read():
    data = b'{"a":1}\n{"a":"' + b"x" * 3_000_000 + b'"}\n{"a":2}\n'
    first, second, third = rows(data, max_bytes=1_000_000)
    assert second.problem.reason == "row too large" and second.line == 2 and len(second.raw) == RAW_LIMIT
    assert (first.value, third.value, third.line) == ({"a": 1}, {"a": 2}, 3)


def test_a_list_on_one_line_may_be_longer_than_a_row_may():
    data = json.dumps([{"a": i, "text": "x" * 100} for i in range(20_000)]).encode()
    assert len(data) > 2_000_000
    assert [row.value["a"] for row in rows(data, max_bytes=1_000_000)] == list(range(20_000))


def test_an_element_that_does_not_end_stops_at_the_limit():
    first, second = rows(b'[{"a":1},{"a":"' + b"x" * 5_000_000, max_bytes=2_000_000)
    assert first.value == {"a": 1}
    assert second.problem.reason == "row too large"


def test_a_document_stops_at_the_limit():
    (row,) = rows(b'{\n"a":[\n' + b"1,\n" * 1000, max_document=1000)
    assert row.problem.reason == "file too large"


@pytest.mark.parametrize("rest", [b"", b'[{"a":1},'])
def test_what_stands_before_a_break_in_the_compressed_data_is_read(rest):
    whole = rest + (b'{"b":2},' if rest else b'{"b":2}\n') * 100_000
    broken = gzip.compress(whole)[:-20]
    with gzip.open(io.BytesIO(broken)) as stream:
        *good, last = json_rows(stream)
    assert last.problem.reason == "file broken off"
    assert len(good) > 50_000 and all(row.problem is None for row in good)


@given(ROWS)
def test_one_way_of_writing_rows_is_as_good_as_another(given_rows):
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in given_rows).encode("utf-8", "surrogatepass")
    spread = json.dumps(given_rows, indent=1).encode()
    dense = json.dumps(given_rows, separators=(",", ":")).encode()
    inside = json.dumps({"rows": given_rows}, indent=2).encode()
    assert values(lines) == values(spread) == values(dense) == values(inside) == given_rows


@given(st.binary(max_size=200) | st.text(alphabet='[]{},:"1aN\\u \n', max_size=60).map(str.encode))
def test_no_bytes_make_it_raise_or_lose_a_line(data):
    found = rows(data)
    assert len({row.line for row in found}) == len(found)
    for row in found:
        json.dumps([row.value, row.raw], ensure_ascii=False, allow_nan=False).encode()


@given(st.lists(st.binary(max_size=20).filter(lambda b: b"\n" not in b), max_size=8))
def test_every_line_that_is_not_blank_comes_once(chunks):
    data = b"\n".join(chunks)
    expected = [i for i, c in enumerate(chunks, 1) if _has_text(c, first=i == 1)]
    assert [line.number for line in text_lines(io.BytesIO(data))] == expected


def _has_text(chunk: bytes, first: bool) -> bool:
    chunk = chunk.removeprefix(b"\xef\xbb\xbf") if first else chunk
    try:
        return bool(chunk.decode().strip())
    except UnicodeDecodeError:
        return True
