"""The whole line into a store at s3://, its source there too, while the server goes down and the line to it is bad: a local run's bytes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.line import SOURCES, config, contents, prefcurate
from tests.s3_server import BUCKET, KEY, SECRET, FaultyProxy, Seeded, bucket_files, environment, s3_server

SEED = 20
BAD_LINE = {"refuse": 0.005, "reset": 0.005, "lost": 0.005, "refused_after": 0.003, "half": 0.005, "slow": 0.003}
"""Chances of the faults of a request; see `tests.s3_server.Fault`."""
UP_FOR = 2000
"""Requests that the server answers before it goes down: some stages are finished then, and not all."""
EXPERTS = next(source for source in SOURCES if source["name"] == "lfqa")
SMALL: dict[str, Any] = {"gold": {"sources": ["lfqa"], "audit": 0.5}, "shards": 1}


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    with s3_server(tmp_path) as upstream, FaultyProxy(upstream) as found:
        for name, value in environment(found.endpoint).items():
            monkeypatch.setenv(name, value)
        bucket_files(upstream).put(EXPERTS["path"], f"{BUCKET}/data/lfqa", recursive=True)
        yield found


def test_a_store_at_s3_behind_a_bad_line_has_the_bytes_of_a_local_one(proxy, tmp_path):
    source = EXPERTS | {"path": f"s3://{BUCKET}/data/lfqa"}
    prefcurate("run", str(config(tmp_path / "local", [source], **SMALL)), "--direct_num_workers=1")
    at_s3 = str(config(tmp_path / "at-s3", [source], **SMALL, store=f"s3://{BUCKET}/store"))
    proxy.choose = lambda method, path: "refuse" if proxy.seen["requests"] > UP_FOR else None
    printed = prefcurate("run", at_s3, "--direct_num_workers=1", status=1)
    assert re.search("^ *ingest ", printed, re.MULTILINE) and not re.search("^ *report ", printed, re.MULTILINE)
    last = printed.splitlines()[-1]
    assert last.startswith("prefcurate: ") and f"s3://{BUCKET}/" in last and "the same command goes on" in last
    assert "Traceback" not in printed and KEY not in printed and SECRET not in printed
    proxy.choose = Seeded(SEED, BAD_LINE)
    prefcurate("run", at_s3, "--direct_num_workers=1")
    assert set(BAD_LINE) <= set(proxy.seen), f"seed {SEED}"
    proxy.choose = lambda method, path: None
    assert contents(f"s3://{BUCKET}/store") == contents(tmp_path / "local" / "store"), f"seed {SEED}"
