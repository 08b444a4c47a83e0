"""Writes the files, and keeps count of what must become of every row of them."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import yaml

from tests.fuzz.kinds import INSIDE, KINDS, Kind, Planted
from tests.fuzz.rows import good_row

FIELDS = {
    "prompt": "q",
    "response_a": "one",
    "response_b": "two",
    "label": {"path": "vote", "values": {"a": "a", "b": "b", "tie": "tie"}},
    "kind": {"constant": "person"},
    "annotator": {"constant": "w"},
    "row_id": "id",
}
BROKEN, REPEATED = 0.05, 0.02
"""Of the rows, as many are damaged, and as many are repeats of a row of their source."""


@dataclass
class Expected:
    """Of one source: what becomes of its rows, by count, and of each broken one by its place."""

    merged: int = 0
    auxiliary: int = 0
    votes: dict[str, str] = field(default_factory=dict)
    """Of the rows that are used, by their id."""
    quarantine: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    """(file, line, reason)."""

    @property
    def rows(self) -> int:
        """All of them."""
        return len(self.votes) + self.merged + self.auxiliary + self.quarantine.total()


def write_corpus(folder: Path, rows: int, seed: int, of_file: int = 20_000) -> dict[str, Expected]:
    """Files of every kind below a folder with a configuration beside them; how many rows they hold lies a little about `rows`."""
    shares = sum(kind.share for kind in KINDS) + 1
    expected, sources = {}, []
    for kind in KINDS:
        expected[kind.name] = _write_kind(folder / kind.name, kind, round(rows * kind.share / shares), seed, of_file)
        sources.append({"name": kind.name, "path": kind.name, "fields": FIELDS} | kind.settings)
    expected["joined"] = _write_joined(folder / "joined", round(rows / shares / 2), seed)
    sources.append({"name": "joined", "path": "joined"} | _JOINED)
    expected["broken"] = _write_broken(folder / "broken", seed)
    sources.append({"name": "broken", "path": "broken", "fields": FIELDS})
    (folder / "fuzz.yaml").write_text(yaml.safe_dump({"store": "store", "shards": 4, "sources": sources}))
    return expected


def _write_kind(folder: Path, kind: Kind, count: int, seed: int, of_file: int) -> Expected:
    folder.mkdir(parents=True)
    told, known = Expected(), list[Planted]()
    sizes = [of_file] * (count // of_file) + [max(3, count % of_file)]
    for number, size in enumerate(sizes):
        rng = Random(f"{seed}:{kind.name}:{number}")
        planted = list(_planted(rng, kind, f"{kind.name}-{number}", size, known))
        content, lines = kind.write(planted, rng)
        name = f"part-{number:05}{kind.ending}"
        (folder / name).write_bytes(content)
        _count(told, name + INSIDE.get(kind.ending, ""), planted, lines)
    if kind.name == "jsonl":
        # The same bytes under a second name are no second opinion.
        (folder / f"zz-copy{kind.ending}").write_bytes((folder / f"part-00000{kind.ending}").read_bytes())
        told.merged += sizes[0]
    return told


def _planted(rng: Random, kind: Kind, name: str, size: int, known: list[Planted]) -> Iterator[Planted]:
    for at in range(size):
        draw = rng.random()
        if known and draw < REPEATED and at:
            yield rng.choice(known)
            continue
        row = good_row(rng, f"{name}-{at}")
        is_broken = draw > 1 - BROKEN and 0 < at < size - 1
        planted = Planted(row, rng.choice(kind.damages) if is_broken else None)
        if planted.damage is None and len(known) < 500:
            known.append(planted)
        yield planted


def _count(told: Expected, file: str, planted: list[Planted], lines: list[int]) -> None:
    for one, line in zip(planted, lines, strict=True):
        if one.damage is not None:
            told.quarantine[file, line, one.damage.reason] += 1
        elif one.row["id"] in told.votes:
            told.merged += 1
        else:
            told.votes[one.row["id"]] = one.row["vote"]


_JOINED: dict[str, Any] = {
    "file_name": r"votes-(?P<who>[a-z]+)\.jsonl",
    "join": [
        {
            "as": name,
            "files": "answers/*.csv",
            "key": "{@file.model}/{id}",
            "on": on,
            "file_name": r"(?P<model>.+)\.csv",
        }
        for name, on in (("one", "{m1}/{item}"), ("two", "{m2}/{item}"))
    ],
    "fields": FIELDS | {"prompt": "q", "response_a": "one.text", "response_b": "two.text", "annotator": "@file.who"},
}


def _write_joined(folder: Path, count: int, seed: int) -> Expected:
    """Votes on answers of two models, which lie in files of their own; some votes are on answers that nobody has."""
    rng, told = Random(f"{seed}:joined"), Expected()
    (folder / "answers").mkdir(parents=True)
    rows = [good_row(rng, f"joined-{at}") for at in range(max(10, count // 3))]
    for model, side in (("x", "one"), ("y", "two")):
        lines = [b"id,text"] + [
            b"%d,%s" % (at, row[side].translate(str.maketrans('",\n', "   ")).encode()) for at, row in enumerate(rows)
        ]
        (folder / "answers" / f"{model}.csv").write_bytes(b"\n".join([*lines, b",no id"]) + b"\n")
        told.auxiliary += len(rows)
        told.quarantine[f"answers/{model}.csv", len(rows) + 2, "field missing"] += 1
    with (folder / "votes-ann.jsonl").open("w") as stream:
        for at, row in enumerate(rows):
            is_lost = rng.random() < BROKEN and at > 1
            vote = {key: row[key] for key in ("id", "q", "vote")} | {
                "m1": "x",
                "m2": "z" if is_lost else "y",
                "item": at,
            }
            stream.write(json.dumps(vote) + "\n")
            if is_lost:
                told.quarantine["votes-ann.jsonl", at + 1, "field missing"] += 1
            else:
                told.votes[row["id"]] = row["vote"]
    return told


def _write_broken(folder: Path, seed: int) -> Expected:
    """Files of which nothing can be used, and one of which nothing is there."""
    folder.mkdir(parents=True)
    told = Expected()
    rng = Random(f"{seed}:broken")
    files = {
        "picture.jsonl": (b"\x89PNG\r\n" + rng.randbytes(5000), "wrong format"),
        "page.csv": (b"<html><p>404</html>\n", "wrong format"),
        "cut.parquet": (b"PAR1" + rng.randbytes(300), "bad Parquet"),
        "no.arrow": (b"\xff\xff\xff\xff" + rng.randbytes(300), "bad Arrow"),
        "no.xlsx": (rng.randbytes(300), "bad workbook"),
        "not.jsonl.zst": (b"{}" + rng.randbytes(30), "file broken off"),
        "not.jsonl.bz2": (b"{}" + rng.randbytes(30), "file broken off"),
        "empty.jsonl": (b"", ""),
        "blank.csv": (b"\n\n", ""),
    }
    for name, (content, reason) in files.items():
        (folder / name).write_bytes(content)
        if reason:
            told.quarantine[name, 1, reason] += 1
    return told
