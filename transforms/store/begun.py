"""Which stages were begun and not ended: their tables, queues, report or current release may be half another configuration's.

A stage's mark lies in ``STORE/_begun`` from its first step until its ledger entry is written. The ledger alone cannot tell: a
run that dies after it replaced a view leaves the entry of the run before as the last one.
"""

from prefcurate.transforms.store.files import exists, join, remove, write_bytes


def mark_begun(root: str, stage: str, run_id: str) -> None:
    """Says that a run has begun a stage; an engine may say it again."""
    write_bytes(_mark(root, stage), run_id.encode())


def mark_ended(root: str, stage: str) -> None:
    """Says that a stage is whole, whoever began it."""
    remove(_mark(root, stage))


def begun(root: str, stage: str) -> bool:
    """Whether some run has begun a stage which nobody has ended since."""
    return exists(_mark(root, stage))


def _mark(root: str, stage: str) -> str:
    return join(root, "_begun", stage)
