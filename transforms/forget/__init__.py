"""Forgetting: a source, a prompt or an annotator leaves every table, every older version and everything beside the tables."""
