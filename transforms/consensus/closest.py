"""HelpSteer2's rule: of the graded answers of several people to one pair only those count that lie closest together.

Wang et al. 2024 (HelpSteer2, arXiv:2406.08673; of preferences HelpSteer2-Preference, arXiv:2410.01257) ask at least three people, up to five where
they disagree, and keep the three closest answers: who misread the task stands apart. It differs in that they average what is kept, while
here each is a vote of its annotator, weighed by what is known of that one; and gold is never left out. An answer is graded when it has a
strength, in the units of its source: only answers of one source are compared. Labels that came are in `label_in` as they are.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.schemas.canonical import stable_hash

# Under one name may stand many people, so each answer is one.
_GRADED = """
    SELECT a.comparison_id, o.source, a.annotation_id, a.strength
    FROM annotations a JOIN usable u USING (annotation_id)
        JOIN (SELECT DISTINCT occurrence_id, source FROM occurrences) o USING (occurrence_id)
    WHERE a.kind = 'person' AND a.strength IS NOT NULL AND NOT u.gold
    ORDER BY a.comparison_id, o.source, a.annotation_id
"""


def without_outliers(said: pa.Table, connection: duckdb.DuckDBPyConnection, keep: int) -> pa.Table:
    """The votes without graded answers that are not among the closest of their pair and source.

    Args:
        said: with annotation_id.
        connection: knows `annotations`, `occurrences` and `usable`, the labels that may count, with whether they are gold.
        keep: how many answers to keep where there are more.
    """
    rows = connection.sql(_GRADED).fetchall()
    gone: list[str] = []
    for _, group in groupby(rows, key=lambda row: row[:2]):
        answers = [(annotation, strength) for _, _, annotation, strength in group]
        kept = set(closest(answers, keep))
        gone += [annotation for annotation, _ in answers if annotation not in kept]
    return said.filter(pc.invert(pc.is_in(said["annotation_id"], pa.array(gone, pa.string()))))


def closest(answers: Sequence[tuple[str, float]], keep: int) -> list[str]:
    """Which of the answers lie closest together: the smallest distance from the lowest to the highest, then the smallest sum of squares
    around their mean, then the mean nearest to the median of all, then by a hash, so that no side is favoured.

    Args:
        answers: an id and a value each.
        keep: how many; all where there are no more.
    """
    if len(answers) <= keep:
        return [name for name, _ in answers]
    values = sorted(value for _, value in answers)
    middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
    windows = {tuple(values[start : start + keep]) for start in range(len(values) - keep + 1)}

    def apart(window: tuple[float, ...]) -> tuple[float, float, float, str]:
        mean = sum(window) / keep
        squares = sum((value - mean) ** 2 for value in window)
        chance = stable_hash("closest", *_names(answers, window))
        return round(window[-1] - window[0], 9), round(squares, 9), round(abs(mean - middle), 9), chance

    nearest = min(windows, key=apart)
    return _names(answers, nearest)


def _names(answers: Sequence[tuple[str, float]], window: Sequence[float]) -> list[str]:
    """The answers of a window's values; of equal ones, of which not all are in it, those that a hash says."""
    wanted = Counter(window)
    found: list[str] = []
    for value in sorted(wanted):
        alike = sorted((name for name, told in answers if told == value), key=lambda name: stable_hash("closest", name))
        found += alike[: wanted[value]]
    return sorted(found)
