"""The audit of all sources, out of what their shards contribute, and as a table for `prefcurate query`."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from prefcurate.schemas.tables import SOURCES
from prefcurate.transforms.intervals import effective_number, wilson
from prefcurate.transforms.measures.rules import RULES
from prefcurate.transforms.report.alpha import AlphaSums, interval_alpha, nominal_alpha, same, together
from prefcurate.transforms.report.quality.kappa import Kappa
from prefcurate.transforms.report.quality.rated import Rated
from prefcurate.transforms.report.sources import SourceSums
from prefcurate.transforms.report.sources import Voice as Key
from prefcurate.transforms.report.sums import summed
from prefcurate.transforms.report.voices import Alpha, RuleFigures, RuleShare, Voice

_DIGITS = 6
_KINDS = ("person", "llm_judge", "reward_model", "program")
_VERDICTS = ("first", "second", "tie", "both_good", "both_bad", "unratable", "unread")


def voices(shards: Iterable[SourceSums], kappas: Mapping[Key, Kappa] = MappingProxyType({})) -> tuple[Voice, ...]:
    """All voices: by source, people first, the overall label before other attributes."""
    shards = list(shards)
    pairs: Counter[str] = Counter()
    for shard in shards:
        pairs.update(dict(shard.pairs))
    verdicts = dict(summed((shard.verdicts for shard in shards), 4))
    labelled = dict(summed((shard.labelled for shard in shards), 3))
    rules = dict(summed((shard.rules for shard in shards), 5))
    alphas: dict[Key, list[AlphaSums]] = defaultdict(list)
    for shard in shards:
        for key, sums in shard.alphas.items():
            alphas[key].append(sums)
    found = []
    for key in sorted({key[:3] for key in verdicts}, key=_place):
        source, kind, attribute = key
        labelled_pairs, decided, tied, drawn = labelled.get(key, (0, 0, 0, 0))
        said = {what: verdicts[*key, what][0] for what in _VERDICTS if (*key, what) in verdicts}
        ruled, alpha = tuple(_rules(key, rules)), _alpha(alphas.get(key, ()))
        counts = (pairs[source], labelled_pairs, decided, tied, drawn)
        found.append(Voice(source, kind, attribute, *counts, said, ruled, alpha, kappas.get((source, kind, attribute))))
    return tuple(found)


def sources_table(found: Iterable[Voice], rated: Iterable[Rated] = ()) -> pa.Table:
    """The rows of the view `sources`, a figure each: of labels, then of ratings of single responses."""
    rows = [
        {"source": voice.source, "kind": voice.kind, "attribute": voice.attribute, **figure}
        for voice in found
        for figure in _figures(voice)
    ]
    rows += [
        {"source": one.source, "kind": one.kind, "attribute": one.attribute, "measure": "ratings", **figure}
        for one in rated
        for figure in _ratings(one)
    ]
    return pa.Table.from_pylist(rows, schema=SOURCES)


def _figures(voice: Voice) -> Iterator[dict[str, Any]]:
    for what in ("pairs", "labelled", "decided", "tied", "drawn"):
        n = getattr(voice, what)
        yield {
            "measure": "pairs",
            "what": what,
            "n": n,
            "value": round(n / voice.pairs, _DIGITS) if voice.pairs else None,
        }
    labels = sum(voice.verdicts.values())
    for what, n in voice.verdicts.items():
        yield {"measure": "labels", "what": what, "n": n, "value": round(n / labels, _DIGITS)}
    for rule in voice.rules:
        for measure, share in (("wins", rule.wins), ("accuracy", rule.accuracy), ("gold_accuracy", rule.gold)):
            if share is not None:
                counted = {"n": share.n, "prompts": share.prompts, "value": share.share}
                yield {"measure": measure, "what": rule.rule, **counted, "low": share.low, "high": share.high}
    if voice.alpha is not None:
        about = {"measure": "agreement", "n": voice.alpha.pairs, "prompts": voice.alpha.prompts}
        yield {**about, "what": "same", "value": voice.alpha.same}
        for what, told in (("alpha", voice.alpha.value), ("alpha_nominal", voice.alpha.nominal)):
            yield {**about, "what": what, **(asdict(told) if told else {})}
    if voice.kappa is not None:
        yield from ({"measure": "agreement", **figure} for figure in _kappas(voice.kappa))


def _ratings(rated: Rated) -> Iterator[dict[str, Any]]:
    about = {"n": rated.responses, "prompts": rated.prompts}
    for what, told in (("alpha_interval", rated.interval), ("alpha_ordinal", rated.ordinal)):
        if told is not None:
            yield {**about, "what": what, **asdict(told)}
    if rated.kappa is not None:
        yield from _kappas(rated.kappa)


def _kappas(kappa: Kappa) -> Iterator[dict[str, Any]]:
    for what, told in (("kappa_linear", kappa.linear), ("kappa_quadratic", kappa.quadratic)):
        yield {"n": kappa.shared, "what": what, **asdict(told)}


def _place(key: tuple[Any, ...]) -> tuple[Any, ...]:
    source, kind, attribute = key
    return source, _KINDS.index(kind) if kind in _KINDS else len(_KINDS), kind, attribute != "overall", attribute


def _rules(key: tuple[Any, ...], rules: Mapping[tuple[Any, ...], Sequence[int]]) -> Iterable[RuleFigures]:
    for rule in RULES:
        told = rules.get((*key, rule, "labels"))
        if told:
            gold = rules.get((*key, rule, "gold"))
            yield RuleFigures(rule, _won(told), _accuracy(told), _accuracy(gold) if gold else None)


def _won(sums: Sequence[int]) -> RuleShare | None:
    """How often the rule's response wins, where one does."""
    n, won, _, prompts, *squares = sums[:7]
    return _share(n, won, won, prompts, *squares) if n else None


def _accuracy(sums: Sequence[int]) -> RuleShare:
    """How often the rule says what the labels say, a tie counted half."""
    n, won, tied = sums[:3]
    prompts, nn, ns, ss = sums[7:]
    return _share(n + tied, won + tied / 2, won + tied / 4, prompts, nn, ns / 2, ss / 4)


def _share(n: int, total: float, squares: float, prompts: int, nn: float, ns: float, ss: float) -> RuleShare:
    """A share with Wilson's interval on the effective number of items, since those of one prompt go together.

    Args:
        n: items.
        total: the sum of their scores, 0 to 1.
        squares: of the squares of their scores.
        prompts: that have some.
        nn: of the squares of the items of each prompt.
        ns: of the items of each prompt times its sum of scores.
        ss: of the squares of the sums of scores of each prompt.
    """
    share = total / n
    # Both variances as of a sample, so that they are equal where every prompt has one item.
    independent = (squares / n - share**2) / max(1, n - 1)
    clustered = (ss - 2 * share * ns + share**2 * nn) / n**2 * prompts / max(1, prompts - 1)
    low, high = wilson(share, effective_number(n, prompts, max(0.0, independent), clustered))
    return RuleShare(n, prompts, round(share, _DIGITS), round(low, _DIGITS), round(high, _DIGITS))


def _alpha(parts: Sequence[AlphaSums]) -> Alpha | None:
    if not parts:
        return None
    found = together(parts)
    told, nominal = interval_alpha(found), nominal_alpha(found)
    return Alpha(found.pairs, found.labels, found.prompts, same(found), told, nominal)
