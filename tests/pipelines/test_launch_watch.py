"""A run whose server is gone ends at once, in words."""

import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from prefcurate.pipelines.launch.failures import StageFailed, WorkerGone
from prefcurate.pipelines.launch.watch import watched

WORDS = "the server is gone"


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def handled():
    """Sets the handler of a signal for the time of a test."""
    before = {}

    def set_to(number, handler):
        before[number] = signal.signal(number, handler)

    yield set_to
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("interrupts", [signal.default_int_handler, signal.SIG_IGN], ids=["terminal", "background"])
def test_who_waits_for_a_server_that_goes_is_told_so(server, handled, interrupts):
    handled(signal.SIGINT, interrupts)
    closing = threading.Timer(0.5, lambda: (server.shutdown(socket.SHUT_RDWR), server.close()))
    with pytest.raises(WorkerGone, match=WORDS), watched(server.getsockname(), WORDS):
        closing.start()
        threading.Event().wait(60)


def test_a_stage_that_fails_because_of_it_says_so_too(server):
    with pytest.raises(WorkerGone, match=WORDS), watched(server.getsockname(), WORDS):
        server.close()
        raise StageFailed("stage embed: _MultiThreadedRendezvous: pages")


@pytest.mark.parametrize("error", [StageFailed("stage embed: its own"), KeyboardInterrupt()])
def test_what_ends_a_run_whose_server_stands_is_told_as_it_is(server, error):
    with pytest.raises(type(error)) as raised, watched(server.getsockname(), WORDS):
        raise error
    assert raised.value is error


def test_nobody_is_interrupted_after_the_block(server, handled):
    interrupted = []
    handled(signal.SIGUSR1, lambda *_: interrupted.append(1))
    with watched(server.getsockname(), WORDS):
        pass
    server.close()
    threading.Event().wait(1.5)
    assert not interrupted


def test_in_a_thread_it_is_left_to_beam(server):
    with ThreadPoolExecutor(1) as threads:

        def work():
            with watched(server.getsockname(), WORDS):
                return "done"

        assert threads.submit(work).result() == "done"
