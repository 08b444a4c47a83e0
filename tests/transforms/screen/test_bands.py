"""Band hashes in files: what meets in a partition is what shares a hash, whichever shards it comes from."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from prefcurate.transforms.screen.bands import load_bands, save_bands
from prefcurate.transforms.screen.candidates import nodes, records


def test_equal_hashes_of_all_shards_meet_in_one_partition_and_nothing_is_lost(tmp_path):
    drawn = np.random.default_rng(7)
    met, given = defaultdict(list), {}
    for shard in range(3):
        hashes = drawn.integers(1, 40, size=(50, 4), dtype=np.uint64)
        given[shard] = records(hashes, nodes(shard, 50))
        for keyed, band in save_bands(
            [("pair", given[shard]), ("prompt", given[shard][:5])], str(tmp_path), "screen", shard, 8
        ):
            met[keyed].append(band)
    assert {kind for kind, _ in met} == {"pair", "prompt"}
    found = [load_bands(reversed(bands)) for (kind, _), bands in met.items() if kind == "pair"]
    owners = defaultdict(set)
    for number, of_partition in enumerate(found):
        for hashed in of_partition[:, 0].tolist():
            owners[hashed].add(number)
    assert all(len(partitions) == 1 for partitions in owners.values())
    everything = np.concatenate([given[shard] for shard in range(3)])
    assert sorted(map(tuple, np.concatenate(found).tolist())) == sorted(map(tuple, everything.tolist()))


def test_a_second_attempt_finds_its_file(tmp_path):
    kinds = [("pair", records(np.array([[5, 6]], np.uint64), nodes(0, 1)))]
    first, again = (list(save_bands(kinds, str(tmp_path), "screen", 0, 2)) for _ in range(2))
    assert first == again
    assert list(save_bands([], str(tmp_path), "screen", 1, 2)) == []
    assert len(list(Path(tmp_path).rglob("*.bands"))) == 1
