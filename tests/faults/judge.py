"""A judge that is a process of its own, so that it can be killed: ``python -m tests.faults.judge PORT LOG [--fickle]``.

It answers whatever the line asks a chat model: GPT-4's recorded verdicts on the pairs that it judged, elsewhere a verdict drawn from
the question's hash; and what kind of prompt it is. With `--fickle` a verdict is drawn anew each time it is asked. Before it
answers, it writes the question's hash as a line of LOG: what it was asked, whoever died in between.
"""

import hashlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.judge_server import JudgeServer, Replay

DELAY = 0.05
"""Seconds that each answer takes: long enough to be killed in between."""
ROOT = Path(__file__).parents[2]
_REPLAY = Replay("gpt4")
_SAID = {"domain": "general", "objectivity": "mixed", "difficulty": "easy", "constraints": []}
_TASKS = ("math", "writing", "brainstorming")
_VERDICTS = ("first", "second", "tie")


def answer(body: dict[str, Any], fickle: bool = False) -> str:
    """What the judge says to a request."""
    drawn = secrets.token_bytes(16) if fickle else hashlib.sha256(_question(body)).digest()
    if body["messages"][0]["content"].startswith("You say what kind"):
        return json.dumps({"task": _TASKS[drawn[0] % 3], **_SAID})
    if not fickle:
        try:
            return _REPLAY(body)
        except (AssertionError, KeyError, StopIteration):
            pass  # not of the recorded pairs
    return json.dumps({"rationale": f"drawn {drawn.hex()}", "verdict": _VERDICTS[drawn[0] % 3]})


def _question(body: dict[str, Any]) -> bytes:
    return json.dumps([message["content"] for message in body["messages"]]).encode()


@dataclass
class Judge:
    """The process, and what it was asked over its lives."""

    port: int
    log: Path
    fickle: bool = False

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self, environment: Mapping[str, str]) -> None:
        """Starts it and waits until it listens."""
        more = ["--fickle"] if self.fickle else []
        command = [sys.executable, "-m", "tests.faults.judge", str(self.port), str(self.log), *more]
        self.process = subprocess.Popen(command, cwd=ROOT, env=dict(environment))
        for _ in range(600):
            try:
                httpx.get(f"{self.endpoint}/models", timeout=5)
                return
            except httpx.TransportError:
                assert self.process.poll() is None, "the judge did not start"
                time.sleep(0.05)
        raise TimeoutError("the judge did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def asked(self) -> Counter[str]:
        """How often each question came."""
        return Counter(self.log.read_text().split()) if self.log.exists() else Counter()


def main(port: int, log: str, fickle: bool) -> None:
    # One write of a short line is whole, whenever the process dies.
    lines = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def logged(body: dict[str, Any]) -> str:
        os.write(lines, f"{hashlib.sha256(_question(body)).hexdigest()}\n".encode())
        time.sleep(DELAY)
        return answer(body, fickle)

    with JudgeServer(logged, port=port, own_ids=fickle):
        threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], "--fickle" in sys.argv)
