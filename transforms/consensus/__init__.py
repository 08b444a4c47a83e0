"""Weighs all annotations of a pair and decides what is published."""
