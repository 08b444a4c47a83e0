"""Criteria proposed by contrast and kept only where they reproduce trusted labels."""
