"""When answers were given, and how long they took, out of every format that tells."""

import gzip
import json

import pytest

from prefcurate.schemas.formats.rows import RowError
from prefcurate.schemas.formats.times import between, duration, epoch, leniently, moment
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.sources import open_source_file, plan_source


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2016-01-31 16:59:52.0 UTC", "2016-01-31T16:59:52Z"),
        ("2024-05-01T10:00:00+02:00", "2024-05-01T08:00:00Z"),
        ("2024-05-01T08:00:00.123456Z", "2024-05-01T08:00:00Z"),
        (1_714_550_400, "2024-05-01T08:00:00Z"),
        ("1714550400000", "2024-05-01T08:00:00Z"),
        ("2020/01/31", "2020-01-31T00:00:00Z"),
        (None, None),
        ("", None),
    ],
)
def test_moments(told, expected):
    assert moment(told) == expected


def test_what_is_no_time_says_so_and_is_forgiven_where_a_tool_noted_it():
    with pytest.raises(RowError, match="'yesterday' is no time"):
        moment("yesterday")
    with pytest.raises(RowError, match="no number of seconds"):
        duration("quick")
    with pytest.raises(RowError, match="no time of this era"):
        moment(1e30)
    assert leniently(moment, "yesterday") is None


def test_durations():
    assert (duration("3.5"), duration(-1), duration(None), duration(float("inf"))) == (3.5, None, None, None)
    assert between("2016-01-31 16:53:19.0 UTC", "2016-01-31 16:59:52.0 UTC") == 393.0
    assert between("2016-01-31 16:59:52", "2016-01-31 16:53:19") is None
    assert (between(None, 3), epoch("7")) == (None, 7.0)


def labels(tmp_path, name: str, content: str, **settings):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    source = SourceOptions.model_validate({"name": "s", "path": str(path), **settings})
    rows = [row for intake in plan_source(source) for row in source.reader.read(intake.unit, open_source_file)]
    return rows, [label for row in rows for one in row.outcome.pairs for label in one.labels]


FIELDS = {"prompt": "q", "response_a": "x", "response_b": "y", "label": "vote"}


def test_mapping_reads_seconds_or_the_time_between(tmp_path):
    rows = "q,x,y,vote,took,began,ended\np,1,2,a,4.5,2024-05-01T08:00:00Z,2024-05-01T08:00:09Z\np,1,2,b,,,\n"
    _, told = labels(tmp_path, "v.csv", rows, fields=FIELDS | {"seconds": "took", "answered_at": "ended"})
    assert [(one.seconds, one.answered_at) for one in told] == [(4.5, "2024-05-01T08:00:09Z"), (None, None)]
    _, told = labels(tmp_path, "v.csv", rows, fields=FIELDS | {"started_at": "began", "answered_at": "ended"})
    assert [one.seconds for one in told] == [9.0, None]


def test_a_mapping_without_times_is_what_it_was():
    plain = SourceOptions.model_validate({"name": "s", "path": "x.csv", "fields": FIELDS})
    assert "seconds" not in json.dumps(plain.reader.model_dump(mode="json"))


def test_rankings_of_a_mapping_keep_their_times(tmp_path):
    rows = "q,x,y,r1,r2,took\np,1,2,5,3,12\n"
    fields = {
        "prompt": "q",
        "responses": [{"text": "x", "ratings": {"path": "r1"}}, {"text": "y", "ratings": {"path": "r2"}}],
        "seconds": "took",
    }
    _, told = labels(tmp_path, "r.csv", rows, fields=fields)
    assert [one.seconds for one in told] == [12.0]


def test_label_studio_projects_tell_and_dates_do_not_change_what_a_row_says(tmp_path):
    task = {"id": 1, "project": 2, "data": {"q": "p", "x": "1", "y": "2"}, "annotations": [
        {"id": 3, "completed_by": 4, "lead_time": 7.25, "created_at": "2024-05-01T08:00:00.5Z",
         "result": [{"from_name": "better", "value": {"choices": ["a"]}}]}]}  # fmt: skip
    settings = {
        "format": "label_studio_project",
        "prompt": "q",
        "response_a": "x",
        "response_b": "y",
        "question": "better",
    }
    rows, told = labels(tmp_path, "t.json", json.dumps([task]), **settings)
    assert [(one.seconds, one.answered_at) for one in told] == [(7.25, "2024-05-01T08:00:00Z")]
    task["annotations"][0] |= {"lead_time": 9.0, "created_at": "2024-05-02T08:00:00Z"}
    again, _ = labels(tmp_path, "t.json", json.dumps([task]), **settings)
    assert again[0].identity == rows[0].identity


def test_labelbox_tells(tmp_path):
    row = {"data_row": {"id": "d", "row_data": {"q": "p", "x": "1", "y": "2"}}, "projects": {"p": {"labels": [
        {"id": "l", "label_details": {"created_by": "ann", "created_at": "2024-05-01T08:00:00.000+00:00"},
         "performance_details": {"seconds_to_create": 11},
         "annotations": {"classifications": [{"name": "better", "radio_answer": {"value": "a", "name": "A"}}]}}]}}}  # fmt: skip
    settings = {"prompt": "row_data.q", "response_a": "row_data.x", "response_b": "row_data.y", "question": "better"}
    _, told = labels(tmp_path, "l.ndjson", json.dumps(row), format="labelbox", **settings)
    assert [(one.seconds, one.answered_at) for one in told] == [(11.0, "2024-05-01T08:00:00Z")]


def test_ukp_tells_the_time_of_the_assignment(tmp_path):
    argument = "<arg{0}><stance>s</stance><text>t{0}</text></arg{0}>"
    vote = (
        "<mTurkAssignment><turkID>w</turkID><assignmentAcceptTime>2016-01-31 16:53:19.0 UTC</assignmentAcceptTime>"
        "<assignmentSubmitTime>{}</assignmentSubmitTime><value>a1</value></mTurkAssignment>"
    )
    votes = vote.format("2016-01-31 16:59:52.0 UTC") + vote.format("soon")
    body = f"<id>i</id>{argument.format(1)}{argument.format(2)}<debateMetaData><title>d</title></debateMetaData><mTurkAssignments>{votes}</mTurkAssignments>"
    path = tmp_path / "u.xml.gz"
    path.write_bytes(gzip.compress(f"<list><annotatedArgumentPair>{body}</annotatedArgumentPair></list>".encode()))
    source = SourceOptions.model_validate({"name": "s", "format": "ukp", "path": str(path)})
    (row,) = [row for intake in plan_source(source) for row in source.reader.read(intake.unit, open_source_file)]
    told = row.outcome.pairs[0].labels
    assert [(one.seconds, one.answered_at) for one in told] == [(393.0, "2016-01-31T16:59:52Z"), (None, None)]
