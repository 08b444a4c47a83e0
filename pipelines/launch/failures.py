"""What a failed job has to say to a person: runners wrap an error in pages, sometimes only as text."""

import re
import traceback

from prefcurate.schemas.errors import SpokenError

_WHERE = re.compile(r" \[while running '[^'\n]*'\]")
_OURS = re.compile(r"^(?:.*: )?(prefcurate(?:\.\w+)+): ", re.MULTILINE)
_JAVA = re.compile(r"^\s+at [\w.$/]+\(|^Caused by: ", re.MULTILINE)


class StageFailed(SpokenError):
    """A stage's job failed: the message names the stage and what was wrong.

    Attributes:
        pages: the traceback of an error that nobody foresaw; empty for others.
    """

    def __init__(self, message: str, pages: str = "") -> None:
        super().__init__(message)
        self.pages = pages


class WorkerGone(StageFailed):
    """A worker process ended before its work did."""


def spoken(stage: str, error: BaseException) -> BaseException:
    """The error that ends the command: one of ours as it was raised in whichever process, or one that names the stage.

    Args:
        stage: the stage whose job failed.
        error: as the runner raised it; where the work was done in another process it is a RuntimeError that holds pages.
    """
    text = str(error)
    if isinstance(error, WorkerGone):
        return WorkerGone(f"stage {stage}: {text}")
    if isinstance(error, SpokenError):
        # Where in the graph it happened means nothing to those who must mend it.
        error.args = (_WHERE.sub("", text),)
        return error
    ours = list(_OURS.finditer(text))
    if ours:
        return _raised_elsewhere(stage, ours[-1].group(1), _message(text[ours[-1].end() :]))
    if not isinstance(error, RuntimeError):
        pages = "".join(traceback.format_exception(error))
        return StageFailed(f"stage {stage}: {type(error).__name__}: {_WHERE.sub('', text)}", pages)
    last = _last_line(text)
    return KeyboardInterrupt() if last.startswith("KeyboardInterrupt") else StageFailed(f"stage {stage}: {last}", text)


def _raised_elsewhere(stage: str, name: str, message: str) -> SpokenError:
    known = {f"{each.__module__}.{each.__qualname__}": each for each in _below(SpokenError)}
    return known[name](message) if name in known else StageFailed(f"stage {stage}: {message}")


def _below(kind: type[SpokenError]) -> set[type[SpokenError]]:
    return {kind}.union(*(_below(each) for each in kind.__subclasses__()))


def _message(text: str) -> str:
    """What was raised, several lines perhaps, without what the runner wrote after it."""
    for end in (_WHERE, _JAVA):
        text = end.split(text)[0]
    return text.strip()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in _WHERE.sub("", text).splitlines() if line.strip()]
    return lines[-1] if lines else "the job failed without a word; see the log above"
