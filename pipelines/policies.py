"""`prefcurate policies CONFIG_OR_STORE`: what several policies would decide from the same annotations, side by side.

Nobody is asked, nothing is written. What is said of gold is of side fit and cross-fitted: choosing by it is what it is there for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from prefcurate.pipelines import consensus
from prefcurate.pipelines.config import load_config
from prefcurate.pipelines.curate import stage_context
from prefcurate.schemas.errors import WrongSetting
from prefcurate.transforms.consensus.compare import Asked, Comparison, Differing, compare
from prefcurate.transforms.consensus.how import last_how
from prefcurate.transforms.consensus.on_gold import FEWEST, Figure, OnGold
from prefcurate.transforms.consensus.options import POLICIES, policy_of
from prefcurate.transforms.publish.story import standing
from prefcurate.transforms.store.files import absolute
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import Store, StoreError

_DECISIONS = ("keep", "flip", "assign", "soften", "drop", "hold")
_KINDS = {
    "opposite": "published by both with opposite labels",
    "only this": "published by {this} alone",
    "only first": "published by {first} alone",
}


@dataclass(frozen=True)
class Compared:
    """Policies side by side: where, under which settings, what came of it."""

    root: str
    asked: Asked
    found: Comparison


def compare_policies(place: str, names: str = "") -> Compared:
    """Compares policies on a store, or on the store of a configuration, under that one's settings.

    Args:
        place: the YAML file, or the store's folder or address.
        names: policies, comma-separated; all of them by default. The one in use is always the first.

    Raises:
        WrongSetting: there is no such policy.
        StoreError: the stages before consensus have not run, or the store does not say how it was decided.
    """
    snapshot, asked = _of_config(place) if place.endswith((".yaml", ".yml")) else _of_store(place)
    try:
        named = [policy_of(name.strip()).title for name in names.split(",")] if names else _newest()
    except ValueError as error:
        raise WrongSetting(f"--policies: {error}") from error
    titles = tuple(dict.fromkeys((*asked.policies, *named)))
    asked = replace(asked, policies=titles)
    return Compared(snapshot.store.root, asked, compare(snapshot, asked))


def _newest() -> list[str]:
    return sorted(policy.title for name, policy in POLICIES.items() if name == policy.name)


def _of_config(path: str) -> tuple[Snapshot, Asked]:
    config = load_config(path)
    context = stage_context(config, consensus.STAGE, Store.open(config.store))
    context.inputs()
    title = config.consensus.rules().title
    told = config.consensus
    asked = Asked((title,), told.min_accuracy, config.route.can_ask, config.gold, config.seed, told.gated, told.closest)
    return context.pin(), asked


def _of_store(root: str) -> tuple[Snapshot, Asked]:
    store = Store.open(absolute(root))
    how = last_how(store)
    if how is None:
        raise StoreError(
            f"the store {store.root} does not say how its pairs were decided: the stage consensus has not run, or an earlier "
            "prefcurate ran it; name the configuration instead: `prefcurate policies CONFIG`"
        )
    try:
        policy_of(how.policy)
    except ValueError as error:
        raise StoreError(f"the store {store.root} was decided by a policy of another prefcurate: {error}") from error
    return standing(store), Asked(
        (how.policy,), how.min_accuracy, how.can_ask, how.gold, how.seed, how.gated, how.closest
    )


def render(compared: Compared) -> str:
    """The comparison in words, for a terminal."""
    return "\n".join([*_head(compared), "", *_decided(compared), "", *_measured(compared), *_otherwise(compared)])


def _head(compared: Compared) -> Iterator[str]:
    found, asked = compared.found, compared.asked
    yield f"{compared.root}: {found.pairs:,} pairs, the same opinions for every policy; nobody was asked, nothing was written"
    yield f"min_accuracy {asked.min_accuracy:g}; in use: {asked.policies[0]}"
    yield "before overrides, agreements of signals and truncation, which a run asks after the policy"


def _decided(compared: Compared) -> Iterator[str]:
    found, titles = compared.found, compared.asked.policies
    rows = [["policy", "published", *_DECISIONS]]
    for title, decisions, published in zip(titles, found.decisions, found.published, strict=True):
        numbers = [f"{decisions[name]:,}" for name in _DECISIONS]
        rows.append([title, f"{published:,} ({published / max(1, found.pairs):.0%})", *numbers])
    yield from _table(rows)


def _measured(compared: Compared) -> Iterator[str]:
    found, titles = compared.found, compared.asked.policies
    if not found.gold_pairs:
        yield "No gold of side fit: which policy is better cannot be told here (see `gold:` in the configuration)."
        return
    yield (
        f"On {found.gold_pairs:,} gold pairs of side fit ({found.clusters:,} prompt clusters), each decided without the gold of its "
        "part (a fifth of the clusters):"
    )
    rows = [["policy", "published", "right of those", "right less min_accuracy, per 100 gold pairs"]]
    for title, on in zip(titles, found.on_gold, strict=True):
        share = f"{on.published:,} ({on.published / found.gold_pairs:.0%})"
        rows.append([title, share, _percent(on.right), _points(on.gain)])
    yield from _table(rows)
    for title, on in list(zip(titles, found.on_gold, strict=True))[1:]:
        yield from _paired(title, titles[0], on)
    if found.clusters < FEWEST:
        yield f"Fewer than {FEWEST} prompt clusters with gold: no intervals, and nothing to choose by."
    yield "For choosing a policy. How good the published labels are, the report says, on gold that no choice has seen (side audit)."


def _paired(title: str, first: str, on: OnGold) -> Iterator[str]:
    if not on.both or on.right_both is None or on.first_both is None:
        yield f"{title} against {first}: no gold pair is published by both"
        return
    difference = None if on.difference is None else _scaled(on.difference)
    yield (
        f"{title} against {first}, {on.both:,} gold pairs that both publish: {on.right_both:.1%} right against "
        f"{on.first_both:.1%}, {_points(difference)} points; with what each leaves out, {_points(on.gain_difference)} per 100"
    )


def _scaled(figure: Figure) -> Figure:
    low, high = (None if end is None else 100 * end for end in (figure.low, figure.high))
    return Figure(100 * figure.value, low, high)


def _otherwise(compared: Compared) -> Iterator[str]:
    titles = compared.asked.policies
    for title, differing in list(zip(titles, compared.found.differing, strict=True))[1:]:
        yield ""
        yield from _differing(compared.root, title, titles[0], differing)


def _differing(root: str, title: str, first: str, differing: Differing) -> Iterator[str]:
    total = sum(differing.counts.values())
    yield f"{title} publishes {total:,} pairs otherwise than {first}{':' if total else ''}"
    for kind, words in _KINDS.items():
        if differing.counts[kind]:
            yield f"  {differing.counts[kind]:,} {words.format(this=title, first=first)}"
            for comparison, before, after in differing.examples[kind]:
                yield f"    {before} -> {after}  prefcurate show {root} {comparison}"


def _percent(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    between = f" ({figure.low:.1%} to {figure.high:.1%})" if figure.low is not None and figure.high is not None else ""
    return f"{figure.value:.1%}{between}"


def _points(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    between = (
        f" ({figure.low:+.1f} to {figure.high:+.1f})" if figure.low is not None and figure.high is not None else ""
    )
    return f"{figure.value:+.1f}{between}"


def _table(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield f"  {'  '.join(cells)}".rstrip()
