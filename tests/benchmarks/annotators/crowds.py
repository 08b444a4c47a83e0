"""Real crowds as the figures of quality see them, out of their files; and annotators of known faults, planted into them."""

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.records import Pairs
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.orient import orient
from prefcurate.transforms.ingest.sources import open_source_file, plan_source
from prefcurate.transforms.measures.rules import picks
from prefcurate.transforms.report.quality.opinions import OPINIONS, Opinions, opinions_of

SHARED = Path("/work/shared/data")
SETS = {
    "ukp": ("ukp-convarg/UKPConvArg1-full-XML", "ukp"),
    "mqm": ("wmt-mqm-sxs-ende", "wmt_mqm"),
    "vicuna80": ("prd-vicuna80", "prd"),
}
_SIGN = {"a": 1, "b": -1}
Row = dict[str, Any]


@lru_cache(maxsize=3)
def crowd(name: str, limit: int | None = None) -> tuple[Row, ...]:
    """Every opinion of a set as a row of `OPINIONS`."""
    path, form = SETS[name]
    source = SourceOptions.model_validate({"name": name, "format": form, "path": str(SHARED / path)})
    rows: list[Row] = []
    for intake in plan_source(source):
        for number, row in enumerate(source.reader.read(intake.unit, open_source_file)):
            if not isinstance(row.outcome, Pairs):
                continue
            for index, pair in enumerate(row.outcome.pairs):
                rows += _opinions(orient(pair, name), name, [intake.unit.file.name, row.line, index], len(rows))
            if limit is not None and number >= limit:
                break
    return tuple(rows)


def _opinions(told: Row, name: str, where: list[Any], before: int) -> Iterable[Row]:
    found = [
        one for one in told["annotations"] if one["label"] not in (None, "unratable") and one["attribute"] == "overall"
    ]
    if not found:
        return
    longer, formatted = (
        _SIGN.get(pick or "", 0) for pick in picks(told["response_a_text"], told["response_b_text"])[:2]
    )
    for number, one in enumerate(found):
        act = one["judgement_id"] and [*where[:2], one["judgement_id"]]
        shown = {"ab": 1, "ba": -1}.get(one["order_shown"], 0)
        yield {
            "annotator": one["annotator"], "kind": one["kind"], "source": name, "family": one["family"], "attribute": "overall",
            "item": _number(told["comparison_id"]), "prompt": _number(told["prompt_id"]),
            "act": _number(stable_hash("act", *(act or [*where, one["index"]]))),
            "label": _SIGN.get(one["label"], 0), "first": shown or (-1 if told["reversed"] else 1), "shown": shown != 0,
            "longer": longer, "formatted": formatted, "gold": 2, "seconds": one["seconds"], "moment": _moment(one["answered_at"]),
            "characters": sum(len(told[text]) for text in ("prompt_text", "response_a_text", "response_b_text")),
            "file": "", "row": before + number,
        }  # fmt: skip


def _number(identity: str) -> int:
    return int(identity[:15], 16)


def _moment(told: str | None) -> int | None:
    return None if told is None else int(datetime.datetime.fromisoformat(told).timestamp())


def as_opinions(rows: Iterable[Row]) -> Opinions:
    """Rows as the figures see them."""
    return opinions_of([pa.Table.from_pylist(list(rows), schema=OPINIONS)])


Answer = Callable[[Row, float, int, np.random.Generator], int]
"""From what an honest person said of a pair, how far the planted one has come (0 to 1), and the answer's number, to what it says (about a)."""


@dataclass(frozen=True)
class Fault:
    """A sort of annotator to plant.

    Attributes:
        name: in the table.
        answer: how it answers; None for the copy, which says what its original says.
        calls: the checks that name it rightly; any of them finds it.
        pace: its seconds, as a share of the honest ones'.
    """

    name: str
    answer: Answer | None
    calls: tuple[str, ...]
    pace: float = 1.0


def _leaning(column: str, strength: float) -> Answer:
    return lambda row, _, __, rng: row[column] if row[column] and rng.random() < strength else row["label"]


def _random(_: Row, __: float, ___: int, rng: np.random.Generator) -> int:
    return int(rng.choice([1, -1])) if rng.random() > 0.15 else 0


def _blocks(row: Row, _: float, number: int, __: np.random.Generator) -> int:
    return row["first"] * (1 if (number // 6) % 2 else -1)


def _alternates(row: Row, _: float, number: int, __: np.random.Generator) -> int:
    return row["first"] * (1 if number % 2 else -1)


def _tires(row: Row, done: float, number: int, rng: np.random.Generator) -> int:
    return row["label"] if done < 0.5 else _random(row, done, number, rng)


_LAZY = ("guessing", "against_others", "one_answer", "streaks", "alternating", "first_shown", "second_shown")
FAULTS = (
    *(Fault(f"favours the first, {s:.0%}", _leaning("first", s), ("first_shown", *_LAZY)) for s in (0.3, 0.5, 0.8)),
    *(Fault(f"favours the longer, {s:.0%}", _leaning("longer", s), ("longer", "guessing")) for s in (0.3, 0.5, 0.8)),
    *(Fault(f"favours bullets, {s:.0%}", _leaning("formatted", s), ("formatted", "guessing")) for s in (0.3, 0.5, 0.8)),
    Fault("guesses", _random, _LAZY),
    Fault("guesses, in a hurry", _random, ("too_fast", *_LAZY), 0.15),
    Fault("always the first", lambda row, *_: row["first"], _LAZY),
    Fault("always a tie", lambda *_: 0, _LAZY),
    Fault("straight lines of six", _blocks, _LAZY),
    Fault("alternates", _alternates, _LAZY),
    Fault("hostile: the opposite", lambda row, *_: -row["label"], ("against_others", "guessing")),
    Fault("guesses in its later half", _tires, ("worse_later", *_LAZY)),
    Fault("a copy of another", None, ("copy",)),
)  # fmt: skip


def plant(rows: tuple[Row, ...], fault: Fault, opinions: int, name: str, rng: np.random.Generator) -> list[Row]:
    """The opinions of one planted annotator: as a real one's would come, on real pairs that honest people answered.

    Pairs are drawn prompt by prompt, so that those of one ranking come together. The planted answer rests on what one real annotator
    said, who is then left out of that pair: the same person twice would bear the planted one out.
    """
    if fault.answer is None:
        return [
            row | {"annotator": name, "family": name, "act": row["act"] ^ 1} for row in _original(rows, opinions, rng)
        ]
    chosen = _drawn(rows, opinions, rng)
    made = []
    for number, row in enumerate(chosen):
        told = {"annotator": name, "family": name, "act": row["act"] ^ 2, "row": 10**9 + number}
        told |= {"label": fault.answer(row, number / len(chosen), number, rng)}
        if row["seconds"] is not None:
            told |= {"seconds": row["seconds"] * fault.pace, "moment": 1_460_000_000 + 60 * number}
        made.append(row | told)
    return made


def _drawn(rows: tuple[Row, ...], opinions: int, rng: np.random.Generator) -> list[Row]:
    by_act: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        by_act[row["annotator"], row["act"]].append(row)
    acts = list(by_act.values())
    seen: set[tuple[int, int]] = set()
    found: list[Row] = []
    for place in rng.permutation(len(acts)).tolist():
        fresh = [row for row in acts[place] if (row["item"], row["first"]) not in seen]
        seen |= {(row["item"], row["first"]) for row in fresh}
        found += fresh
        if len(found) >= opinions:
            break
    return found[:opinions]


def _original(rows: tuple[Row, ...], opinions: int, rng: np.random.Generator) -> list[Row]:
    by_name: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_name[row["annotator"]].append(row)
    enough = sorted(name for name, own in by_name.items() if len(own) >= opinions and not name.endswith("anonymous"))
    own = by_name[enough[int(rng.integers(len(enough)))]]
    return [own[place] for place in sorted(rng.choice(len(own), opinions, replace=False).tolist())]


def with_planted(rows: tuple[Row, ...], planted: Iterable[list[Row]]) -> list[Row]:
    """The crowd with the planted ones, without the opinions that theirs rest on (of a copy the original stays)."""
    planted = list(planted)
    taken = {(row["act"] ^ 2, row["item"]) for own in planted for row in own}
    return [row for row in rows if (row["act"], row["item"]) not in taken] + [row for own in planted for row in own]
