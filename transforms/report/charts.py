"""The report's pictures, as pieces of HTML that need the plotly script once in the page and nothing from the network."""

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from prefcurate.transforms.consensus.model import AnnotatorFigures
from prefcurate.transforms.measures.rules import FEWEST
from prefcurate.transforms.report.findings import Findings, Share
from prefcurate.transforms.report.voices import Voice
from prefcurate.transforms.report.words import OUTCOMES, about

SOURCES = 12
"""Sources with a band of their own; the others share one."""
ANNOTATORS = 30
_BLUE, _GREEN, _ORANGE, _RED, _GREY, _PURPLE = "#2f6db5", "#2f8f63", "#d98a2b", "#c0453a", "#8a94a0", "#7a5aa6"
_ROWS = {"used": _GREEN, "merged": _GREY, "auxiliary": _PURPLE, "quarantined": _RED}
_DECIDED = {"keep": _GREEN, "flip": _ORANGE, "assign": _BLUE, "soften": _PURPLE, "drop": _GREY, "hold": "#b7a03a"}
_ORDER = {decision: place for place, decision in enumerate(_DECIDED)}
_STATUS = {"gold": "#b7950b", "trusted": _GREEN, "used": _BLUE, "believed_less": _ORANGE, "excluded": _RED}
_FONT = {"family": "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif", "size": 13, "color": "#1c2530"}


@dataclass(frozen=True)
class Node:
    """A node of a flow; the same name in another column is another node."""

    column: int
    name: str
    colour: str = "#44566c"


Link = tuple[Node, Node, int, str]
"""From, to, amount, colour of the band."""


def rows_flow(findings: Findings) -> str:
    """Sources to what became of their rows; the bands count rows."""
    accounts = sorted(findings.accounts, key=lambda account: (-account.rows, account.source))
    links: list[Link] = []
    for place, account in enumerate(accounts):
        source = Node(0, account.source if place < SOURCES else f"{len(accounts) - SOURCES} other sources")
        links += [(source, Node(1, fate, colour), getattr(account, fate), colour) for fate, colour in _ROWS.items()]
    return _sankey("rows-flow", links, "rows")


def pairs_flow(findings: Findings) -> str:
    """Decisions to splits and reasons; the bands count pairs."""
    links: list[Link] = []
    place = {name: i for i, name in enumerate(findings.published)}
    for flow in sorted(
        findings.flows, key=lambda f: (_ORDER.get(f.decision, 9), not f.published, place.get(f.outcome, 9))
    ):
        colour = _DECIDED.get(flow.decision, _GREY)
        decided = Node(1, flow.decision, colour)
        what = f"published: {flow.outcome}" if flow.published else f"withheld: {_withheld(flow.outcome)}"
        outcome = Node(2, what, _GREEN if flow.published else _GREY)
        links += [(Node(0, "pairs"), decided, flow.pairs, colour), (decided, outcome, flow.pairs, colour)]
    return _sankey("pairs-flow", links, "pairs")


def agreement_chart(findings: Findings) -> str:
    """Before and after on the same pairs, over all and by source, as dots with intervals."""
    shown = [f for f in findings.agreement if f.slice in ("all", "source") and f.same_before and f.same_after][:SOURCES]
    rows = range(len(shown))
    figure = go.Figure(
        [
            _dots("label that came in", _GREY, [row - 0.13 for row in rows], [f.same_before for f in shown]),
            _dots("published label", _GREEN, [row + 0.13 for row in rows], [f.same_after for f in shown]),
        ]
    )
    names = [_who(f.name) or "<b>all pairs</b>" for f in shown]
    figure.update_yaxes(tickvals=list(rows), ticktext=names, autorange="reversed", zeroline=False)
    _percent_axis(figure, "agreement with held-out gold, on the pairs that have both labels")
    return _html(figure, "agreement-chart", 120 + 50 * len(shown))


def sources_chart(voices: Sequence[Voice]) -> str:
    """How often the longer, the more formatted and the first-shown response wins, voice by voice."""
    rules = {
        "longer": ("the longer", _BLUE),
        "formatted": ("the more formatted", _PURPLE),
        "first_shown": ("shown first", _ORANGE),
    }
    figure = go.Figure()
    for place, (name, (label, colour)) in enumerate(rules.items()):
        found = [(row, rule.wins) for row, voice in enumerate(voices) if (rule := voice.rule(name))]
        told = [(row, wins) for row, wins in found if wins is not None and wins.n >= FEWEST]
        middle = [wins.share for _, wins in told]
        above, below = [wins.high - wins.share for _, wins in told], [wins.share - wins.low for _, wins in told]
        figure.add_trace(_trace(label, colour, [row + 0.22 * (place - 1) for row, _ in told], middle, above, below))
    names = [f"{_who(voice.source)} <i>({html.escape(about(voice))})</i>" for voice in voices]
    figure.update_yaxes(tickvals=list(range(len(voices))), ticktext=names, autorange="reversed", zeroline=False)
    figure.add_vline(x=0.5, line={"color": _RED, "dash": "dot", "width": 1})
    _percent_axis(figure, "share of decided labels that it wins (dotted: a half)")
    return _html(figure, "sources-chart", 130 + 56 * len(voices))


def accuracy_chart(annotators: Sequence[AnnotatorFigures]) -> str:
    """Accuracy of each annotator on gold it did not learn from, as dots with intervals."""
    measured = [row for row in annotators if row.accuracy is not None][:ANNOTATORS]
    measured.sort(key=lambda row: (row.accuracy or 0.0, row.annotator))
    figure = go.Figure()
    for status, colour in _STATUS.items():
        of_status = [row for row in measured if row.status == status]
        if not of_status:
            continue
        middle = [row.accuracy or 0.0 for row in of_status]
        above = [(row.accuracy_high or 1.0) - x for row, x in zip(of_status, middle, strict=True)]
        below = [x - (row.accuracy_low or 0.0) for row, x in zip(of_status, middle, strict=True)]
        names = [_who(row.annotator) for row in of_status]
        figure.add_trace(_trace(status.replace("_", " "), colour, names, middle, above, below))
    order = [_who(row.annotator) for row in measured]
    figure.update_yaxes(categoryorder="array", categoryarray=order)
    figure.add_vline(x=0.5, line={"color": _RED, "dash": "dot", "width": 1})
    _percent_axis(figure, "accuracy on gold (dotted: a coin)")
    return _html(figure, "accuracy-chart", 130 + 26 * len(measured))


def position_chart(annotators: Sequence[AnnotatorFigures]) -> str:
    """How far each annotator leans towards what is shown first."""
    told = [row for row in annotators if row.position_bias is not None][:ANNOTATORS]
    told.sort(key=lambda row: (abs(row.position_bias or 0.0), row.annotator))
    bias = [row.position_bias or 0.0 for row in told]
    colours = [_ORANGE if abs(value) >= 0.05 else _BLUE for value in bias]
    bars = go.Bar(x=bias, y=[_who(row.annotator) for row in told], orientation="h", marker={"color": colours})
    figure = go.Figure([bars])
    figure.add_vline(x=0, line={"color": "#1c2530", "width": 1})
    widest = max(0.1, *(abs(value) for value in bias)) * 1.1 if bias else 0.1
    figure.update_xaxes(
        tickformat="+.0%", range=[-widest, widest], title="prefers the second shown   ←   →   prefers the first shown"
    )
    return _html(figure, "position-chart", 110 + 26 * len(told))


def _withheld(reason: str) -> str:
    return OUTCOMES.get(reason, reason)


def _sankey(div: str, links: Sequence[Link], unit: str) -> str:
    """A flow from left to right; nodes are labelled with what goes through them."""
    totals: Counter[tuple[Node, Node, str]] = Counter()
    into: Counter[Node] = Counter()
    out: Counter[Node] = Counter()
    for start, end, amount, colour in links:
        if amount:
            totals[start, end, colour] += amount
            out[start] += amount
            into[end] += amount
    nodes = list(dict.fromkeys(node for start, end, _ in totals for node in (start, end)))
    place = {node: i for i, node in enumerate(nodes)}
    node = {
        "label": [f"{html.escape(each.name)}  {max(into[each], out[each]):,}" for each in nodes],
        "color": [each.colour for each in nodes],
        "pad": 18, "thickness": 14, "line": {"width": 0},
        "hovertemplate": f"%{{label}} {unit}<extra></extra>",
    }  # fmt: skip
    link = {
        "source": [place[start] for start, _, _ in totals],
        "target": [place[end] for _, end, _ in totals],
        "value": list(totals.values()),
        "color": [_faint(colour) for _, _, colour in totals],
        "hovertemplate": f"%{{source.label}} → %{{target.label}}: %{{value:,}} {unit}<extra></extra>",
    }
    figure = go.Figure([go.Sankey(node=node, link=link, arrangement="snap", valueformat=",")])
    tallest = max(Counter(each.column for each in nodes).values(), default=1)
    return _html(figure, div, max(240, 60 + 40 * tallest))


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.32)"


def _dots(label: str, colour: str, places: Sequence[float], shares: Sequence[Share | None]) -> go.Scatter:
    told = [share for share in shares if share is not None]
    middle = [share.agreement for share in told]
    above = [share.high - share.agreement for share in told]
    return _trace(label, colour, places, middle, above, [share.agreement - share.low for share in told])


def _trace(
    label: str,
    colour: str,
    places: Sequence[str] | Sequence[float],
    middle: Sequence[float],
    above: Sequence[float],
    below: Sequence[float],
) -> go.Scatter:
    whiskers = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.6, "width": 4}
    return go.Scatter(
        name=label, x=middle, y=places, mode="markers", error_x=whiskers, marker={"color": colour, "size": 10},
        hovertemplate="%{x:.1%}<extra>" + label + "</extra>",
    )  # fmt: skip


def _percent_axis(figure: go.Figure, title: str) -> None:
    figure.update_xaxes(tickformat=".0%", title=title)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, showlegend=True)


def _who(annotator: str) -> str:
    return html.escape(annotator if len(annotator) <= 44 else f"{annotator[:43]}…")


def _html(figure: go.Figure, div: str, height: int) -> str:
    figure.update_layout(
        template="plotly_white", font=_FONT, height=height, margin={"l": 10, "r": 10, "t": 30, "b": 10},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
    )  # fmt: skip
    figure.update_yaxes(automargin=True)
    figure.update_xaxes(automargin=True)
    settings = {"displaylogo": False, "displayModeBar": False, "responsive": True}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, div_id=div, config=settings))
