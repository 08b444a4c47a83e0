"""Annotators of known faults among real ones."""
