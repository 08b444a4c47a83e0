"""What a source's first rows say, in words: the plain functions behind `prefcurate check`."""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prefcurate.schemas.formats.base import Reader
from prefcurate.schemas.formats.hf_preference import HfPreferenceReader
from prefcurate.schemas.formats.hub import DatasetsReader
from prefcurate.schemas.formats.mapping import MappingReader
from prefcurate.schemas.formats.mapping_pairs import PairBuilder
from prefcurate.schemas.formats.mapping_paths import ABSENT, Path, Scope, missing_message
from prefcurate.schemas.formats.rows import RowError
from prefcurate.schemas.records import (
    Auxiliary,
    GivenLabel,
    GivenPair,
    InputRow,
    Order,
    Pairs,
    Unreadable,
    Verdict,
    render,
)
from prefcurate.transforms.ingest.agreement import Vote
from prefcurate.transforms.ingest.orient import orient
from prefcurate.transforms.measures.rules import RULES, picks

WIDTH = 100
"""Characters of a text that are shown."""
KIND_WORDS = {
    "person": "a person",
    "llm_judge": "an LLM judge",
    "reward_model": "a reward model",
    "program": "a program",
}
_VERDICTS = {
    Verdict.FIRST: "preferred the first",
    Verdict.SECOND: "preferred the second",
    Verdict.TIE: "found them equal (tie)",
    Verdict.BOTH_BAD: "found both bad",
    Verdict.BOTH_GOOD: "found both good",
    Verdict.UNRATABLE: "could not rate them",
}
_SILENT = {
    "refused": "gave no verdict (refused, skipped or discarded)",
    "empty": "gave no verdict (no answer, or a draft)",
}
_TOLD = ("longer", "formatted")
_PREFERENCES = (Verdict.FIRST, Verdict.SECOND)


@dataclass(frozen=True, slots=True)
class Example:
    """A row in words."""

    where: str
    prompt: str
    first: str
    second: str
    opinions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A reason for which rows could not be read, how many, and one of them."""

    reason: str
    rows: int
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class LookedUp:
    """How often something lay at a path, how often it was looked for, and the message for the first place without it."""

    found: int
    tried: int
    message: str | None


@dataclass
class Understanding:
    """What has been seen of a source. Counts are of rows, pairs and labels as their names say."""

    source: str
    rows: int = 0
    used: int = 0
    auxiliary: int = 0
    alone: int = 0
    """Of the auxiliary rows: those that say something about a prompt alone."""
    pairs: int = 0
    unlabelled: int = 0
    silent: Counter[str] = field(default_factory=Counter)
    """Labels without a verdict, by why: unparsed, refused, empty."""
    unparsed: Counter[str] = field(default_factory=Counter)
    """What was said in labels that could not be understood."""
    ratings: int = 0
    spans: int = 0
    given: Counter[str] = field(default_factory=Counter)
    """Labels in the row's own order: first, second, tie, …"""
    stored: Counter[str] = field(default_factory=Counter)
    """The same labels as stored: a, b, tie, …"""
    annotators: Counter[tuple[str, str]] = field(default_factory=Counter)
    attributes: Counter[str] = field(default_factory=Counter)
    """What labels and ratings are about: overall, or an attribute of its own."""
    shown: Counter[str] = field(default_factory=Counter)
    """Preferences whose order is known: `first_shown` or `second_shown`."""
    taken: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """Preferences on pairs where a rule (`longer`, `formatted`) takes a response: by rule, and whether it is the preferred one."""
    materials: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)
    quarantined: dict[str, Quarantined] = field(default_factory=dict)
    votes: list[Vote] = field(default_factory=list)
    keys: Counter[str] = field(default_factory=Counter)
    """Top-level keys of the rows."""
    looked_up: dict[tuple[str, str], LookedUp] = field(default_factory=dict)
    """By (what for, path)."""

    @property
    def unreadable(self) -> int:
        """Rows that would go to quarantine."""
        return sum(item.rows for item in self.quarantined.values())

    def add(self, row: InputRow, file: str, builder: PairBuilder | None = None) -> None:
        """Takes note of a row."""
        self.rows += 1
        where = f"{file}, line {row.line}"
        self._note_keys(row, builder)
        if isinstance(row.outcome, Auxiliary):
            self.auxiliary += 1
            self.alone += bool(row.outcome.materials)
            self.materials.update(material.kind for material in row.outcome.materials)
        elif isinstance(row.outcome, Unreadable):
            self._quarantine(row.outcome, where)
        else:
            self._note_pairs(row.outcome, where)

    def _note_keys(self, row: InputRow, builder: PairBuilder | None) -> None:
        if builder is None or not isinstance(row.identity, Mapping):
            return
        self.keys.update(map(str, row.identity))
        try:
            whole = row.identity if row.beside is None else {**row.identity, **row.beside}
            for what, path, scope in builder.looked_up(whole):
                self._note_path(what, path, scope, builder)
        except RowError:
            return  # the row is unreadable and says so itself

    def _note_path(self, what: str, path: Path, scope: Scope, builder: PairBuilder) -> None:
        there = path.find(scope) is not ABSENT
        first = None if there else missing_message(path, scope, builder.names())
        seen = self.looked_up.setdefault((what, path.text), LookedUp(0, 0, first))
        self.looked_up[what, path.text] = LookedUp(seen.found + there, seen.tried + 1, seen.message or first)

    def _quarantine(self, problem: Unreadable, where: str) -> None:
        known = self.quarantined.get(problem.reason)
        first = known or Quarantined(problem.reason, 0, where, shortened(problem.detail, 400))
        self.quarantined[problem.reason] = Quarantined(first.reason, first.rows + 1, first.where, first.detail)

    def _note_pairs(self, outcome: Pairs, where: str) -> None:
        try:
            stored = [orient(pair, self.source) for pair in outcome.pairs]
        except (ValueError, TypeError, OverflowError) as error:
            self._quarantine(Unreadable("bad text", str(error)), where)
            return
        self.used += 1
        for pair, row in zip(outcome.pairs, stored, strict=True):
            self._note_pair(pair, row, where)

    def _note_pair(self, pair: GivenPair, stored: dict[str, Any], where: str) -> None:
        self.pairs += 1
        self.ratings += len(pair.ratings)
        self.attributes.update(rating.attribute for rating in pair.ratings)
        self.spans += len(pair.spans)
        self.unlabelled += not pair.labels
        self.materials.update(material.kind for material in pair.materials)
        preferred = [annotation["label"] for annotation in stored["annotations"] if annotation["label"] in ("a", "b")]
        if preferred:
            taken = zip(RULES, picks(stored["response_a_text"], stored["response_b_text"]), strict=False)
            self.taken.update(
                (rule, label == side)
                for rule, side in taken
                if rule in _TOLD and side is not None
                for label in preferred
            )
        for label, annotation in zip(pair.labels, stored["annotations"], strict=True):
            self._note_label(label, annotation, stored["comparison_id"])
        if len(self.examples) < 2 and (pair.labels or not self.examples):
            self.examples.append(example(pair, stored, where))

    def _note_label(self, label: GivenLabel, annotation: dict[str, Any], comparison: str) -> None:
        self.annotators[label.annotator, label.kind] += 1
        self.attributes[label.attribute] += 1
        if label.verdict is None:
            self.silent[label.parse_status] += 1
            if label.parse_status == "unparsed":
                self.unparsed[label.raw_output or ""] += 1
            return
        self.given[str(label.verdict)] += 1
        self.stored[annotation["label"]] += 1
        if label.verdict not in _PREFERENCES:
            return
        if label.order is not Order.UNKNOWN:
            first_shown = (label.order is Order.FIRST_SHOWN_FIRST) == (label.verdict is Verdict.FIRST)
            self.shown["first_shown" if first_shown else "second_shown"] += 1
        self.votes.append(
            Vote(
                comparison_id=comparison,
                source=self.source,
                annotator=annotation["annotator"],
                kind=label.kind,
                attribute=label.attribute,
                label=annotation["label"],
                shown={"ab": "a", "ba": "b"}.get(annotation["order_shown"], ""),
                swapped=label.order is Order.SECOND_SHOWN_FIRST,
            )
        )


def example(pair: GivenPair, stored: dict[str, Any], where: str) -> Example:
    """A pair in words: both what the row says and how it is stored."""
    opinions = tuple(
        opinion(label, annotation["label"], pair)
        for label, annotation in zip(pair.labels, stored["annotations"], strict=True)
    )
    texts = [shortened(render(messages)) for messages in (pair.prompt, pair.first, pair.second)]
    return Example(where, texts[0], texts[1], texts[2], opinions)


def opinion(label: GivenLabel, stored: str | None, pair: GivenPair) -> str:
    """A label in words: `kim (a person) preferred the first: "Because…"; stored as b`."""
    about = "" if label.attribute == "overall" else f" on {shortened(label.attribute, 40)}"
    who = f"{shortened(label.annotator, 40)} ({KIND_WORDS[label.kind]}){about}"
    if label.verdict is None:
        said = shortened(label.raw_output or "", 60)
        return f"{who} " + _SILENT.get(label.parse_status, f"said what could not be understood: {said!r}")
    words = f"{who} {_VERDICTS[label.verdict]}"
    if label.verdict in _PREFERENCES:
        better = pair.first if label.verdict is Verdict.FIRST else pair.second
        words += f": “{shortened(render(better), 60)}”"
    return f"{words}; {_shown(label.order)}; stored as {stored}"


def _shown(order: Order) -> str:
    if order is Order.UNKNOWN:
        return "the order shown is not known"
    return f"the {'first' if order is Order.FIRST_SHOWN_FIRST else 'second'} was shown first"


def shortened(text: str, width: int = WIDTH) -> str:
    """The start of a text on one line, without what could steer a terminal."""
    visible = "".join(c if not unicodedata.category(c).startswith("C") else " " for c in text[: 4 * width])
    line = " ".join(visible.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def builder_of(reader: Reader) -> PairBuilder | None:
    """What makes pairs for the readers that are described by field names."""
    return reader.builder if isinstance(reader, MappingReader | HfPreferenceReader | DatasetsReader) else None


def never_there(seen: Understanding) -> list[str]:
    """A complaint for each path that leads nowhere in every row, with the name that may have been meant."""
    return [
        f"{what}: {looked.message}; looked for {looked.tried:,} times"
        for (what, _), looked in sorted(seen.looked_up.items())
        if not looked.found and looked.message is not None
    ]


def not_read(seen: Understanding, builder: PairBuilder) -> list[str]:
    """The keys of the rows that no field reads."""
    return sorted(set(seen.keys) - builder.names())
