"""Engines that do on purpose what engines may: run a step twice at once, again after it has written, in another order.

Each is a runner for the command line: ``prefcurate run CONFIG --runner=tests.faults.unkind.AtOnce``. Steps are ours alone; what
Beam puts around them is left as it is.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import apache_beam as beam
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.core import CallableWrapperDoFn

from prefcurate.schemas.canonical import unit_interval


class Unkind(FnApiRunner):
    """Beam's local runner, in one process, with every step of ours replaced."""

    replaced: ClassVar[type["Step"]]
    repeats: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__(bundle_repeat=self.repeats)

    def run_pipeline(self, pipeline: beam.Pipeline, options: Any) -> Any:
        visitor = _Replacing(self.replaced)
        pipeline.visit(visitor)
        assert visitor.replaced, "no step of this graph is ours"
        return super().run_pipeline(pipeline, options)


class _Replacing(PipelineVisitor):
    def __init__(self, by: type["Step"]) -> None:
        self._by, self.replaced = by, 0

    def visit_transform(self, node: AppliedPTransform) -> None:
        step = node.transform
        if isinstance(step, beam.ParDo) and _is_ours(step.fn):
            step.fn = self._by(step.fn)
            self.replaced += 1


def _is_ours(fn: beam.DoFn) -> bool:
    work = fn
    if isinstance(fn, CallableWrapperDoFn):
        work = getattr(fn._fn, "_argspec_fn", fn._fn)
    module = getattr(work, "__module__", "")
    return module.startswith(("prefcurate.", "tests."))


class Step(beam.DoFn):
    """A step in place of another one."""

    def __init__(self, inner: beam.DoFn) -> None:
        self.inner = inner

    def _inspect_process(self) -> Any:
        return self.inner.get_function_arguments("process")

    def default_type_hints(self) -> Any:
        return self.inner.default_type_hints()

    def process(self, *arguments: Any, **named: Any) -> Iterable[Any]:
        return self.attempted(lambda: list(self.inner.process(*arguments, **named) or ()))

    def attempted(self, attempt: Callable[[], list[Any]]) -> list[Any]:
        """What the engine takes of some attempts."""
        return attempt()


class TwiceAtOnce(Step):
    """Two threads do the same, and the engine takes what the second gives; both must come to an end."""

    def process(self, *arguments: Any, **named: Any) -> Iterable[Any]:
        # Beam reads side inputs when they are iterated over, and in the thread of the bundle alone.
        read = [_read(argument) for argument in arguments]
        return super().process(*read, **{name: _read(argument) for name, argument in named.items()})

    def attempted(self, attempt: Callable[[], list[Any]]) -> list[Any]:
        given: list[list[Any] | BaseException] = [[], []]
        together = threading.Barrier(2)

        def run(place: int) -> None:
            together.wait()
            try:
                given[place] = attempt()
            except BaseException as error:  # noqa: BLE001 raised where the engine sees it
                given[place] = error

        threads = [threading.Thread(target=run, args=(place,)) for place in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for outcome in given:
            if isinstance(outcome, BaseException):
                raise outcome
        taken = given[1]
        assert isinstance(taken, list)
        return taken


def _read(argument: Any) -> Any:
    if type(argument) is tuple:
        return tuple(_read(value) for value in argument)
    lazy = isinstance(argument, Iterable) and type(argument).__module__.startswith("apache_beam.")
    return list(argument) if lazy else argument


class Shuffled(Step):
    """Elements come and go in another order: what a step gives, and what a group or a list holds."""

    def process(self, *arguments: Any, **named: Any) -> Iterable[Any]:
        given = [_reordered(argument) for argument in arguments]
        return shuffled(list(self.inner.process(*given, **named) or ()))


def _reordered(argument: Any) -> Any:
    if isinstance(argument, list):
        return shuffled(argument)
    if isinstance(argument, tuple) and type(argument) is tuple and len(argument) == 2 and _is_group(argument[1]):
        return argument[0], shuffled(list(argument[1]))
    return argument


def _is_group(values: Any) -> bool:
    return isinstance(values, Iterable) and not isinstance(values, str | bytes | tuple | dict)


def shuffled(values: list[Any]) -> list[Any]:
    """The values in an order of chance, the same each time."""
    places = sorted(range(len(values)), key=lambda place: unit_interval(len(values), str(place), "unkind"))
    return [values[place] for place in places]


class AtOnce(Unkind):
    """Runs each step twice at the same time."""

    replaced = TwiceAtOnce


class AgainInAnotherOrder(Unkind):
    """Runs each bundle, throws away what it gave, and runs it again; elements come in another order."""

    replaced = Shuffled
    repeats = 1
