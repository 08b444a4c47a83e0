"""How far annotators agree who rated the same responses: Krippendorff's alpha and weighted kappa, for each attribute."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from prefcurate.transforms.consensus.votes import named
from prefcurate.transforms.report.alpha import Estimate, drawn, estimate
from prefcurate.transforms.report.quality.kappa import Kappa, mean_kappa
from prefcurate.transforms.report.quality.opinions import Floats, Ints

_S = pa.dictionary(pa.int32(), pa.string())
RATED = pa.schema(
    [
        ("source", _S),
        ("kind", _S),
        ("attribute", _S),
        ("annotator", _S),
        ("prompt", pa.int64()),
        ("response", pa.int64()),
        ("value", pa.float64()),
    ]
)
"""One rating: what a shard writes."""
_FEW_VALUES = 16
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Rated:
    """Agreement of the ratings of one kind of annotators in one source on one attribute.

    Attributes:
        responses, ratings, annotators, prompts: with two ratings or more.
        interval, ordinal: Krippendorff's alpha; the ordinal one and kappa are None where more than sixteen values were given.
        kappa: None where no couple of annotators shares ten responses.
    """

    source: str
    kind: str
    attribute: str
    responses: int
    ratings: int
    annotators: int
    prompts: int
    interval: Estimate | None
    ordinal: Estimate | None
    kappa: Kappa | None


def find_rated(table: pa.Table) -> tuple[Rated, ...]:
    """The agreement of all ratings that are `RATED`, by source, kind and attribute; nothing where nobody rated what another did."""
    table = table.unify_dictionaries()
    group, keys = named([table[name] for name in ("source", "kind", "attribute")])
    who, _ = named([table["annotator"]])
    response, prompt, value = (table[name].to_numpy() for name in ("response", "prompt", "value"))
    found = []
    for place, key in enumerate(keys):
        mine = np.flatnonzero(group == place)
        found.append(_rated(key, who[mine], response[mine], prompt[mine], value[mine]))
    return tuple(one for one in found if one is not None)


def _rated(key: tuple[str, str, str], who: Ints, response: Ints, prompt: Ints, value: Floats) -> Rated | None:
    _, unit = np.unique(response, return_inverse=True)
    several = np.bincount(unit)[unit] > 1
    if not several.any():
        return None
    who, prompt, value = who[several], prompt[several], value[several]
    _, unit = np.unique(unit[several], return_inverse=True)
    values, index = np.unique(value, return_inverse=True)
    few = len(values) <= _FEW_VALUES
    return Rated(
        *key,
        responses=int(unit.max()) + 1,
        ratings=len(unit),
        annotators=len(np.unique(who)),
        prompts=len(np.unique(prompt)),
        interval=rating_alpha(unit, prompt, value),
        ordinal=rating_alpha(unit, prompt, ordinal_places(index, len(values))[index]) if few else None,
        kappa=mean_kappa(who, unit, prompt, index, values) if few else None,
    )


def ordinal_places(index: Ints, values: int) -> Floats:
    """Where each value lies on the scale on which Krippendorff's ordinal difference is the distance: the middle of its ranks.

    His ordinal difference of two values is the number of ratings between them and half of those at either, squared (Krippendorff 2011): the
    squared distance of their mid-ranks.
    """
    count = np.bincount(index, minlength=values).astype(np.float64)
    places: Floats = np.cumsum(count) - count / 2
    return places


def rating_alpha(unit: Ints, prompt: Ints, value: Floats) -> Estimate | None:
    """Alpha with the interval difference, for values of any number: 1 less the variance within responses over the variance of all.

    The same as `prefcurate.transforms.report.alpha.interval_alpha` of the coincidences, from moments: a slider has hundreds of values. None
    where all ratings are the same.

    Args:
        unit: index of the rated response; each has two ratings or more.
        prompt: of each rating, a number below 2**60.
        value: the ratings.
    """
    value = value - value.mean()
    n, total, squares = (np.bincount(unit, weights=v) for v in (np.ones(len(unit)), value, value**2))
    within = (squares - total**2 / n) * n / (n - 1)
    first = np.zeros(len(n), np.int64)
    first[unit] = prompt
    prompts, row = np.unique(first, return_inverse=True)
    columns = [np.bincount(row, weights=column, minlength=len(prompts)) for column in (n, total, squares, within)]
    ratings, sums, powers, apart = drawn(prompts.astype(np.uint64), np.stack(columns, axis=1)).T
    # D_o is twice the mean squared deviation within, D_e twice that of all ratings: both with one rating less in the divisor.
    spread = powers - sums**2 / np.maximum(1, ratings)
    # What rounding leaves of equal ratings is no spread.
    known = (np.ptp(value) > 0) & (spread > _ROUNDING * powers) & (ratings > 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return estimate(np.where(known, 1.0 - apart / ratings / (spread / (ratings - 1)), np.nan), len(prompts))
