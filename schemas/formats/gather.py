"""Sets of responses that are spread over the rows of a file: one response or more in each row, gathered by what they have in common.

The file is read twice: once to learn which rows belong together, once to compare. A row gives the pairs of its responses with those of the
rows before it, so that each row has an account of its own; the first row of a set is joined into the others. What waits for later
rows of its set is held in memory: of a file whose sets stand together that is one set.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping_pairs import PairBuilder
from prefcurate.schemas.formats.mapping_paths import Scope
from prefcurate.schemas.formats.rows import BROKEN_OFF, RowError
from prefcurate.schemas.formats.sets import RowSet, Score, SetResponse
from prefcurate.schemas.records import Auxiliary, GivenPair, InputRow, Pairs

ALONE = "one response"
"""Why a row is unreadable whose response no other answers the same prompt."""


def gathered(builder: PairBuilder, rows: Callable[[], Iterator[JsonRow]], columns: bool) -> Iterator[InputRow]:
    """Every row of a file, in file order.

    Args:
        builder: reads the responses of a row.
        rows: begins to read the file.
        columns: whether all rows have the same keys.
    """
    gatherer = _Gatherer(builder, _census(builder, rows(), columns))
    for row in rows():
        yield builder.outcome_row(row, columns, gatherer.outcome)


@dataclass
class _Set:
    """How many rows a set has, and whether any two responses of it differ."""

    rows: int = 0
    first: str = ""
    differ: bool = False


def _census(builder: PairBuilder, rows: Iterator[JsonRow], columns: bool) -> dict[str, _Set]:
    """The sets of a file by their key. A file that breaks in the middle breaks again when its rows are given."""
    sets: dict[str, _Set] = {}
    with suppress(*BROKEN_OFF):
        for row in rows:
            builder.outcome_row(row, columns, partial(_counted, builder, sets))
    return sets


def _counted(builder: PairBuilder, sets: dict[str, _Set], scope: Scope) -> Auxiliary:
    found = builder.set_of(scope)
    here = sets.setdefault(found.key, _Set())
    here.rows += 1
    for response in found.responses:
        name = _name(response)
        here.first = here.first or name
        here.differ = here.differ or name != here.first
    return Auxiliary()


def _name(response: SetResponse) -> str:
    return stable_hash("response of a set", response.content)


@dataclass
class _Member:
    """A response of a set, all scores so far, and those of which no rating has been given yet."""

    content: SetResponse
    scores: list[Score] = field(default_factory=list)
    untold: list[Score] = field(default_factory=list)

    def take(self, scores: tuple[Score, ...]) -> tuple[Score, ...]:
        """Adds scores. Whoever scored a response before, or is not told apart from somebody who did, has scored it once more."""
        taken = []
        for score in scores:
            known = {other.act for other in self.scores}
            free = next(s for s in (replace(score, sample=score.sample + n) for n in count()) if s.act not in known)
            self.scores.append(free)
            taken.append(free)
        self.untold += (score for score in taken if not score.is_rank)
        return tuple(taken)

    def tell(self) -> list[Score]:
        """The scores that become ratings now."""
        told, self.untold = self.untold, []
        return told


@dataclass
class _Gatherer:
    builder: PairBuilder
    sets: dict[str, _Set]
    _open: dict[str, dict[str, _Member]] = field(default_factory=dict)

    def outcome(self, scope: Scope) -> Pairs | Auxiliary:
        """What a row gives beside the rows of its set before it."""
        found = self.builder.set_of(scope)
        if not found.responses:
            why = self.builder.missing_response(scope)
            raise RowError(ALONE, "the row has no response" + (f": {why}" if why else ""))
        here = self.sets.get(found.key, _Set())
        if not here.differ:
            raise RowError(
                ALONE,
                f"no row has another response to the same prompt ({here.rows} with this one); a comparison needs two",
            )
        members = self._open.setdefault(found.key, {})
        pairs = [pair for response in found.responses for pair in self._pairs(found, response, members)]
        here.rows -= 1
        if not here.rows:
            del self._open[found.key]
        return Pairs(tuple(pairs)) if pairs else Auxiliary()

    def _pairs(self, found: RowSet, response: SetResponse, members: dict[str, _Member]) -> Iterator[GivenPair]:
        name = _name(response)
        is_new = name not in members
        mine = members.setdefault(name, _Member(response))
        scores = mine.take(response.scores)
        others = [member for member in members.values() if member is not mine]
        for other in others:
            pair = self.builder.pair_of(
                found, replace(other.content, scores=tuple(other.scores)), replace(response, scores=scores)
            )
            # Two responses meet once, and again for whoever has now scored both.
            if is_new or pair.labels:
                yield _rated(pair, other, mine)
        if mine.untold and others:
            pair = self.builder.pair_of(found, replace(others[0].content, scores=()), replace(response, scores=()))
            yield _rated(pair, others[0], mine)


def _rated(pair: GivenPair, first: _Member, second: _Member) -> GivenPair:
    told = (*(score.rating("first") for score in first.tell()), *(score.rating("second") for score in second.tell()))
    return replace(pair, ratings=told)
