"""Prompt and response vectors."""
