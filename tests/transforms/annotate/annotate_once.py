"""Runs the stage on a store, for tests that kill it: ``python -m tests.transforms.annotate.annotate_once STORE ENDPOINT RUN BUDGET``."""

import sys

from prefcurate.transforms.store.store import Store
from tests.transforms.annotate.judging import annotate, judge

if __name__ == "__main__":
    root, endpoint, run_id, budget = sys.argv[1:]
    annotate(Store.open(root), judge(endpoint), budget=float(budget), run_id=run_id)
