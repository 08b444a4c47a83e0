"""What a person must be told after asking: what was not asked and why, what failed, and whether somebody else answered."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prefcurate.transforms.annotate.annotator import Annotator
from prefcurate.transforms.annotate.asking import Asking
from prefcurate.transforms.steps.commit import Finished
from prefcurate.transforms.store.snapshot import Snapshot

What = Literal["budget", "endpoint", "failed", "unparsed", "unfitted", "model"]
UNFINISHED = ("annotate.unasked", "annotate.failed")
"""Keys of the ledger entry's detail that mean: running the stage again would ask more."""

_TOLD: dict[What, tuple[str, str]] = {
    "budget": (
        "annotate.unasked",
        "{n} questions not asked: the money set aside is used up; run again for what came back, or raise `budget`",
    ),
    "endpoint": (
        "annotate.unasked",
        "{n} questions not asked: the endpoint is down ({detail}); mend that and run again",
    ),
    "failed": ("annotate.failed", "{n} questions failed in every try; `calls` says how; run again to ask them again"),
    "unparsed": ("annotate.unparsed", "{n} questions have answers without a readable verdict, in every attempt"),
    "unfitted": ("annotate.unfitted", "{n} questions not answered: there is too little to learn from"),
}


@dataclass(frozen=True, order=True)
class Remark:
    """A number of questions of an annotator of which something must be said; of `model`, replies by the model `detail`."""

    annotator: str
    what: What
    n: int
    detail: str = ""


def remarks_of_unit(annotator: str, asking: Asking) -> Iterator[Remark]:
    """What one unit has to say."""
    account = asking.account
    counts: tuple[tuple[What, int, str], ...] = (
        ("budget", account.unasked_budget, ""),
        ("endpoint", account.unasked_endpoint, account.down),
        ("failed", account.failed, ""),
        ("unparsed", asking.unparsed, ""),
        *(("model", n, model) for model, n in asking.models.items()),
    )
    for what, n, detail in counts:
        if n:
            yield Remark(annotator, what, n, detail)


def told(annotator: Annotator, remarks: Iterable[Remark], snapshot: Snapshot) -> Iterator[Finished]:
    """One line for each thing to be said of an annotator, from the remarks of all its units."""
    remarks = sorted(remarks)
    for what, (key, words) in _TOLD.items():
        mine = [remark for remark in remarks if remark.what == what]
        if mine:
            said = words.format(n=sum(remark.n for remark in mine), detail=mine[0].detail)
            yield Finished(key, f"{annotator.annotator}: {said}")
    now = {remark.detail for remark in remarks if remark.what == "model"}
    before = models_before(annotator, snapshot)
    if len(now | before) > 1:
        yield Finished(
            "annotate.model_changed",
            f"{annotator.annotator}: answered by {_listed(now)}{f', before by {_listed(before)}' if before else ''}; "
            "if the change matters, set `revision` to ask everything anew",
        )


def unfinished(detail: Mapping[str, Sequence[str]]) -> list[str]:
    """The lines of a ledger entry's detail for which the stage must not count as up to date: there is more to ask."""
    return [line for key in UNFINISHED for line in detail.get(key, ())]


def models_before(annotator: Annotator, snapshot: Snapshot) -> set[str]:
    """The model names that the endpoint returned under this fingerprint in committed calls."""
    with snapshot.connect(["calls"]) as connection:
        query = "SELECT DISTINCT coalesce(model_returned, '') FROM all_calls WHERE fingerprint = ? AND status = 'ok'"
        return {row[0] for row in connection.sql(query, params=[annotator.fingerprint()]).fetchall()}


def _listed(models: Iterable[str]) -> str:
    return ", ".join(sorted(repr(model) for model in models))
