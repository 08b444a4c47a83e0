"""Parts of ours that come again after their commit (a run died before it cleared them away) add nothing."""

import pyarrow as pa
import pyarrow.parquet as pq

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.merge import merge_parts
from prefcurate.transforms.store.parts import write_part
from prefcurate.transforms.store.store import Store


def ours(store, *ids):
    rows = [{"prompt_id": "p", "annotation_id": i, "fingerprint": "f", "label": "a"} for i in ids]
    table = pa.Table.from_pylist(rows, schema=TABLES["annotations"].schema)
    return write_part(store.root, "annotations", 0, [table], pending="annotate")


def test_annotations_without_row_hash_are_known_again(tmp_path):
    store = Store(str(tmp_path), 1)
    store.create()
    base = store.delta("annotations").version()
    first = merge_parts(store, [ours(store, "x", "y")], base)
    committed = store.commit("annotations", [first], base=base, replace=False, transaction="t", metadata={})
    assert merge_parts(store, [ours(store, "x", "y")], committed) is None
    again = merge_parts(store, [ours(store, "x", "y"), ours(store, "y", "z")], committed)
    assert store.dataset("annotations", committed).count_rows() == 2
    assert pq.read_table(again.path, columns=["annotation_id"])["annotation_id"].to_pylist() == ["z"]
