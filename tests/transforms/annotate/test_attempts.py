"""An engine that runs units twice, at once or one after the other, with a judge whose answers differ from call to call."""

import json
import secrets
from collections import Counter

import pytest

from tests.judge_server import JudgeServer
from tests.transforms.annotate.judging import annotate, judge, judged_store, left_over, rows


def another_answer(body: dict) -> str:
    return json.dumps({"rationale": secrets.token_hex(8), "verdict": secrets.choice(("first", "second", "tie"))})


@pytest.mark.parametrize(("engine", "most"), [("AtOnce", 2), ("AgainInAnotherOrder", 1)])
def test_one_answer_is_committed_and_every_payment_accounted_for(tmp_path, engine, most):
    store = judged_store(tmp_path, 12)
    with JudgeServer(another_answer, own_ids=True) as server:
        annotate(store, judge(server.endpoint), budget=1.0, flags=[f"--runner=tests.faults.unkind.{engine}"])
        asked = Counter(received.user for received in server.received)
        annotations, calls = rows(store, "annotations"), rows(store, "calls")
        annotate(store, judge(server.endpoint), budget=1.0, run_id="next night")
        assert server.count == asked.total()
    assert len(asked) == 24 and max(asked.values()) <= most
    assert len({row["annotation_id"] for row in annotations}) == len(annotations) == 24
    # Of two attempts at once one may take the other's batch for lost: then it is counted at its worst price too.
    answered = [call for call in calls if call["status"] != "lost"]
    assert {call["status"] for call in answered} == {"ok"}
    assert len({call["call_id"] for call in answered}) == len(answered) == asked.total()
    assert {row["call_id"] for row in annotations} <= {call["call_id"] for call in answered}
    assert (rows(store, "annotations"), rows(store, "calls")) == (annotations, calls)
    assert left_over(store) == []
