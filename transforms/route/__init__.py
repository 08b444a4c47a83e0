"""Spends a budget where another opinion helps most."""
