"""Every way to write something that `runbooks/sources.md` teaches is one that the configuration takes."""

import re
from pathlib import Path

import pytest
import yaml

from prefcurate.schemas.formats.registry import READERS, named_formats
from prefcurate.transforms.ingest.options import SourceOptions

PAGE = (Path(__file__).parents[2] / "runbooks" / "sources.md").read_text(encoding="utf-8")
_WAYS = re.findall(r"^\| ([^|]+) \| (`[^|]+) \|$", PAGE.split("| what you have |")[1].split("\n\n")[0], re.M)
_BESIDE = ("file_name", "join", "rows", "header", "delimiter", "encoding")
TWO = {"response_a": "a", "response_b": "b"}


@pytest.mark.parametrize(("case", "cell"), _WAYS)
def test_what_is_taught_is_understood(case, cell):
    pieces = [piece for piece in re.findall(r"`([^`]+)`", cell) if ": " in piece]
    told = {key: value for piece in pieces for key, value in yaml.safe_load(piece).items()}
    beside = {key: told.pop(key) for key in _BESIDE if key in told}
    if not pieces:
        assert "rubric" in cell
        return
    inner = {"ratings", "order"} & set(told) and "responses" not in told and case.startswith("ratings")
    fields = {"responses": {"each": "answers", **told}} if inner else told
    fields = fields if "responses" in fields else {**TWO, **fields}
    SourceOptions.model_validate({"name": "x", "path": "p", "fields": {"prompt": "q", **fields}, **beside})


def test_the_page_names_every_format():
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE.split("## Formats")[1].split("## ")[0], re.M)
    assert set(re.findall(r"`([^`]+)`", " ".join(rows))) == {*READERS, *named_formats()}


def test_there_are_many_ways():
    assert len(_WAYS) > 15
