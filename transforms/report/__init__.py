"""One page that says what happened to every row, what it cost and how good it is."""
