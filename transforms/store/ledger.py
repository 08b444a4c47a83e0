"""An entry of the ledger: what one finished run of one stage was of, and what it made."""

import json
from collections.abc import Mapping
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
