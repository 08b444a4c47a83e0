"""Makes a golden store: what this version of prefcurate writes, kept so that later versions prove that they open it.

    .venv/bin/python -m tests.golden.make_store NAME      writes tests/golden/NAME.tar.xz, a new one; never overwrite an old one
    .venv/bin/python -m tests.golden.make_store --expect NAME    rewrites tests/golden/NAME.json: what a run of today's version makes
                                                          of it; when an algorithm was changed on purpose

The rows are the first of `examples/data/prd-lfqa` (MIT; see the PROVENANCE there): 24 in the store, 6 that it has not read.
"""

import gzip
import json
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.line import DATA, LFQA, config, contents, start

HERE = Path(__file__).parent
ROWS, MORE = 24, 6


def source(name: str) -> dict[str, object]:
    """A source of the golden store: a file beside its configuration."""
    return {"name": name, "path": f"{name}.jsonl", "licence": "MIT", "fields": LFQA}


def make(name: str) -> None:
    """Writes the archive of a golden store, its configuration and its data."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / name
        lines = _lines()
        root.mkdir()
        (root / "lfqa.jsonl").write_text("\n".join(lines[:ROWS]) + "\n", encoding="utf-8")
        (root / "more.jsonl").write_text("\n".join(lines[ROWS : ROWS + MORE]) + "\n", encoding="utf-8")
        path = config(root, [source("lfqa")], benchmarks=[], annotators=[], gold={"sources": ["lfqa"], "audit": 0.5})
        _run(path)
        with tarfile.open(HERE / f"{name}.tar.xz", "x:xz") as archive:
            archive.add(root, name, filter=_plain)
    expect(name)


def expect(name: str) -> None:
    """Writes what an unchanged run of this version leaves of a golden store."""
    with TemporaryDirectory() as folder:
        root = unpack(name, Path(folder))
        _run(root / "config.yaml")
        told = json.dumps(kept(root), indent=1, sort_keys=True)
    (HERE / f"{name}.json").write_text(told + "\n", encoding="utf-8")


def kept(root: Path) -> dict[str, str]:
    """What is compared of a golden store: all but the report's page, which holds whichever drawing library is installed."""
    return {name: told for name, told in contents(root / "store").items() if name != "report/index.html"}


def unpack(name: str, folder: Path) -> Path:
    """Unpacks a golden store into a folder and gives its root."""
    with tarfile.open(HERE / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / name


def _run(path: Path) -> None:
    process = start("run", str(path), "--direct_num_workers=1")
    printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit(printed)


def _lines() -> list[str]:
    file = min((DATA / "prd-lfqa").glob("*.jsonl*"))
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return content.decode().splitlines()


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    # The report's page is five megabytes of a drawing library.
    if "/_tmp" in member.name or member.name.endswith("/report/index.html"):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    expect(sys.argv[2]) if sys.argv[1] == "--expect" else make(sys.argv[1])
