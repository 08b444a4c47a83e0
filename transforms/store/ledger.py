"""An entry of the ledger: what one finished run of one stage was of, and what it made."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

FINGERPRINTS = "fingerprints"
"""Among the inputs of a ledger entry: what of ours took part, comma-separated. The others are states of stages."""
_JSON = ("inputs", "versions", "detail")


@dataclass(frozen=True)
class LedgerEntry:
    """One finished run of one stage (a row of the table `stages`)."""

    stage: str
    sequence: int
    run_id: str
    settings: str
    inputs: dict[str, str]
    state: str
    versions: dict[str, int]
    detail: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "LedgerEntry":
        """From a row of the table; columns that a later version added are passed over."""
        return cls(
            **{each.name: json.loads(row[each.name]) if each.name in _JSON else row[each.name] for each in fields(cls)}
        )

    def row(self) -> dict[str, Any]:
        """As a row of the table."""
        return {"prompt_id": ""} | vars(self) | {key: json.dumps(vars(self)[key], sort_keys=True) for key in _JSON}


def next_entry(
    ledger: Sequence[LedgerEntry],
    stage: str,
    run_id: str,
    settings: str,
    inputs: Mapping[str, str],
    versions: Mapping[str, int],
    detail: Mapping[str, Any],
) -> LedgerEntry:
    """The entry of a run that has ended; the stage's last one where nothing at all is different.

    Its state moves only when the stage's tables or its detail did, so that later stages need not run again after a run that changed nothing.
    """
    told = json.dumps(dict(detail), sort_keys=True)
    before = next((e for e in reversed(ledger) if e.stage == stage), None)
    same = before is not None and before.versions == dict(versions) and before.detail == json.loads(told)
    if before is not None and same and (before.settings, before.inputs) == (settings, dict(inputs)):
        return before
    moved = json.dumps([before.state if before else "", settings, dict(versions), told], sort_keys=True)
    state = before.state if before and same else hashlib.sha256(moved.encode()).hexdigest()[:16]
    sequence = 1 + max((e.sequence for e in ledger), default=0)
    return LedgerEntry(stage, sequence, run_id, settings, dict(inputs), state, dict(versions), dict(detail))
