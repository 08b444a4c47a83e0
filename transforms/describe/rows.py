"""Rows of the table `attributes`."""

from collections.abc import Mapping

from prefcurate.transforms.store.snapshot import Snapshot


def attribute_rows(prompt_id: str, values: Mapping[str, str], fingerprint: str) -> list[dict[str, str]]:
    """One row of `attributes` for each value, sorted by name."""
    return [
        {"prompt_id": prompt_id, "name": name, "value": values[name], "fingerprint": fingerprint}
        for name in sorted(values)
    ]


def described(snapshot: Snapshot, shard: int, fingerprint: str) -> frozenset[str]:
    """The prompts of a shard that have attributes under a fingerprint."""
    with snapshot.connect(["attributes"], shard) as connection:
        query = "SELECT DISTINCT prompt_id FROM attributes WHERE fingerprint = ?"
        return frozenset(row[0] for row in connection.execute(query, [fingerprint]).fetchall())
