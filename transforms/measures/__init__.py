"""Measurable properties of a response against its prompt: what programs that annotate and criteria of rubrics rest on.

All functions are pure and deterministic: text in, a number or a truth value out, whatever the language.
"""
