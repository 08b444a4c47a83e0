"""What `check` says of single opinions; its whole report is tested with the command."""

import pytest

from prefcurate.transforms.ingest.understand import opinion
from tests.helpers import label, pair


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("unparsed", "said what could not be understood: 'hm'"),
        ("refused", "gave no verdict (refused, skipped or discarded)"),
        ("empty", "gave no verdict (no answer, or a draft)"),
    ],
)
def test_a_label_without_a_verdict_says_why(status, words):
    given = label(None, "kim", parse_status=status, raw_output="hm")
    assert opinion(given, None, pair("p", "x", "y")) == f"kim (a person) {words}"
