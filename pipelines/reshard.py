"""`prefcurate reshard STORE_OR_CONFIG --shards N`: more, smaller shards for a store that has grown."""

import secrets
import time
from collections.abc import Callable

from prefcurate.transforms.annotate.reservations import settle_dead
from prefcurate.transforms.store.about import read_about
from prefcurate.transforms.store.files import absolute, join, listed
from prefcurate.transforms.store.lease import Lease
from prefcurate.transforms.store.reshard import reshard as reshard_store
from prefcurate.transforms.store.reshard import target


def reshard(root: str, shards: int, say: Callable[[str], None]) -> bool:
    """Cuts a store into more shards; whether there was anything to do.

    Raises:
        StoreError: there is no store, or it was left on the way to another number.
        WrongSetting: the number is no power of two times what the store has.
        StoreBusy: a run is at work on it.
    """
    root = absolute(root)
    store = target(root, shards)
    if store is None:
        return False
    run_id = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
    with Lease(root, run_id, "reshard", say) as lease:
        lease.take()
        about = read_about(root)
        if about is not None and about.resharding is None:
            # What dead runs may have spent stands in files that name a shard.
            folder = join(root, "_reservations")
            for stage in sorted(
                {path.removeprefix(folder + "/").partition("/")[0] for path in listed(folder, ".json")}
            ):
                settle_dead(store, stage, living_run=run_id)
        reshard_store(store, shards, say)
    return True
