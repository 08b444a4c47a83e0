"""Ends a run whose server is gone: Beam waits five minutes for one that does not answer, and then has no word for it."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from prefcurate.pipelines.launch.failures import StageFailed, WorkerGone

_WAKES = signal.SIGUSR1
_EVERY_SECONDS = 1.0
_PATIENCE_SECONDS = 5.0
"""A busy machine may let a server wait so long; only one that refuses is gone."""


@contextmanager
def watched(address: tuple[str, int], words: str) -> Iterator[None]:
    """Watches a server while the block runs; when it is gone the block is interrupted, wherever it waits.

    Args:
        address: host and port at which it listens from now on.
        words: what is told then.

    Raises:
        WorkerGone: the server is gone.
    """
    if threading.current_thread() is not threading.main_thread():
        # Whoever runs stages in a thread of their own program has no signals there, and waits as long as Beam does.
        yield
        return
    over, gone = threading.Event(), threading.Event()

    def look() -> None:
        while not over.wait(_EVERY_SECONDS):
            if _refuses(address):
                gone.set()
                # The main thread waits inside of gRPC, which only a signal ends; SIGINT is ignored by what a shell put into the background.
                signal.pthread_kill(threading.main_thread().ident or 0, _WAKES)
                return

    watcher = threading.Thread(target=look, name="watch server", daemon=True)
    before = signal.signal(_WAKES, signal.default_int_handler)
    watcher.start()
    try:
        yield
    except (KeyboardInterrupt, StageFailed) as error:
        # A broken connection may be noticed before the watcher looks.
        if gone.is_set() or (isinstance(error, StageFailed) and _refuses(address)):
            raise WorkerGone(words) from error
        raise
    finally:
        over.set()
        watcher.join()
        signal.signal(_WAKES, before)


def _refuses(address: tuple[str, int]) -> bool:
    try:
        with closing(socket.create_connection(address, _PATIENCE_SECONDS)):
            return False
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
