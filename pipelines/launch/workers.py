"""Worker processes of the local runner: forked from one process that has everything imported, watched, never left behind.

Beam's own ``multi_processing`` starts Python anew for every worker of every stage, and waits for ever for one that is gone. Here
a fork server (of the standard library) imports the house once; its forks start in a tenth of a second and share its memory.
"""

import multiprocessing
import signal
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.context import ForkServerProcess
from typing import Any, ClassVar

import grpc
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_fn_api_pb2, beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.worker_handlers import GrpcWorkerHandler, WorkerHandler

from prefcurate.pipelines.launch.failures import WorkerGone

_FORKED = "prefcurate:env:forked:v1"
_IMPORTED_ONCE = ["prefcurate.pipelines.quiet", "prefcurate.pipelines.launch.forked"]
_EVERY_SECONDS = 0.2


class WorkersRunner(FnApiRunner):
    """Beam's local runner in its mode ``multi_processing``, with worker processes of ours."""

    def run_via_runner_api(self, pipeline_proto: beam_runner_api_pb2.Pipeline, options: PipelineOptions) -> Any:
        """Runs a graph; raises RuntimeError with the traceback's text when a worker raised, `WorkerGone` when one died."""
        for environment in pipeline_proto.components.environments.values():
            if environment.urn == python_urns.SUBPROCESS_SDK:
                environment.urn = _FORKED
        team = Team.current = Team()
        try:
            return super().run_via_runner_api(pipeline_proto, options)
        except RuntimeError as error:
            # What broke because of a failure is told after it, or instead of it.
            raise (team.failure or error) from error


class Team:
    """The worker processes of one job: when one fails or is gone the others are stopped, and the job ends.

    Attributes:
        current: of the job that is running.
        failure: what ended the job, if anything did.
    """

    current: ClassVar["Team"]

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self._workers: list[_Worker] = []
        self._ending = threading.Event()

    def join(self, worker: "_Worker") -> None:
        """Takes a worker that has been started in."""
        self._workers.append(worker)
        if len(self._workers) == 1:
            threading.Thread(target=self._watch, name="watch workers", daemon=True).start()

    def end(self) -> None:
        """The job is over: what is still at work is so for nothing."""
        if not self._ending.is_set():
            self._look()
            self._ending.set()
            if any(worker.asked() for worker in self._workers):
                self.kill()

    def kill(self) -> None:
        """Ends all worker processes at once."""
        for worker in self._workers:
            worker.process.kill()

    def _watch(self) -> None:
        while not self._ending.wait(_EVERY_SECONDS):
            self._look()
            if self.failure is not None:
                # Those who wait for an answer are told before the broken connection tells them something else.
                for worker in self._workers:
                    worker.answer_with(str(self.failure))
                self.kill()

    def _look(self) -> None:
        for worker in list(self._workers):
            if self.failure is None and (said := worker.said()):
                self.failure = RuntimeError(said)
            if self.failure is None and worker.process.exitcode is not None:
                self.failure = _gone(worker.process.exitcode, len(self._workers))


def _serve(control: str, worker_id: str) -> None:
    # It imports the loop over the stages, which imports this.
    from prefcurate.pipelines.launch.forked import serve

    serve(control, worker_id)


def _gone(exitcode: int, workers: int) -> WorkerGone:
    killed = exitcode == -signal.SIGKILL
    how = f"was ended by {signal.Signals(-exitcode).name}" if exitcode < 0 else f"ended with status {exitcode}"
    why = (
        f"; if nobody killed it, memory ran out, and --direct_num_workers={max(1, workers // 2)} needs less"
        if killed
        else "; what it said stands above"
    )
    return WorkerGone(
        f"a worker process {how}{why}. The store is whole: run again, and it goes on with what was finished"
    )


@WorkerHandler.register_environment(_FORKED, bytes)
class _Worker(GrpcWorkerHandler):
    """One worker process, as Beam's local runner sees it."""

    def __init__(self, payload: bytes, state: Any, provision_info: Any, grpc_server: Any) -> None:
        super().__init__(state, provision_info, grpc_server)
        self._team = Team.current
        self._asked: list[Any] = []
        self._push = self.control_conn.push
        self.control_conn.push = self._remember

    def start_worker(self) -> None:
        context = multiprocessing.get_context("forkserver")
        self.process: ForkServerProcess = context.Process(
            target=_serve, args=(self.control_address, self.worker_id), daemon=True
        )
        self.process.start()
        _PROCESSES.add(self.process)
        self._team.join(self)

    def close(self) -> None:
        self._team.end()
        # The connection to one that is dead cannot be closed, only left.
        with suppress(*([grpc.RpcError] if self._team.failure else [])):
            super().close()

    def stop_worker(self) -> None:
        self.process.join()

    def _remember(self, request: Any) -> Any:
        future = self._push(request)
        if future is not None:
            self._asked.append(future)
        return future

    def asked(self) -> list[Any]:
        """What it has not answered yet."""
        return [future for future in self._asked if not future.is_done()]

    def said(self) -> str:
        """The text of an error that it answered with, if any; its good answers are forgotten."""
        done = [future for future in self._asked if future.is_done()]
        self._asked = [future for future in self._asked if future not in done]
        return next((future.get().error for future in done if future.get().error), "")

    def answer_with(self, error: str) -> None:
        """Answers in its place."""
        for future in self.asked():
            future.set(beam_fn_api_pb2.InstructionResponse(instruction_id=future.instruction_id, error=error))


_PROCESSES: "weakref.WeakSet[ForkServerProcess]" = weakref.WeakSet()


@contextmanager
def warm() -> Iterator[None]:
    """Keeps a fork server while the block runs; ends every worker when the block does, whichever way."""
    multiprocessing.set_forkserver_preload(_IMPORTED_ONCE)
    before, threading.excepthook = threading.excepthook, without_broken_connections
    try:
        yield
    finally:
        kill_workers()
        threading.excepthook = before


def without_broken_connections(raised: threading.ExceptHookArgs) -> None:
    """Python's word on a thread that an exception ended, but of connections that were broken: Beam's threads raise in pages
    when what they read from is gone, and that is said once, as what ended the job."""
    if not issubclass(raised.exc_type, grpc.RpcError):
        threading.__excepthook__(raised)


def kill_workers() -> None:
    """Ends all worker processes of this process, at once."""
    for process in list(_PROCESSES):
        process.kill()
