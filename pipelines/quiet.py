"""Imported first by the process that worker processes are forked from: what goes wrong in them is said once, by the launcher.

It lies outside of `launch`, whose import alone already talks.
"""

import logging
import sys

logging.basicConfig(level=logging.CRITICAL)
# DuckDB draws bars where Python has no script, and takes it for somebody typing.
sys.modules["__main__"].__file__ = __file__
