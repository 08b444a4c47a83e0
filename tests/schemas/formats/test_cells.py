import gzip
import io

import pytest

from prefcurate.schemas.formats.cells import Cells, cell_records, is_broken


def records(data: bytes, delimiter: str = ",", quote: str = '"', encoding: str = "utf-8") -> list[Cells]:
    return list(cell_records(io.BytesIO(data), delimiter, quote, encoding))


def test_records_and_the_lines_on_which_they_begin():
    assert records(b'\xef\xbb\xbfa,b\n\n"x\ny",1\r\nz,2') == [
        Cells(1, ["a", "b"]),
        Cells(3, ["x\ny", "1"]),
        Cells(5, ["z", "2"]),
    ]


def test_no_record():
    assert records(b"") == records(b"\n\n") == []


def test_a_broken_quote_is_one_problem_and_the_rest_is_read():
    bad, good = records(b'"a" b,1\nc,2\n')
    assert (bad.line, bad.cells, bad.problem.reason) == (1, ['"a" b,1'], "bad CSV")
    assert bad.problem.detail == "',' expected after '\"'; the row begins on line 1 and was read to line 1"
    assert good == Cells(2, ["c", "2"])


def test_bytes_that_are_not_of_the_encoding_end_no_file():
    first, second = records(b"caf\xe9\nx\n")
    assert is_broken(first.cells[0]) and not is_broken(second.cells[0])
    assert records(b"caf\xe9\n", encoding="latin-1") == [Cells(1, ["café"])]


@pytest.mark.parametrize(("text", "broken"), [("", False), ("café \U0001f600", False), ("a\udce9", True)])
def test_is_broken(text, broken):
    assert is_broken(text) is broken


def test_a_stream_that_breaks_before_its_first_record():
    with gzip.open(io.BytesIO(gzip.compress(b"a,b\n")[:10])) as stream:
        (record,) = cell_records(stream, ",")
    assert (record.line, record.cells, record.problem.reason) == (1, [], "file broken off")


def test_the_record_before_a_break_is_not_trusted():
    whole = gzip.compress(b"a,b\n1,2\n3,4\n")
    with gzip.open(io.BytesIO(whole[:-8])) as stream:
        *good, last = cell_records(stream, ",")
    assert good == [Cells(1, ["a", "b"]), Cells(2, ["1", "2"])]
    assert (last.line, last.cells, last.problem.reason) == (3, ["3", "4"], "file broken off")
