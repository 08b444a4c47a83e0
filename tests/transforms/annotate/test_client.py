"""The chat client against a real HTTP server that misbehaves by script."""

import asyncio
import json
import threading

import pytest

from prefcurate.schemas.errors import WrongSetting
from prefcurate.transforms.annotate.chat import ChatOptions, Message, Request, same_call, token_bound
from prefcurate.transforms.annotate.client import FIRST_WAIT, GIVEN_UP_IN_A_ROW, LONGEST_WAIT, ChatSession
from tests.judge_server import GARBAGE, HALF_BODY, HALF_JSON, HANG_UP, NO_CHOICE, JudgeServer, nothing, refuse

SCHEMA = '{"type":"object"}'
PRICE = {"input": 1.0, "output": 2.0}


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds, self.slept = 0.0, []

    def __call__(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


def request(key: str = "k", text: str = "which?") -> Request:
    return Request(key, (Message("user", text),), SCHEMA, "p" * 32, "c" * 32)


def session(server: JudgeServer, clock: Clock | None = None, **options) -> ChatSession:
    clock = clock or Clock()
    settings = {"endpoint": server.endpoint, "model": "m", "price": PRICE, "max_tokens": 100, **options}
    return ChatSession(ChatOptions(**settings), clock=clock, now=clock, sleep=clock.sleep)


def asked_once(server: JudgeServer, clock: Clock | None = None, **options):
    with session(server, clock, **options) as asking:
        return asking.ask([request()])[0]


def test_a_proper_answer_costs_what_the_endpoint_says():
    with JudgeServer(lambda body: "yes" * 4) as server:
        asked = asked_once(server)
    assert asked.reply.text == "yesyesyesyes"
    assert asked.reply.model_returned == "m"
    (call,) = asked.calls
    assert (call.status, call.tokens_in, call.tokens_out) == ("ok", 1, 4)
    assert call.price_usd == pytest.approx((1 * 1.0 + 4 * 2.0) / 1e6)
    assert asked.reply.call_id == call.call_id == request().call_id(0, "chatcmpl-1")


def test_two_attempts_at_one_question_are_two_calls_with_one_beginning():
    with JudgeServer(lambda body: "yes", own_ids=True) as server:
        calls = [asked_once(server).reply.call_id for _ in range(2)]
    assert len(set(calls)) == 2
    assert {same_call(call) for call in calls} == {same_call(request().call_id(0))}


def test_the_body_is_what_openai_documents(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with JudgeServer(lambda body: "x") as server:
        asked_once(server, seed=5, temperature=0.5)
    (received,) = server.received
    assert received.path == "/v1/chat/completions"
    assert received.authorization is None
    assert received.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "which?"}],
        "max_tokens": 100,
        "temperature": 0.5,
        "seed": 5,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": {"type": "object"}},
        },
    }


def test_without_usage_tokens_are_upper_bounds():
    with JudgeServer(lambda body: "ja €", usage=False) as server:
        asked = asked_once(server)
    (call,) = asked.calls
    assert call.tokens_in == token_bound(request())
    assert call.tokens_out == len("ja €".encode())
    assert "upper bounds" in call.detail


@pytest.mark.parametrize(
    ("bad", "status", "may_be_billed"),
    [
        (refuse(429), "http_429", False),
        (refuse(500), "http_500", False),
        (refuse(503), "http_503", False),
        (GARBAGE, "bad_body", True),
        (HALF_JSON, "bad_body", True),
        (NO_CHOICE, "bad_body", True),
        (HALF_BODY, "half_an_answer", True),
        (HANG_UP, "half_an_answer", True),
    ],
)
def test_it_tries_again_after(bad, status, may_be_billed):
    clock = Clock()
    with JudgeServer(lambda body: "fine", script=[bad]) as server:
        asked = asked_once(server, clock)
    assert asked.reply.text == "fine"
    assert [call.status for call in asked.calls] == [status, "ok"]
    worst = (token_bound(request()) * 1.0 + 100 * 2.0) / 1e6
    assert asked.calls[0].price_usd == pytest.approx(worst if may_be_billed else 0.0)
    assert asked.calls[0].call_id != asked.calls[1].call_id
    assert server.count == 2
    assert FIRST_WAIT / 2 <= sum(clock.slept) <= FIRST_WAIT


def test_silence_is_a_timeout_and_may_be_billed():
    with JudgeServer(lambda body: "fine", script=[nothing(0.5)]) as server:
        asked = asked_once(server, timeout=0.1)
    assert [call.status for call in asked.calls] == ["timeout", "ok"]
    assert asked.calls[0].price_usd > 0


def test_nobody_there_costs_nothing():
    with JudgeServer(lambda body: "fine") as server:
        pass
    clock = Clock()
    asked = asked_once(server, clock, tries=3)
    assert asked.reply is None
    assert [(call.status, call.price_usd) for call in asked.calls] == [("connection", 0.0)] * 3


@pytest.mark.parametrize(("header", "seconds"), [("17", 17.0), ("0.5", 0.5), ("Thu, 01 Jan 1970 00:00:42 GMT", 42.0)])
def test_retry_after_is_honoured(header, seconds):
    clock = Clock()
    with JudgeServer(lambda body: "fine", script=[refuse(429, header)]) as server:
        asked = asked_once(server, clock)
    assert asked.reply is not None
    assert clock.seconds == pytest.approx(seconds)


def test_an_unreadable_retry_after_is_like_none():
    clock = Clock()
    with JudgeServer(lambda body: "fine", script=[refuse(503, "soon")]) as server:
        assert asked_once(server, clock).reply is not None
    assert FIRST_WAIT / 2 <= clock.seconds <= FIRST_WAIT


def test_one_refusal_quiets_all_requests():
    """A second request that starts after the refusal waits too, although nobody refused it."""
    clock = Clock()
    with (
        JudgeServer(lambda body: "fine", script=[refuse(429, "30")]) as server,
        session(server, clock, concurrency=1) as asking,
    ):
        outcomes = asking.ask([request("1"), request("2")])
    assert [len(asked.calls) for asked in outcomes] == [2, 1]
    assert server.count == 3
    assert clock.seconds >= 30


def test_an_endpoint_that_wants_an_hour_is_down():
    clock = Clock()
    with (
        JudgeServer(lambda body: "fine", script=[refuse(429, "3600")]) as server,
        session(server, clock, concurrency=1) as asking,
    ):
        outcomes = asking.ask([request("1"), request("2")])
        assert "3600" in asking.down
    assert clock.slept == []
    assert [asked.unasked for asked in outcomes] == ["", "endpoint"]
    assert server.count == 1


def test_waits_grow_and_end():
    clock = Clock()
    with JudgeServer(lambda body: "", always=refuse(500)) as server:
        asked = asked_once(server, clock, tries=9)
    assert asked.reply is None
    assert server.count == 9
    assert len(clock.slept) == 8
    assert all(0 < wait <= LONGEST_WAIT for wait in clock.slept)
    assert clock.slept[4] > clock.slept[1]


def test_failures_in_a_row_mean_that_the_endpoint_is_down():
    with (
        JudgeServer(lambda body: "", always=refuse(500)) as server,
        session(server, concurrency=1, tries=2) as asking,
    ):
        outcomes = asking.ask([request(str(i)) for i in range(13)])
    # All had their first try; then one after the other gave up.
    assert server.count == 13 + GIVEN_UP_IN_A_ROW
    assert [asked.unasked for asked in outcomes] == [""] * GIVEN_UP_IN_A_ROW + ["endpoint"] * 5


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "; no key was sent, since MY_KEY is not set"),
        (404, "; look at `endpoint` (http://127.0.0.1:"),
    ],
)
def test_a_refusal_says_what_to_look_at(monkeypatch, status, words):
    monkeypatch.delenv("MY_KEY", raising=False)
    with (
        JudgeServer(lambda body: "", always=refuse(status)) as server,
        session(server, api_key_env="MY_KEY", concurrency=1) as asking,
    ):
        asking.ask([request("1")])
        assert words in asking.down


def test_a_wrong_key_stops_at_once_and_is_never_shown(monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-very-secret\n")
    said = b'{"error": {"message": "Incorrect API key: sk-very-secret"}}'
    with (
        JudgeServer(lambda body: "", always=refuse(401, body=said)) as server,
        session(server, api_key_env="MY_KEY", concurrency=1) as asking,
    ):
        outcomes = asking.ask([request("1"), request("2")])
        assert "sk-very-secret" not in asking.down
        assert asking.down.startswith("http_401")
        assert asking.down.endswith("; it refuses the key in MY_KEY")
    assert server.count == 1
    assert server.received[0].authorization == "Bearer sk-very-secret"
    assert "sk-very-secret" not in repr(outcomes)
    assert "[key]" in outcomes[0].calls[0].detail


@pytest.mark.parametrize("key", ["sk-very-secret\nX", "\u201csk-very-secret\u201d", "sk-very\x07secret"])
def test_a_key_that_no_header_carries_is_refused_unseen_before_anything_is_sent(monkeypatch, key):
    monkeypatch.setenv("MY_KEY", key)
    with pytest.raises(WrongSetting, match="the key in MY_KEY holds") as raised:
        ChatSession(ChatOptions(model="m", api_key_env="MY_KEY"))
    assert "very" not in str(raised.value)


@pytest.mark.parametrize(
    "endpoint", ["localhost:8000", "", "http:/localhost:8000/v1", "ftp://h/v1", "http://[::1/v1", "http://h:80000/v1"]
)
def test_what_is_no_address_is_refused_as_a_setting(endpoint):
    with pytest.raises(ValueError, match="is no address of an API"):
        ChatOptions(endpoint=endpoint, model="m")


def test_a_question_too_long_fails_alone():
    said = b'{"error": {"message": "maximum context length is 4096 tokens"}}'
    with (
        JudgeServer(lambda body: "fine", script=[refuse(400, body=said)]) as server,
        session(server, concurrency=1) as asking,
    ):
        outcomes = asking.ask([request("1"), request("2")])
    assert [asked.reply is not None for asked in outcomes] == [False, True]
    assert outcomes[0].calls[0].status == "http_400"
    assert server.count == 2


def test_an_endpoint_without_schemas_is_asked_in_weaker_forms():
    def answer(body):
        return "fine"

    refusals = [refuse(400, body=b"response_format json_schema unsupported"), refuse(422, body=b"bad response_format")]
    clock = Clock()
    with JudgeServer(answer, script=refusals) as server, session(server, clock, concurrency=1) as asking:
        outcomes = asking.ask([request("1"), request("2")])
    forms = [received.body.get("response_format", {}).get("type") for received in server.received]
    assert forms == ["json_schema", "json_object", None, None]
    assert all(asked.reply for asked in outcomes)
    assert sum(clock.slept) == 0


def test_models_that_want_max_completion_tokens_get_it():
    said = b"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    with JudgeServer(lambda body: "x", script=[refuse(400, body=said)]) as server:
        server.completion = lambda body, old=server.completion: old({**body, "max_tokens": 100})
        asked = asked_once(server)
    assert asked.reply is not None
    assert "max_tokens" not in server.received[1].body
    assert server.received[1].body["max_completion_tokens"] == 100


def test_concurrency_is_used_and_never_exceeded():
    with JudgeServer(lambda body: "fine", delay=0.03) as server, session(server, concurrency=5) as asking:
        outcomes = asking.ask([request(str(i)) for i in range(40)])
    assert [asked.request.key for asked in outcomes] == [str(i) for i in range(40)]
    assert 3 <= server.most_at_once <= 5


def test_it_works_in_a_thread_and_over_several_batches():
    replies = []

    def work(server: JudgeServer) -> None:
        with session(server) as asking:
            for batch in range(3):
                replies.extend(asked.reply.text for asked in asking.ask([request(str(batch))]))

    with JudgeServer(lambda body: "fine") as server:
        thread = threading.Thread(target=work, args=(server,))
        thread.start()
        thread.join(10)
    assert replies == ["fine"] * 3


class Stingy:
    """Pays the first `n` tries."""

    def __init__(self, n: int) -> None:
        self.n, self.charged = n, []

    def cover(self, request: Request, usd: float) -> bool:
        self.n -= 1
        return self.n >= 0

    def charge(self, request: Request, usd: float) -> None:
        self.charged.append(usd)


def test_who_pays_is_asked_before_every_try():
    payer = Stingy(2)
    with JudgeServer(lambda body: "", always=GARBAGE) as server, session(server) as asking:
        (asked,) = asking.ask([request()], payer)
    assert server.count == 2
    assert asked.unasked == "budget"
    assert len(asked.calls) == 2
    assert payer.charged == [call.price_usd for call in asked.calls]


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ({"content": None, "refusal": "I will not"}, ("", "I will not")),
        ({"content": ""}, ("", None)),
        ({"content": "…"}, ("…", None)),
    ],
)
def test_refusals_and_empty_answers_come_back_as_they_are(content, kept):
    with JudgeServer(lambda body: "") as server:
        server.completion = lambda body: json.dumps({"choices": [{"message": content}]}).encode()
        asked = asked_once(server)
    assert (asked.reply.text, asked.reply.refusal) == kept


def test_content_that_is_no_text_is_a_bad_body():
    with JudgeServer(lambda body: "") as server:
        server.completion = lambda body: json.dumps({"choices": [{"message": {"content": ["x"]}}]}).encode()
        asked = asked_once(server, tries=1)
    assert asked.reply is None
    assert asked.calls[0].status == "bad_body"


def test_call_ids_go_on_where_earlier_runs_ended():
    with JudgeServer(lambda body: "fine", script=[refuse(500)]) as server, session(server) as asking:
        (asked,) = asking.ask([Request("k", (Message("user", "x"),), calls_before=3)])
    assert [call.call_id for call in asked.calls] == [request().call_id(3), request().call_id(4, "chatcmpl-1")]


def test_the_bound_is_above_what_any_tokenizer_makes():
    assert token_bound(Request("k", (Message("user", "日本" * 10),))) >= len(("日本" * 10).encode())


def test_a_cap_needs_a_price():
    with pytest.raises(ValueError, match="price"):
        ChatOptions(model="m", budget=3.0)


def test_the_fingerprint_covers_answers_not_money():
    base = ChatOptions(model="m")
    same = ChatOptions(model="m", endpoint="http://other/v1", price=PRICE, budget=1, concurrency=99, timeout=3, tries=1)
    assert base.chat_fingerprint() == same.chat_fingerprint()
    for other in ({"model": "n"}, {"revision": "2"}, {"temperature": 1.0}, {"seed": 1}, {"max_tokens": 7}):
        assert ChatOptions(**{"model": "m", **other}).chat_fingerprint() != base.chat_fingerprint()
