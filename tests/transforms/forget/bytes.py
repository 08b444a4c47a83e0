"""Where a word stands in a store, in any file of it, compressed or not."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def holders(root: str | Path, *words: str) -> list[str]:
    """The files of a store that hold one of some words, as ``file: word``."""
    files = sorted(path for path in Path(root).rglob("*") if path.is_file())
    return [
        f"{path.relative_to(root)}: {word}"
        for path in files
        for content in [_content(path)]
        for word in words
        if word in content
    ]


def _content(path: Path) -> str:
    plain = path.read_bytes().decode("utf-8", "replace")
    if plain.startswith("PAR1"):
        about = pq.read_metadata(path).metadata
        return f"{plain} {json.dumps(pq.read_table(path).to_pylist(), ensure_ascii=False, default=str)} {about}"
    if path.suffix == ".arrow":
        return f"{plain} {json.dumps(pa.ipc.open_file(path).read_all().to_pylist(), ensure_ascii=False, default=str)}"
    return plain
