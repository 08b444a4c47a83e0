"""Money that is set aside before a batch is asked, so that a crash cannot make a store forget what it may have spent.

A batch first writes a file that names its questions and the most that each may cost; when its calls are written the file goes.
A file whose run is dead stands for requests that may have been made: they become rows of `calls` with the status
``lost`` at that price (`settle_dead`). So the cap holds whatever is killed when, and a crash costs at most the batch in flight.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from prefcurate.schemas.canonical import canonical_json, stable_hash
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.chat import Asked, Request, same_call
from prefcurate.transforms.annotate.pending import Site, pending_parts, rows_of, steady
from prefcurate.transforms.store.files import join, listed, read_bytes, remove, write_bytes
from prefcurate.transforms.store.store import Store


@dataclass
class Purse:
    """What one unit may still spend, in USD; None is without a cap. For one thread."""

    left: float | None

    def take(self, usd: float) -> bool:
        """Sets money aside, if there is enough."""
        if self.left is None:
            return True
        if usd > self.left:
            return False
        self.left -= usd
        return True

    def put_back(self, usd: float) -> None:
        """What was set aside and not spent (negative when more was spent than set aside)."""
        if self.left is not None:
            self.left += usd


@dataclass
class Reservation:
    """The money of one batch in flight; a `prefcurate.transforms.annotate.client.Payer`."""

    site: Site
    label: str
    purse: Purse
    asked: dict[str, Request] = field(default_factory=dict)
    reserved: dict[str, float] = field(default_factory=dict)
    charged: dict[str, float] = field(default_factory=dict)

    @classmethod
    def open(
        cls, site: Site, purse: Purse, requests: Sequence[tuple[Request, float]], spent_before: float
    ) -> "Reservation":
        """Sets aside the worst price of one try for as many of the requests, in their order, as the purse allows."""
        covered = []
        for request, usd in requests:
            if not purse.take(usd):
                break
            covered.append((request, usd))
        # What the unit spent before is part of the name: after a loss the same batch is another reservation, as it is where
        # an engine runs a unit twice at once.
        keys = [(request.key, request.calls_before) for request, _ in covered]
        label = stable_hash("batch", site.run_id, site.unit, site.attempt, spent_before, keys)
        made = cls(
            site,
            label,
            purse,
            {request.key: request for request, _ in covered},
            {request.key: usd for request, usd in covered},
            {request.key: 0.0 for request, _ in covered},
        )
        made._write()
        return made

    @property
    def requests(self) -> list[Request]:
        """Those that may be asked."""
        return list(self.asked.values())

    def cover(self, request: Request, usd: float) -> bool:
        """Whether another try may be made; sets more aside when earlier tries may have been billed."""
        missing = self.charged[request.key] + usd - self.reserved[request.key]
        if missing <= 1e-12:
            return True
        if not self.purse.take(missing):
            return False
        self.reserved[request.key] += missing
        self._write()
        return True

    def charge(self, request: Request, usd: float) -> None:
        """What a try cost."""
        self.charged[request.key] += usd

    def close(self) -> float:
        """When the batch's calls are written: puts back what is left, removes the file, gives what was spent."""
        spent = sum(self.charged.values())
        self.purse.put_back(sum(self.reserved.values()) - spent)
        remove(self._path)
        return spent

    @property
    def _path(self) -> str:
        site = self.site
        return join(_folder(site.store, site.stage), _run_key(site.run_id), site.unit, f"{self.label}.json")

    def _write(self) -> None:
        if not any(self.reserved.values()):
            return
        site = self.site
        questions = [
            {"key": key, "prompt_id": r.prompt_id, "comparison_id": r.comparison_id, "usd": self.reserved[key]}
            for key, r in self.asked.items()
        ]
        content = {
            "run": site.run_id,
            "unit": site.unit,
            "shard": site.shard,
            "stage": site.stage,
            "annotator": site.annotator,
            "fingerprint": site.fingerprint,
            "label": self.label,
            "call_ids": [r.call_id(r.calls_before) for r in self.asked.values()],
            "questions": questions,
        }
        write_bytes(self._path, canonical_json(content).encode())


def settle_dead(store: Store, stage: str, *, living_run: str) -> None:
    """Turns the reservations that dead runs of a stage left into pending rows of `calls` with the status ``lost``."""
    alive = f"/{_run_key(living_run)}/"
    for path in listed(_folder(store, stage), ".json"):
        if alive not in path:
            _settle(store, path)


def settle_unit(site: Site) -> None:
    """The same for an earlier attempt of one unit, which an engine runs again within a run."""
    for path in listed(join(_folder(site.store, site.stage), _run_key(site.run_id), site.unit), ".json"):
        _settle(site.store, path)


def _settle(store: Store, path: str) -> None:
    found = json.loads(read_bytes(path))
    names = ("stage", "unit", "shard", "annotator", "fingerprint")
    site = Site(store, run_id=found["run"], **{name: found[name] for name in names})
    if not _calls_were_written(site, {same_call(call_id) for call_id in found["call_ids"]}):
        site.write("calls", _lost_rows(site, found["label"], found["questions"]))
    remove(path)


def _calls_were_written(site: Site, calls: set[str]) -> bool:
    """Whether the run died after the batch's calls were written and before its reservation was removed."""

    def look() -> list[str]:
        parts = [p.part for p in pending_parts(site.store, site.stage, "calls", site.shard) if p.unit == site.unit]
        found: list[str] = rows_of(parts, ["call_id"])["call_id"].to_pylist()
        return found

    return not calls.isdisjoint(map(same_call, steady(look)))


def _lost_rows(site: Site, label: str, questions: Sequence[dict[str, object]]) -> pa.Table:
    rows = [
        {
            "prompt_id": question["prompt_id"],
            "call_id": stable_hash("call lost", label, question["key"]),
            "comparison_id": question["comparison_id"],
            "stage": site.stage,
            "annotator": site.annotator,
            "fingerprint": site.fingerprint,
            "tokens_in": 0,
            "tokens_out": 0,
            "price_usd": question["usd"],
            "status": "lost",
            "detail": "in flight when a run died; the worst price is assumed to be spent",
        }
        for question in questions
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["calls"].schema)


def call_rows(site: Site, outcomes: Sequence[Asked]) -> pa.Table:
    """Every HTTP request of a batch as a row of the table `calls`."""
    rows = [
        {
            "prompt_id": asked.request.prompt_id,
            "call_id": call.call_id,
            "comparison_id": asked.request.comparison_id,
            "stage": site.stage,
            "annotator": site.annotator,
            "fingerprint": site.fingerprint,
            "model_returned": call.model_returned,
            "tokens_in": call.tokens_in,
            "tokens_out": call.tokens_out,
            "price_usd": call.price_usd,
            "status": call.status,
            "detail": call.detail,
        }
        for asked in outcomes
        for call in asked.calls
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["calls"].schema)


def _folder(store: Store, stage: str) -> str:
    return join(store.root, "_reservations", stage)


def _run_key(run_id: str) -> str:
    return stable_hash("run", run_id)[:16]
