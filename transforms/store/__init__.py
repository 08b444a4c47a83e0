"""The store: Delta tables of content-named Parquet parts, pinned for reading, committed once a stage."""
