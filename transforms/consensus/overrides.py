"""Overrides: a CSV file in which people put their word above the consensus."""

import csv
import hashlib
import io

from prefcurate.schemas.errors import WrongSetting
from prefcurate.transforms.consensus.decide import Override
from prefcurate.transforms.store.files import exists, read_bytes

COLUMNS = ("comparison_id", "label", "who", "why")
_LABELS = {"a": "a", "b": "b", "drop": None}


class OverridesError(WrongSetting):
    """A line of the overrides file cannot be used: the message names file, line, value and remedy."""


def overrides_digest(path: str) -> str:
    """Of the file's bytes; "" where there is none."""
    return hashlib.sha256(read_bytes(path)).hexdigest() if exists(path) else ""


def read_overrides(path: str) -> dict[str, Override]:
    """The overrides of a file with the columns comparison_id, label (a, b or drop), who, why.

    Raises:
        OverridesError: the file is missing, has other columns, or a line is incomplete or contradicts another.
    """
    if not exists(path):
        raise OverridesError(f"overrides: there is no file {path}")
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OverridesError(f"{path}: byte {error.start} is not UTF-8; save the file as CSV UTF-8") from error
    rows = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise OverridesError(f"{path}: the column {missing[0]!r} is missing; it needs {', '.join(COLUMNS)}")
    overrides: dict[str, Override] = {}
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        values = {name: (row[name] or "").strip() for name in COLUMNS}
        empty = [name for name, value in values.items() if not value]
        if empty:
            raise OverridesError(f"{where}: {empty[0]} is empty; an override says who decided it and why")
        label = values["label"].lower()
        if label not in _LABELS:
            raise OverridesError(f"{where}: label {values['label']!r} is none of a, b, drop")
        word = Override(_LABELS[label], values["who"], values["why"])
        if overrides.setdefault(values["comparison_id"], word) != word:
            raise OverridesError(f"{where}: {values['comparison_id']} stands twice with different words")
    return overrides
