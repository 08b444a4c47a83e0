"""What a run says while it goes on."""

import io

from rich.console import Console

from prefcurate.pipelines.progress import Progress
from prefcurate.transforms.store.store import LedgerEntry


def test_a_remark_is_printed_letter_by_letter():
    out = io.StringIO()
    # Between colons rich sees the name of a picture, and in brackets a style.
    told = {"rubrics.read": ["rubrics:m: [bold] no rubric"], "intakes": ["not for people"]}
    entry = LedgerEntry("rubrics", 1, "run", "s", {}, "state", {}, told)
    Progress(Console(file=out, width=200)).remarks(entry)
    assert out.getvalue().strip() == "rubrics:m: [bold] no rubric"
