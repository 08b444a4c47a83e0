"""A stage's job of four elements that is started as a process of its own: `python -m tests.pipelines.launched WHAT…`.

Each element is one of the words: `wait` tells its process id and stays, `tell` tells it and ends, `raise` raises an error of ours. Flags
of Beam's may stand among them.
"""

import logging
import os
import signal
import sys
import time

import apache_beam as beam

from prefcurate.pipelines.cli import end
from prefcurate.pipelines.launch import Engine, Said
from prefcurate.schemas.errors import SpokenError
from prefcurate.transforms.ingest.sources import SourceError


class Words(beam.PTransform):
    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__()
        self.words = words

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        return root | beam.Create(self.words) | beam.Reshuffle() | beam.Map(do)


def do(word: str) -> None:
    if word == "raise":
        raise SourceError("source 'a' is wrong:\nits second line says how")
    os.write(1, f"{os.getpid()}\n".encode())
    if word == "wait":
        time.sleep(600)


def main() -> int:
    logging.getLogger().setLevel(logging.CRITICAL)
    # A shell that starts the tests in the background has ctrl-C ignored, and every process below it.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    try:
        flags = [word for word in sys.argv[1:] if word.startswith("--")] or ["--direct_num_workers=2"]
        with Engine(Said(tuple(flags), shards=2)) as engine:
            engine.launch("embed", Words(tuple(word for word in sys.argv[1:] if not word.startswith("--"))))
    except SpokenError as error:
        print(f"prefcurate: {error}", file=sys.stderr, flush=True)
        return error.exit_status
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    end(main())
