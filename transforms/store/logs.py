"""The logs of a store's tables, looked at as files: whether they are there, and whether a power cut left one empty."""

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.errors import DamagedStore
from prefcurate.transforms.store.files import described, join, listed
from prefcurate.transforms.store.parts import table_folder


def log_folder(root: str, table: str) -> str:
    """Where the log of a table lies."""
    return join(table_folder(root, table), "_delta_log")


def has_log(root: str, table: str) -> bool:
    """Whether a table has any commit; a full disk can leave the folder of its log without one."""
    return any(path.endswith((".json", ".parquet")) for path in listed(log_folder(root, table)))


def empty_commits(root: str, table: str) -> list[str]:
    """Commits without content, which a power cut can leave on a disk and which Delta reads as if nothing had happened."""
    return [file.path for file in described(log_folder(root, table), ".json") if not file.bytes]


def check_logs(root: str) -> None:
    """Looks for commits without content; an object store writes a file whole or not at all.

    Raises:
        DamagedStore: there is one; going on would be going on without its rows.
    """
    if "://" in root:
        return
    for table in TABLES:
        for path in empty_commits(root, table):
            raise DamagedStore(
                f"the log of the table {table} is damaged: {path} is empty; `prefcurate repair {root}` makes it again "
                "from the table's files"
            )
