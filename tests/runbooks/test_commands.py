"""Every command that a runbook shows exists, with its flags."""

import pytest

from tests.runbooks.commands import ROOT, mistakes, shown

PAGES = sorted([ROOT / "README.md", *(ROOT / "runbooks").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_are_those_of_the_program(page):
    lines = list(shown(page.read_text(encoding="utf-8")))
    assert [(line, wrong) for line in lines for wrong in mistakes(line)] == []


def test_the_check_finds_mistakes():
    page = (
        "    prefcurate runn X\n    prefcurate run X --stage=embed && prefcurate plan X --runner=FlinkRunner   # no\n"
    )
    found = [wrong for line in shown(page) for wrong in mistakes(line)]
    assert found == ["no command runn", "run knows no --stage", "plan knows no --runner"]
    assert list(mistakes(["run", "X", "--stages=embed", "--limit", "3", "--machine_type=n2-standard-4"])) == []


def test_the_runbooks_show_commands():
    assert sum(len(list(shown(page.read_text(encoding="utf-8")))) for page in PAGES) > 30
