"""The plain functions under the vote matrix, by hand."""

import numpy as np
import pyarrow as pa

from prefcurate.transforms.consensus.votes import named, neighbours


def test_neighbours_are_every_two_of_a_group_once():
    group = np.array([0, 0, 0, 2, 3, 3])
    met = {
        (left, right)
        for lefts, rights in neighbours(group)
        for left, right in zip(lefts.tolist(), rights.tolist(), strict=True)
    }
    assert met == {(0, 1), (1, 2), (0, 2), (4, 5)}
    assert list(neighbours(np.array([4]))) == list(neighbours(np.zeros(0, np.int64))) == []


def test_names_are_numbered_in_their_order_whatever_the_chunks():
    kind = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([("who", kind), ("family", kind)])
    parts = [
        pa.Table.from_pylist([{"who": w, "family": f} for w, f in rows], schema=schema)
        for rows in ([("b", "x"), ("a", "y")], [("a", "y"), ("a", "x")], [])
    ]
    number, names = named(pa.concat_tables(parts).unify_dictionaries().columns)
    assert names == [("a", "x"), ("a", "y"), ("b", "x")]
    assert number.tolist() == [2, 1, 1, 0]
