"""A mapped source through the real ingest stage: every label, orientation and annotator by a count of its own."""

import csv
import gzip
import unicodedata
from collections import Counter
from pathlib import Path

from prefcurate.schemas.canonical import response_id
from prefcurate.schemas.records import Message
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.store.store import Store
from tests.helpers import ingest

WORDS = {"1": "a", "2": "b", "0": "tie", "9": "both_bad"}
FIELDS = {
    "prompt": "question",
    "response_a": "left",
    "response_b": "right",
    "label": {"path": "vote", "values": WORDS},
    "annotator": "worker",
    "kind": {"constant": "person"},
    "order": {"path": "swapped", "values": {True: "ba", False: "ab"}},
    "row_id": "id",
}


def rows(count: int = 90) -> list[dict[str, str]]:
    votes = ["1", "2", "0", "9", "", "7"]
    return [
        {
            "id": f"r{i}",
            "question": f"Which, {i % 30}?\nSay.",
            "left": f"Ca\u0301fe {i % 30}",
            "right": f'"right" {i % 30}',
            "vote": votes[i % 6] if i % 5 else "1",
            "worker": f"w{i % 4}",
            "swapped": "yes" if i % 3 else "no",
        }
        for i in range(count)
    ]


def store_of(tmp_path: Path, given: list[dict[str, str]]) -> Store:
    path = tmp_path / "votes.csv.gz"
    with gzip.open(path, "wt", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, given[0])
        writer.writeheader()
        writer.writerows(given)
    source = SourceOptions.model_validate({"name": "team", "format": "mapping", "path": str(path), "fields": FIELDS})
    return ingest(tmp_path / "store", [source])


def is_turned(row: dict[str, str]) -> bool:
    """Whether the row's right answer is response_a, by hand."""
    left, right = (
        response_id([Message.of_text("assistant", unicodedata.normalize("NFC", row[side]))])
        for side in ("left", "right")
    )
    return right < left


def expected(given: list[dict[str, str]]) -> Counter:
    """(annotator, label, order) of every row with a label that is known."""
    found: Counter = Counter()
    for row in given:
        if row["vote"] not in WORDS:
            continue
        label, order = WORDS[row["vote"]], "ba" if row["swapped"] == "yes" else "ab"
        if is_turned(row):
            label, order = {"a": "b", "b": "a"}.get(label, label), order[::-1]
        found[f"person:team/{row['worker']}", label, order] += 1
    return found


def table(store: Store, name: str, *columns: str) -> list[tuple]:
    found = store.dataset(name).to_table(columns=list(columns)).to_pylist()
    return [tuple(row[column] for column in columns) for row in found]


def test_every_row_is_stored_as_it_was_meant(tmp_path):
    given = rows()
    store = store_of(tmp_path, given)
    assert Counter(table(store, "annotations", "annotator", "label", "order_shown")) == expected(given)
    unknown = [row for row in given if row["vote"] == "7"]
    quarantined = table(store, "quarantine", "reason", "detail")
    assert len(quarantined) == len(unknown) > 0
    assert set(quarantined) == {("unknown label", "'vote' is '7'; known values: '1', '2', '0', '9'")}
    assert len(table(store, "occurrences", "row_id")) == len(given) - len(unknown)
    turned = {row["id"]: is_turned(row) for row in given}
    assert len(set(turned.values())) == 2
    assert all(turned[row_id] == reversed_ for row_id, reversed_ in table(store, "occurrences", "row_id", "reversed"))
