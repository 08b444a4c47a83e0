"""The report as one page of HTML that loads nothing from anywhere."""

from collections import defaultdict
from collections.abc import Sequence
from importlib import resources
from typing import Any

from prefcurate.schemas.errors import MissingExtra
from prefcurate.transforms.publish.fates import REASONS
from prefcurate.transforms.report import words
from prefcurate.transforms.report.examples import Example
from prefcurate.transforms.report.findings import Agreement, Findings, Longer, Spent
from prefcurate.transforms.report.quality.opinions import FEWEST
from prefcurate.transforms.report.quality.words import LOOKS_LIKE
from prefcurate.transforms.report.voices import Voice

_MISSING = "the report stage needs plotly and jinja2: pip install 'prefcurate[report]'"


def render_page(findings: Findings, examples: Sequence[Example]) -> str:
    """The page; equal figures and examples give equal bytes.

    Raises:
        MissingExtra: plotly or jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup
        from plotly.offline import get_plotlyjs

        from prefcurate.transforms.report import charts
    except ModuleNotFoundError as error:
        raise MissingExtra(_MISSING) from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    filters = {"percent": words.percent, "points": words.points, "interval": words.interval, "says": words.says}
    environment.filters.update(filters | {"thousands": lambda number: f"{number:,}", "usd": lambda usd: f"${usd:,.2f}"})
    drawn = {
        "rows_flow": charts.rows_flow(findings),
        "pairs_flow": charts.pairs_flow(findings),
        "agreement": charts.agreement_chart(findings),
        "sources": charts.sources_chart(_shown(findings.voices)),
        "accuracy": charts.accuracy_chart(findings.annotators),
        "position": charts.position_chart(findings.annotators),
    }
    text = (resources.files("prefcurate.transforms.report") / "page.html.j2").read_text(encoding="utf-8")
    return environment.from_string(text).render(
        found=findings,
        examples=examples,
        words=words,
        reasons=REASONS,
        # Only what this house and plotly made is put into the page unescaped.
        plotly=Markup(get_plotlyjs()),
        charts={name: Markup(chart) for name, chart in drawn.items()},
        **_tables(findings),
    )


def _tables(findings: Findings) -> dict[str, Any]:
    """What the page's tables need that is not a figure of its own."""
    decisions: dict[str, int] = defaultdict(int)
    outcomes: dict[str, int] = defaultdict(int)
    for flow in findings.flows:
        decisions[flow.decision] += flow.pairs
        if not flow.published:
            outcomes[flow.outcome] += flow.pairs
    known = [decision for decision in words.DECISIONS if decision in decisions]
    return {
        "decisions": [(decision, decisions[decision], words.DECISIONS[decision]) for decision in known],
        "withheld": sorted(outcomes.items(), key=lambda item: (-item[1], item[0])),
        "by_decision": [row for name in words.DECISIONS for row in _slice(findings, "decision") if row.name == name],
        "by_source": _slice(findings, "source"),
        "by_length": _slice(findings, "length"),
        "voices": _shown(findings.voices),
        "longer_all": [each for each in findings.longer if not each.audit_only],
        "longer_audit": {each.labels: each for each in findings.longer if each.audit_only},
        "longer_share": _longer_share,
        "spent": _by_annotator(findings.spent),
        "failures": _failures(findings.spent),
        "fewest_opinions": FEWEST,
        "looks_like": LOOKS_LIKE,
    }


VOICES = 24
"""Voices that the page shows: those that labelled most pairs."""


def _shown(voices: Sequence[Voice]) -> list[Voice]:
    most = sorted(voices, key=lambda voice: -voice.labelled)[:VOICES]
    return [voice for voice in voices if voice in most and voice.labelled]


def _slice(findings: Findings, name: str) -> list[Agreement]:
    return [found for found in findings.agreement if found.slice == name]


def _longer_share(found: Longer | None) -> str:
    return "" if found is None or not found.pairs else f"{found.longer / found.pairs:.1%} of {found.pairs:,}"


def _by_annotator(spent: Sequence[Spent]) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for each in spent:
        empty = {
            "stage": each.stage,
            "annotator": each.annotator,
            "requests": 0,
            "failed": 0,
            "in": 0,
            "out": 0,
            "usd": 0.0,
        }
        row = rows.setdefault((each.stage, each.annotator), empty)
        row["requests"] += each.requests
        row["failed"] += each.requests if each.status != "ok" else 0
        row["in"] += each.tokens_in
        row["out"] += each.tokens_out
        row["usd"] += each.usd
    return [rows[key] for key in sorted(rows)]


def _failures(spent: Sequence[Spent]) -> list[tuple[str, int]]:
    failed: dict[str, int] = defaultdict(int)
    for each in spent:
        if each.status != "ok":
            failed[each.status] += each.requests
    return sorted(failed.items(), key=lambda item: (-item[1], item[0]))
