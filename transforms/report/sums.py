"""Adding up what shards counted."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any


def summed(tables: Iterable[Iterable[tuple[Any, ...]]], keys: int) -> list[tuple[tuple[Any, ...], list[Any]]]:
    """Rows of several tables put together, in the order of their keys: the first columns are the key, the others are added up."""
    found: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for table in tables:
        for row in table:
            found[row[:keys]].append(row[keys:])
    return [(key, [_sum(column) for column in zip(*rows, strict=True)]) for key, rows in sorted(found.items())]


def _sum(numbers: Sequence[Any]) -> Any:
    return round(math.fsum(numbers), 9) if isinstance(numbers[0], float) else sum(numbers)
