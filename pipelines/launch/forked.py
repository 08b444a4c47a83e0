"""What the fork server imports, once, for all worker processes; and the life of one of them."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import wait

from apache_beam.runners.worker.sdk_worker import SdkHarness

import prefcurate.pipelines.curate  # noqa: F401 forks share what is imported before them

_STATE_CACHE_BYTES = 100 << 20
"""As in Beam's own worker processes."""
_NEW_OBJECTS = 20_000
"""After so many Python looks for garbage; a batch of rows is more than its usual 700, and none of it is."""


def serve(control: str, worker_id: str) -> None:
    """Works until the runner says that there is no more, or is gone.

    Args:
        control: where the runner listens.
        worker_id: the runner's name for this process.
    """
    # A ctrl-C reaches the whole terminal; the launcher decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is imported stays until the process ends; looked through for garbage over and over, it took a fifth of ingest's time.
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    threading.Thread(target=_die_with_the_launcher, daemon=True).start()
    terminal = sys.stderr
    # Beam prints the pages of every error here that it also hands to the launcher, which speaks of it; libraries chatter.
    with open(os.devnull, "w") as sys.stderr:
        try:
            SdkHarness(control, worker_id=worker_id, state_cache_size=_STATE_CACHE_BYTES).run()
        except BaseException:  # noqa: BLE001 the end of a process, told before it
            traceback.print_exc(file=terminal)
            os._exit(1)
    # A loaded model keeps DuckDB's types alive, which prints pages when the interpreter is taken apart.
    os._exit(0)


def _die_with_the_launcher() -> None:
    launcher = multiprocessing.parent_process()
    assert launcher is not None
    wait([launcher.sentinel])
    os._exit(1)
