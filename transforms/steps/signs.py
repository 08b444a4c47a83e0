"""What a stage has to do, said in the store by those who plan it: progress is told from files, whatever engine runs."""

from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.files import join, listed, remove, write_bytes


def to_do(context: StageContext, shard: int, rows: int) -> None:
    """Says how many rows a shard will give; an engine may say it again."""
    # Nobody watches a graph that was kept for later.
    if rows and context.run_id:
        write_bytes(join(_folder(context), context.run_id, f"{shard}-{rows}"), b"")


def rows_to_do(context: StageContext) -> int:
    """The rows that this run's stage has to give, as far as its shards have been planned; 0 for a stage that says nothing."""
    return sum(int(name.rsplit("-", 1)[1]) for name in listed(join(_folder(context), context.run_id)))


def clear_signs(context: StageContext) -> None:
    """Removes what was said, by dead runs too."""
    remove(_folder(context))


def _folder(context: StageContext) -> str:
    return join(context.store.root, "_pending", context.stage, "to_do")
