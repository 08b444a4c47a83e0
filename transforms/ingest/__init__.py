"""Sources in, comparisons, occurrences and annotations out; every input row accounted for."""
