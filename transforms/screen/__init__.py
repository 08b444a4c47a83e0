"""Near duplicates, contamination, bad responses: flags with evidence, nothing is deleted."""
