"""What shards write for the one worker, and how much of it that one holds."""

import pyarrow as pa
import pytest

from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.report.quality import shard
from prefcurate.transforms.report.quality.opinions import OPINIONS
from prefcurate.transforms.report.quality.rated import RATED
from prefcurate.transforms.report.quality.shard import OpinionPart, read_opinions, read_ratings
from prefcurate.transforms.store.parts import write_aside
from tests.transforms.report.quality.crowds import opinion


def prompt(number):
    return int(stable_hash("prompt", str(number))[:15], 16)


@pytest.fixture
def parts(tmp_path):
    """Two shards of 100 prompts each, of which each has three opinions and three ratings."""
    found = []
    for number in range(2):
        prompts = [prompt(100 * number + i) for i in range(100)]
        said = [
            opinion(f"w{k}", {"item": p, "prompt": p, "first": 1}, 1, i)
            for i, p in enumerate(prompts)
            for k in range(3)
        ]
        rated = [{"source": "s", "kind": "person", "attribute": "q", "annotator": f"w{k}", "prompt": p, "response": p, "value": 1.0 + k}
                 for p in prompts for k in range(3)]  # fmt: skip
        tables = (("opinions", said, OPINIONS), ("ratings", rated, RATED))
        written = [
            write_aside(str(tmp_path), "report", name, number, pa.Table.from_pylist(rows, schema=schema))
            for name, rows, schema in tables
        ]
        found.append(OpinionPart(number, *written, 300, 300))
    return found


def test_all_is_read_where_one_worker_holds_it(parts):
    assert (len(read_opinions(parts).who), read_ratings(parts).num_rows) == (600, 600)
    assert read_ratings([]).schema == RATED


def test_of_more_whole_prompts_are_a_sample_whatever_the_order_of_shards(parts, monkeypatch):
    monkeypatch.setattr(shard, "MOST", 300)
    said, rated = read_opinions(parts), read_ratings(parts[::-1])
    assert 200 < len(said.who) < 400
    assert set(rated["prompt"].to_pylist()) == set(said.prompt.tolist()), (
        "one prompt's opinions and ratings are told of together"
    )
    assert len(said.who) == rated.num_rows == 3 * len(set(said.prompt.tolist()))
