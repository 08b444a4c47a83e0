"""A run whose server is gone ends at once, in words."""

import signal
import socket
import threading

import pytest

from prefcurate.pipelines.launch.failures import StageFailed, WorkerGone
from prefcurate.pipelines.launch.watch import watched

WORDS = "the server is gone"


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.mark.parametrize("interrupts", [signal.default_int_handler, signal.SIG_IGN], ids=["terminal", "background"])
def test_who_waits_for_a_server_that_goes_is_told_so(server, interrupts):
    before = signal.signal(signal.SIGINT, interrupts)
    closing = threading.Timer(0.5, lambda: (server.shutdown(socket.SHUT_RDWR), server.close()))
    with pytest.raises(WorkerGone, match=WORDS), watched(server.getsockname(), WORDS):
        closing.start()
        threading.Event().wait(60)
    signal.signal(signal.SIGINT, before)


def test_a_stage_that_fails_because_of_it_says_so_too(server):
    with pytest.raises(WorkerGone, match=WORDS), watched(server.getsockname(), WORDS):
        server.close()
        raise StageFailed("stage embed: _MultiThreadedRendezvous: pages")


@pytest.mark.parametrize("error", [StageFailed("stage embed: its own"), KeyboardInterrupt()])
def test_what_ends_a_run_whose_server_stands_is_told_as_it_is(server, error):
    with pytest.raises(type(error)) as raised, watched(server.getsockname(), WORDS):
        raise error
    assert raised.value is error


def test_nobody_is_interrupted_after_the_block(server):
    interrupted = []
    before = signal.signal(signal.SIGUSR1, lambda *_: interrupted.append(1))
    try:
        with watched(server.getsockname(), WORDS):
            pass
        server.close()
        threading.Event().wait(1.5)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not interrupted
