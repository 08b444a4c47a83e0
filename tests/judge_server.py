"""A real HTTP server that speaks /v1/chat/completions: it replays recorded verdicts of real judges, and misbehaves by script."""

import gzip
import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from prefcurate.schemas.canonical import canonical_text

DATA = Path(__file__).parent.parent / "examples" / "data" / "prd-vicuna80"
MODELS = ("bard", "claude", "gpt35", "gpt4", "vicuna-13b")
VERDICTS = {1: "first", 2: "second", 3: "tie"}


@dataclass(frozen=True)
class Misbehaviour:
    """What the server does instead of answering."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    length: int | None = None
    """The Content-Length that it claims."""
    silence: float = 0.0
    """Seconds before it does anything; with `hang_up` it then closes without a word."""
    hang_up: bool = False


def refuse(status: int, retry_after: str | None = None, body: bytes = b'{"error": {"message": "no"}}') -> Misbehaviour:
    return Misbehaviour(status, (("Retry-After", retry_after),) if retry_after else (), body)


GARBAGE = Misbehaviour(body=b"<html>gateway says hello</html>")
HALF_JSON = Misbehaviour(body=b'{"choices": [{"message": {"content": "{\\"verd')
HALF_BODY = Misbehaviour(body=b'{"choices": [{"mess', length=500)
HANG_UP = Misbehaviour(hang_up=True)
NO_CHOICE = Misbehaviour(body=b'{"choices": []}')


def nothing(seconds: float) -> Misbehaviour:
    return Misbehaviour(silence=seconds, hang_up=True)


@dataclass(frozen=True)
class Received:
    """One request as the server got it."""

    path: str
    body: dict[str, Any]
    authorization: str | None
    at: float

    @property
    def user(self) -> str:
        return self.body["messages"][-1]["content"]


@dataclass
class JudgeServer:
    """``with JudgeServer(answer) as server: … server.endpoint …``; `answer` maps a request's body to the reply's text.

    `script` is used up one item a request, None meaning a proper answer; after it every answer is proper.
    """

    answer: Callable[[dict[str, Any]], str]
    script: Iterable[Misbehaviour | None] = ()
    delay: float = 0.0
    usage: bool = True
    model: str | None = None
    """The model name that it returns; by default the one asked for."""
    always: Misbehaviour | None = None
    own_ids: bool = False
    """Whether each answer has an id of its own, as real endpoints give it; by default answers to one request share one."""
    port: int = 0
    """Where it listens; by default where there is room."""
    received: list[Received] = field(default_factory=list)
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self._script = deque(self.script)
        self._lock = threading.Lock()
        self._at_once = 0

    def __enter__(self) -> Self:
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        return self

    def __exit__(self, *error: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def count(self) -> int:
        return len(self.received)

    def enter(self, received: Received) -> Misbehaviour | None:
        with self._lock:
            self.received.append(received)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            return self._script.popleft() if self._script else self.always

    def leave(self) -> None:
        with self._lock:
            self._at_once -= 1

    def completion(self, body: dict[str, Any]) -> bytes:
        text = self.answer(body)
        done: dict[str, Any] = {
            "id": f"chatcmpl-{uuid.uuid4().hex if self.own_ids else 1}",
            "object": "chat.completion",
            "model": self.model or body["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        }
        if self.usage:
            asked = sum(len(m["content"]) for m in body["messages"]) // 4
            done["usage"] = {"prompt_tokens": asked, "completion_tokens": min(len(text) // 4 + 1, body["max_tokens"])}
        return json.dumps(done).encode()


def _handler(server: JudgeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            received = Received(self.path, json.loads(content), self.headers.get("Authorization"), time.monotonic())
            bad = server.enter(received)
            try:
                time.sleep(server.delay)
                self._misbehave(bad) if bad else self._send(200, (), server.completion(received.body))
            except ConnectionError:
                self.close_connection = True  # the client was killed
            finally:
                server.leave()

        def _misbehave(self, bad: Misbehaviour) -> None:
            time.sleep(bad.silence)
            if bad.hang_up:
                self.close_connection = True
                return
            self._send(bad.status, bad.headers, bad.body, bad.length)
            self.close_connection = self.close_connection or bad.length is not None

        def _send(
            self, status: int, headers: tuple[tuple[str, str], ...], body: bytes, length: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *about: object) -> None:
            pass

    return Handler


@dataclass(frozen=True)
class Recorded:
    """A verdict that a real judge gave on two answers in the order shown: score 1, 2, or 3 for a tie."""

    score: int
    text: str

    @property
    def reply(self) -> str:
        return json.dumps({"rationale": self.text, "verdict": VERDICTS[self.score]})


@dataclass(frozen=True)
class Replay:
    """The recorded verdicts of one judge (gpt4, gpt35, claude, bard, vicuna-13b) of examples/data/prd-vicuna80.

    Calling it with a request's body finds the question and the answers in the prompt, and in which order they stand there.
    """

    judge: str

    @cached_property
    def questions(self) -> dict[int, str]:
        rows = _rows(DATA / "prompts" / "vicuna_questions.jsonl")
        return {row["question_id"]: canonical_text(row["text"]) for row in rows}

    @cached_property
    def answers(self) -> dict[tuple[int, str], str]:
        """By question and model, where the answer is not empty."""
        found = {}
        for model in MODELS:
            for row in _rows(DATA / "generations" / f"answer_{model}.jsonl.gz"):
                if canonical_text(row["text"]):
                    found[row["question_id"], model] = canonical_text(row["text"])
        return found

    @cached_property
    def verdicts(self) -> dict[tuple[int, str, str], Recorded]:
        """By question and the models of the first and second answer shown."""
        found = {}
        for path in sorted((DATA / f"ratings-{self.judge}").iterdir()):
            if not path.name.startswith("answer_"):
                continue  # answer-…: the repeated judgements
            first, second = path.name.split(f"-{self.judge}-reviewer")[0].split("-vs-")
            for row in _rows(path):
                models = first.removeprefix("answer_"), second.removeprefix("answer_")
                found[(row["question_id"], *models)] = Recorded(row["score"], row["text"])
        return found

    @cached_property
    def pairs(self) -> list[tuple[int, str, str]]:
        """Question and two models, once a pair, judged in both orders, with both answers there."""
        return sorted(
            (question, first, second)
            for question, first, second in self.verdicts
            if first < second
            and (question, second, first) in self.verdicts
            and (question, first) in self.answers
            and (question, second) in self.answers
            and self.answers[question, first] != self.answers[question, second]
        )

    def __call__(self, body: dict[str, Any]) -> str:
        prompt = body["messages"][-1]["content"]
        question = next(q for q, text in self.questions.items() if f"\n{text}\n" in prompt)
        shown = sorted(
            (prompt.index(f"\n{text}\n"), model)
            for (q, model), text in self.answers.items()
            if q == question and f"\n{text}\n" in prompt
        )
        assert len(shown) == 2, f"{len(shown)} answers of question {question} found in the prompt"
        return self.verdicts[question, shown[0][1], shown[1][1]].reply

    def expected(self, question_text: str, first: str, second: str) -> str:
        """The recorded verdict (first, second, tie) on two answers in the order shown."""
        question = next(q for q, text in self.questions.items() if text == question_text)
        models = {text: model for (q, model), text in self.answers.items() if q == question}
        return VERDICTS[self.verdicts[question, models[first], models[second]].score]


def _rows(path: Path) -> list[dict[str, Any]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in content.split(b"\n") if line.strip()]
