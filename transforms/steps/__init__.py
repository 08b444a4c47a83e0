"""The steps that every stage is made of: units of work, parts, one commit, counters."""
