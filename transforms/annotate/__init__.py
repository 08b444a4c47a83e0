"""Asks the configured annotators what they have not answered yet."""
