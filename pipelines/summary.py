"""The last words of `prefcurate run`: what happened to every row, how good the labels are, and where things lie."""

import shlex
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from prefcurate.pipelines.plain import neutral
from prefcurate.transforms.publish.releases import release_folder
from prefcurate.transforms.report.findings import Findings, load_findings, report_file
from prefcurate.transforms.report.words import crowd, headline, selection, verdict
from prefcurate.transforms.store.store import Store

QUERIES = (
    "SELECT decision, count(*) AS pairs, avg(expected_accuracy) AS accuracy FROM consensus GROUP BY 1 ORDER BY 2 DESC",
    "SELECT annotator, n, accuracy, position_bias, length_bias FROM annotators ORDER BY n DESC LIMIT 10",
    "SELECT comparison_id, reason FROM consensus WHERE decision IN ('flip', 'soften') ORDER BY expected_accuracy_low DESC LIMIT 5",
)
"""Worth trying first; the last one gives ids for `prefcurate show`."""


def summary(store: Store, console: Console) -> None:
    """Prints it from the figures of the report.

    Raises:
        StoreError: there is no report yet.
    """
    findings = load_findings(store)
    console.print()
    console.print(rows_table(findings))
    for line in summary_lines(store, findings):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def rows_table(findings: Findings) -> Table:
    """What became of every input row, by source."""
    columns = ("rows", "used", "merged", "auxiliary", "quarantined", "pairs")
    table = Table("source", *columns, show_edge=False, show_footer=True, title="What happened to every row")
    for column, name in zip(table.columns[1:], columns, strict=True):
        column.justify = "right"
        column.footer = f"{sum(getattr(account, name) for account in findings.accounts):,}"
    for account in findings.accounts:
        table.add_row(account.source, *(f"{getattr(account, name):,}" for name in columns))
    return table


def summary_lines(store: Store, findings: Findings) -> Iterator[str]:
    """The rest, a line each."""
    for found in findings.quarantine:
        yield f"quarantined: {found.rows:,} rows of {found.source}: {neutral(found.reason)}"
    yield ""
    yield headline(findings)
    yield from filter(None, (verdict(findings.overall), selection(findings.overall), crowd(findings)))
    yield ""
    if findings.release is not None:
        splits = ", ".join(f"{split} {pairs:,}" for split, pairs in findings.published.items())
        yield f"dataset   {release_folder(store.root, findings.release)}  ({splits})"
    yield f"report    {report_file(store.root, 'index.html')}"
    yield f"spent     ${findings.usd:.2f}"
    yield ""
    yield "worth trying:"
    for query in QUERIES:
        yield f'  prefcurate query {shlex.quote(store.root)} "{query}"'
