"""How each annotator works: agreement, leanings, habits, speed, drift, and what of it excludes chance."""
