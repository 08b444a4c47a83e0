"""An entry of the ledger: what one finished run of one stage was of, and what it made."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
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

    def after(self, ledger: Sequence["LedgerEntry"]) -> "LedgerEntry":
        """With its place and state behind those before it; the stage's last one where nothing at all is different.

        The state moves only when the stage's tables or its detail did, so that later stages need not run again after a run that
        changed nothing.
        """
        told = json.dumps(self.detail, sort_keys=True)
        before = next((e for e in reversed(ledger) if e.stage == self.stage), None)
        same = before is not None and before.versions == self.versions and before.detail == json.loads(told)
        if before is not None and same and (before.settings, before.inputs) == (self.settings, self.inputs):
            return before
        moved = json.dumps([before.state if before else "", self.settings, self.versions, told], sort_keys=True)
        state = before.state if before and same else hashlib.sha256(moved.encode()).hexdigest()[:16]
        return replace(self, sequence=1 + max((e.sequence for e in ledger), default=0), state=state)
