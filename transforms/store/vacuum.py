"""Sweeping what nobody needs any more: what crashes left, and what old versions of tables held."""

import posixpath

from prefcurate.transforms.store.files import join, listed, remove
from prefcurate.transforms.store.store import Store


def sweep_temporary(store: Store) -> int:
    """Removes the temporary files of writers that died, and says how many; for whoever holds the lease: no other writer lives."""
    found = [path for path in listed(store.root) if _is_temporary(store, path)]
    for path in found:
        remove(path)
    remove(join(store.root, "_tmp"))
    return len(found)


def _is_temporary(store: Store, path: str) -> bool:
    name = posixpath.basename(path)
    within = path.removeprefix(store.root).lstrip("/")
    return within.startswith("_tmp/") or (name.startswith(".") and name.endswith(".tmp"))
