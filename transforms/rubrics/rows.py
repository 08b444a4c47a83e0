"""Rubrics and criteria as rows of their tables.

A rubric's id hashes everything that its rows say, so that new labels make a new rubric beside the old one, and the same
facts make the same rubric again. Which ones count now is a remark in the stage's ledger entry (`RUBRIC`), which a pinned
snapshot follows.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.rubrics.mine import Finding, Mined, Status
from prefcurate.transforms.rubrics.statistics import Agreement
from prefcurate.transforms.steps.commit import Finished
from prefcurate.transforms.store.parts import Part, write_part
from prefcurate.transforms.store.store import Store

RUBRIC = "rubrics"
"""The key of the ledger's remark that names the rubrics of the newest run."""
SHARD = 0
"""Rubrics are about no single prompt."""


@dataclass(frozen=True)
class Scope:
    """Where a rubric holds: the whole store, or the prompts of one theme (a value of the attribute `task`)."""

    kind: str
    theme: str | None = None
    parent: str | None = None


@dataclass(frozen=True)
class RubricRows:
    """A rubric and its criteria, ready to be stored."""

    rubric: dict[str, Any]
    criteria: tuple[dict[str, Any], ...]

    @property
    def rubric_id(self) -> str:
        """The rubric's id."""
        return str(self.rubric["rubric_id"])


def rubric_rows(scope: Scope, mined: Mined, fingerprint: str) -> RubricRows:
    """Rows of a measured rubric."""
    return make_rows(scope, mined.status, mined.found, [_criterion(f) for f in mined.findings], fingerprint)


def make_rows(
    scope: Scope, status: Status, found: Agreement, criteria: list[dict[str, Any]], fingerprint: str
) -> RubricRows:
    """Rows of a rubric from what it says and how it fared; the id is made here."""
    rubric = {
        "prompt_id": "",
        "fingerprint": fingerprint,
        "scope": scope.kind,
        "theme": scope.theme,
        "parent": scope.parent,
        "weight": round(max(0.0, 2 * found.rate - 1), 6) if status == "accepted" else 0.0,
        "status": status,
        **_numbers(found),
    }
    rubric_id = stable_hash("rubric", rubric, criteria)
    rows = tuple(
        {"prompt_id": "", "rubric_id": rubric_id, "fingerprint": fingerprint, **row}
        for row in sorted(criteria, key=lambda row: row["criterion_id"])
    )
    return RubricRows({**rubric, "rubric_id": rubric_id}, rows)


def write_rubrics(store: Store, rubrics: list[RubricRows]) -> list[Part | Finished]:
    """Writes rubrics and criteria as one part each, and says which rubrics count."""
    if not rubrics:
        return []
    rubrics = sorted(rubrics, key=lambda rows: rows.rubric_id)
    tables = {
        "rubrics": [rows.rubric for rows in rubrics],
        "criteria": [row for rows in rubrics for row in rows.criteria],
    }
    parts = [
        write_part(store.root, name, SHARD, [pa.Table.from_pylist(rows, schema=TABLES[name].schema)])
        for name, rows in tables.items()
    ]
    remarks = [Finished(RUBRIC, rows.rubric_id) for rows in rubrics]
    return [*(part for part in parts if part is not None), *remarks]


def _criterion(finding: Finding) -> dict[str, Any]:
    criterion = finding.criterion
    return {
        "criterion_id": stable_hash("criterion", criterion.kind, criterion.text, criterion.checker),
        "kind": criterion.kind,
        "text": criterion.text,
        "checker": criterion.checker,
        "weight": finding.weight,
        "status": finding.status,
        **_numbers(finding.found),
        "reason": finding.reason,
        "evidence": list(finding.evidence),
    }


def _numbers(found: Agreement) -> dict[str, Any]:
    return {
        "acceptance": round(found.rate, 6) if found.n else None,
        "acceptance_low": round(found.low, 6) if found.n else None,
        "coverage": round(found.coverage, 6),
        "n": found.n,
    }
