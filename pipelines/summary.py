"""The end of `prefcurate run`."""

from rich.console import Console

from prefcurate.transforms.store.store import Store


def summary(store: Store, config: str, console: Console) -> None:
    """Prints what happened to every row, how good the labels are, and where things lie."""
