"""`prefcurate vacuum STORE`: removes what crashes left and what old versions of tables held."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from prefcurate.schemas.errors import WrongSetting
from prefcurate.transforms.store.lease import Lease, new_run_id
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.vacuum import Swept
from prefcurate.transforms.store.vacuum import vacuum as vacuum_store

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(\d+)([smhdw]?)")


def duration(text: str) -> float:
    """Seconds of `7d`, `12h`, `30m`, `2w` or `0`.

    Raises:
        WrongSetting: it is no duration.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or (not found[2] and int(found[1])):
        raise WrongSetting(f"--older-than {text}: a number and a unit, as 7d, 12h, 30m or 2w; 0 keeps nothing old")
    return float(int(found[1]) * _SECONDS[found[2] or "s"])


def vacuum(store: Store, older_than: float, dry_run: bool, say: Callable[[str], None]) -> list[Swept]:
    """Removes what nobody needs while no run is at work, and gives what it was.

    Raises:
        StoreBusy: a run is at work on the store.
    """
    with Lease(store.root, new_run_id(), "vacuum", say) as lease:
        lease.take()
        return vacuum_store(store, older_than, dry_run=dry_run)


def render(found: Sequence[Swept], dry_run: bool) -> Iterator[str]:
    """What was (or would be) removed, a line a reason."""
    removed = "would be removed" if dry_run else "removed"
    for why, group in groupby(sorted(found, key=lambda swept: swept.why), key=lambda swept: swept.why):
        files = list(group)
        yield f"{why}: {len(files):,} files, {sum(file.bytes for file in files) / 1e6:,.1f} MB {removed}"
    if not found:
        yield "nothing to remove"
