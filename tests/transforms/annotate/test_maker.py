"""Questions of other stages: what was answered is remembered, and nothing is paid for twice."""

import pytest

from prefcurate.transforms.annotate.annotator import Question
from prefcurate.transforms.annotate.chat import ChatOptions, Message
from prefcurate.transforms.annotate.maker import TABLES_OF_ASKING, Maker, Query
from tests.helpers import context, make_store, pair
from tests.judge_server import JudgeServer


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("made"), [pair("p", "x", "y")], shards=1)


def maker(store, server, run="one", **settings):
    told = context(store, "describe", ("comparisons",), TABLES_OF_ASKING, run_id=run)
    options = ChatOptions(endpoint=server.endpoint, model="m", concurrency=2, tries=1, timeout=10, **settings)
    return Maker(options, "describer:m", told, told.pin(), max_attempts=2, fingerprint="f")


def query(context_, readable=lambda text: text == "yes"):
    question = Question("", "", attribute="description", context=context_)
    return Query(question, "f", lambda: (Message("user", context_),), "{}", readable)


def test_a_question_that_stands_twice_in_a_list_is_asked_once(store):
    with JudgeServer(lambda body: "yes") as server:
        asked = maker(store, server, "twice")
        asked.ask([query("twice"), query("twice"), query("other")])
        assert server.count == 2
        assert [asked.answer(query(name)) for name in ("twice", "other", "third")] == ["yes", "yes", None]
        again = maker(store, server, "later")
        again.ask([query("twice"), query("other")])
        assert server.count == 2, "what a run left is known to the next"


def test_an_answer_that_cannot_be_read_is_asked_for_again_up_to_a_limit(store):
    said = iter(["no", "yes", "no", "no", "yes"])
    with JudgeServer(lambda body: next(said)) as server:
        asked = maker(store, server, "read")
        asked.ask([query("second try")])
        assert (server.count, asked.answer(query("second try"))) == (2, "yes")
        asked.ask([query("never")])
        assert (server.count, asked.answer(query("never")), asked.unasked(query("never"))) == (4, None, False)
        asked.ask([query("never")])
        assert server.count == 4
