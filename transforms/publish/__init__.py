"""Selection, splits, sharded Parquet releases, card and manifest."""
