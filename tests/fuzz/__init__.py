"""Files of every kind with planted damage, through the real ingest, and exact accounts of what became of each row."""
