"""What the report says, as figures: the page and the command's last words are both made from these."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from prefcurate.transforms.accounts import SourceAccount
from prefcurate.transforms.consensus.model import AnnotatorFigures
from prefcurate.transforms.report.quality.rated import Rated
from prefcurate.transforms.report.quality.rows import AnnotatorQuality
from prefcurate.transforms.report.voices import Voice
from prefcurate.transforms.store.files import exists, join, read_bytes, write_bytes
from prefcurate.transforms.store.store import Store, StoreError

ALGORITHM = 7
"""Raised by hand when the same tables would give other figures or another page."""

Slice = Literal["all", "source", "decision", "length"]
Labels = Literal["label_in", "published", "gold"]


@dataclass(frozen=True)
class Quarantined:
    """Rows of a source that could not be used, by reason."""

    source: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Flow:
    """How many pairs consensus decided so, and what became of them: a split, or the reason why they are withheld."""

    decision: str
    outcome: str
    published: bool
    pairs: int


@dataclass(frozen=True)
class Share:
    """Agreement with gold on some pairs; a tie on one side only counts half. The interval is of 95%."""

    pairs: int
    clusters: int
    agreement: float
    low: float
    high: float


@dataclass(frozen=True)
class Change:
    """Published less incoming labels on the same pairs. The interval is of 95%."""

    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """Labels against audit gold on one slice of the pairs.

    Attributes:
        slice, name: which pairs; the slice `all` has the name "".
        gold: pairs with a gold label of side audit.
        before, after: incoming and published labels, each on all pairs that have one.
        same_before, same_after, change: both on the pairs that have both.
    """

    slice: Slice
    name: str
    gold: int
    before: Share | None
    after: Share | None
    same_before: Share | None
    same_after: Share | None
    change: Change | None


@dataclass(frozen=True)
class Longer:
    """How often labels prefer the clearly longer response, among the pairs where they prefer one and one is clearly longer."""

    labels: Labels
    audit_only: bool
    pairs: int
    longer: int


@dataclass(frozen=True)
class Spent:
    """The requests of one stage and annotator over the life of the store."""

    stage: str
    annotator: str
    status: str
    requests: int
    tokens_in: int
    tokens_out: int
    usd: float


@dataclass(frozen=True)
class Flagged:
    """Pairs with a flag; `matched` names the benchmark where one was matched, `chosen` counts the published pairs that prefer a
    response with the flag.
    """

    flag: str
    matched: str
    pairs: int
    chosen: int = 0


@dataclass(frozen=True)
class Crowd:
    """The prompt, or cluster of alike prompts, that has most pairs.

    Attributes:
        pairs, prompts: of it.
        of_pairs: of all pairs.
        cut: clusters that were too large and were cut where their texts are less alike.
        giant: clusters that are too large all the same.
    """

    pairs: int
    prompts: int
    of_pairs: int
    cut: int
    giant: int


@dataclass(frozen=True)
class Criterion:
    """A criterion of a rubric, with how often it agreed with trusted labels that it had not seen."""

    text: str
    theme: str
    status: str
    acceptance: float | None
    acceptance_low: float | None
    n: int
    reason: str


@dataclass(frozen=True)
class Queue:
    """What waits for whom, and what asking would cost."""

    queue: str
    pairs: int
    usd: float


@dataclass(frozen=True)
class Stratum:
    """What gold of side fit says of labels of one kind and one range of consensus probability.

    Attributes:
        kind: flip (against the label that came), keep (with it), assign (none came).
        low, high: the range.
        pairs, right: gold pairs in it, and those on which gold agrees; pairs of one act may count as one together.
        joined: pairs after those of less probability joined, where its own were too few; None where all together are too few.
        rate, rate_low: of right ones among those, and its lower bound (one-sided 95%).
        proven: such flips are made.
    """

    kind: str
    low: float
    high: float
    pairs: float
    right: float
    joined: float | None
    rate: float | None
    rate_low: float | None
    proven: bool


@dataclass(frozen=True)
class Proof:
    """The policy that decided, and the evidence it had; `enough` gold pairs are what it wants of a stratum."""

    policy: str
    min_accuracy: float
    enough: int
    strata: tuple[Stratum, ...]


@dataclass(frozen=True)
class Findings:
    """All figures of the report. The same state of a store gives the same figures and the same bytes.

    Attributes:
        release: the current release, None before the first.
        published: pairs of it by split.
        pairs: comparisons of the configured sources, probes not counted.
        overridden: pairs that a person's override decides.
        baseline: the longer response against audit gold, as if it were a label.
        crowd: None before the first screening.
        voices: the labels of each source, with what they may be about.
        annotators: some of them; `annotator_statuses` counts all of them.
        attention: annotators of whom something is found, the gravest first; `suspected` counts all by finding, `looked_at` how many
            had enough opinions to be looked at.
        rated: agreement of those who rated single responses.
        rubrics, criteria: how many there are of each status; `best_criteria` shows some.
        proof: None where consensus has not run, or an earlier prefcurate ran it.
    """

    algorithm: int
    release: str | None
    published: Mapping[str, int]
    withheld: int
    accounts: tuple[SourceAccount, ...]
    quarantine: tuple[Quarantined, ...]
    pairs: int
    overridden: int
    flows: tuple[Flow, ...]
    gold_configured: bool
    agreement: tuple[Agreement, ...]
    baseline: Share | None
    longer: tuple[Longer, ...]
    voices: tuple[Voice, ...]
    annotators: tuple[AnnotatorFigures, ...]
    annotator_statuses: Mapping[str, int]
    attention: tuple[AnnotatorQuality, ...]
    looked_at: int
    suspected: Mapping[str, int]
    rated: tuple[Rated, ...]
    spent: tuple[Spent, ...]
    flags: tuple[Flagged, ...]
    crowd: Crowd | None
    rubrics: Mapping[str, int]
    criteria: Mapping[str, int]
    best_criteria: tuple[Criterion, ...]
    queues: tuple[Queue, ...]
    proof: Proof | None = None

    @property
    def rows(self) -> int:
        """Input rows of all sources."""
        return sum(account.rows for account in self.accounts)

    @property
    def published_pairs(self) -> int:
        """Pairs in the current release."""
        return sum(self.published.values())

    @property
    def overall(self) -> Agreement:
        """Labels against audit gold on all pairs."""
        return next(found for found in self.agreement if found.slice == "all")

    @property
    def usd(self) -> float:
        """What all requests cost."""
        return round(sum(spent.usd for spent in self.spent), 6)


_JSON = TypeAdapter(Findings)


def report_file(root: str, name: str) -> str:
    """Where a file of the report lies: `index.html` or `report.json`."""
    return join(root, "report", name)


def save_findings(root: str, findings: Findings) -> None:
    """Writes ``STORE/report/report.json``."""
    write_bytes(report_file(root, "report.json"), _JSON.dump_json(findings, indent=1) + b"\n")


def load_findings(store: Store) -> Findings:
    """The figures of the last report.

    Raises:
        StoreError: there is no report in the store, or another version of prefcurate wrote it.
    """
    path = report_file(store.root, "report.json")
    if not exists(path):
        raise StoreError(f"there is no report in {store.root} yet; `prefcurate run CONFIG --stages report` writes one")
    try:
        return _JSON.validate_json(read_bytes(path))
    except ValueError as error:
        raise StoreError(f"{path} was written by another version of prefcurate; run the stage report again") from error
