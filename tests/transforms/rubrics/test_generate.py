import json

import pytest

from prefcurate.transforms.annotate.templates import cut
from prefcurate.transforms.rubrics.contrasts import Contrast, part_of
from prefcurate.transforms.rubrics.generate import (
    Draft,
    Plan,
    generation_messages,
    judge_messages,
    parse_draft,
    plan,
    written,
)

DRAFT = Draft(("Answers the question.",), ("Is clear.", "Gives reasons."))
TEXTS = {"c1": ("What is $x?", "four ${mark}", "five"), "c2": ("Why?", "because", "no")}


def said(hard_rules, principles):
    return json.dumps({"hard_rules": hard_rules, "principles": principles})


@pytest.mark.parametrize(
    ("text", "draft"),
    [
        (said(["A."], ["B."]), Draft(("A.",), ("B.",))),
        ("Here it is:\n```json\n" + said(["A."], []) + "\n```", Draft(("A.",), ())),
        (said([" A \n b ", "A b", 3, ""], ["x" * 301]), Draft(("A b",), ())),
        (said([], []), None),
        (said("A.", None), None),
        ('{"hard_rules": ["A."]}', None),
        ("I cannot do that.", None),
        ("", None),
        ("{" * 5000, None),
        (said(["old"], []) + said(["new"], []), Draft(("new",), ())),
    ],
)
def test_drafts_are_read_or_refused(text, draft):
    assert parse_draft(text) == draft


def test_at_most_eight_entries_a_list_are_read():
    assert len(parse_draft(said([f"Rule {i}." for i in range(50)], [])).hard_rules) == 8


def test_the_preferred_response_is_named_whatever_its_place():
    shown = (Contrast("c1", "p", "k1", "chat", -1), Contrast("c2", "p", "k2", "chat", 1))
    system, user = generation_messages(Plan("chat", shown, ()), TEXTS, 1000)
    assert (system.role, user.role) == ("system", "user")
    first, second = user.content.split("conversation 2 begins")
    assert first.index("preferred response 1 begins]\nfive") < first.index("rejected response 1 begins]\nfour")
    assert "preferred response 2 begins]\nbecause" in second
    assert '"chat"' in system.content


def test_texts_are_not_looked_into_for_placeholders():
    shown = (Contrast("c1", "p", "k1", "chat", 1),)
    assert "What is $x?" in generation_messages(Plan("chat", shown, ()), TEXTS, 1000)[1].content
    assert "four ${mark}" in judge_messages(DRAFT, "c1", "ab", TEXTS, 1000)[1].content


def test_the_judge_sees_criteria_and_responses_in_the_order_shown():
    ab, ba = (judge_messages(DRAFT, "c2", order, TEXTS, 1000)[1].content for order in ("ab", "ba"))
    assert "first response begins]\nbecause" in ab and "second response begins]\nno" in ab
    assert "first response begins]\nno" in ba and "second response begins]\nbecause" in ba
    assert written(DRAFT) in ab


def test_a_rubric_is_written_as_two_lists():
    assert written(DRAFT) == "Hard rules:\n- Answers the question.\n\nPrinciples:\n- Is clear.\n- Gives reasons."
    assert written(Draft((), ("Is clear.",))) == "Principles:\n- Is clear."


def test_long_texts_lose_their_middle_and_say_so():
    assert cut("short", 10) == "short"
    shortened = cut("a" * 50 + "b" * 100 + "c" * 50, 60)
    assert shortened.startswith("a" * 30) and shortened.endswith("c" * 30)
    assert "[… 140 characters left out …]" in shortened


def test_a_plan_never_holds_out_a_cluster_that_it_shows():
    rows = [Contrast(f"c{i:03}", f"p{i}", f"k{i // 4}", "chat", 1) for i in range(200)]
    found = plan("chat", rows, 6, 12, 7)
    assert (len(found.shown), len(found.held_out)) == (6, 12)
    shown, held_out = ({c.cluster for c in part} for part in (found.shown, found.held_out))
    assert not shown & held_out
    assert len(shown) == 6 and len(held_out) == 12  # one of each cluster before a second of any
    assert {part_of(7, cluster) for cluster in shown} == {"propose"}
    assert plan("chat", rows[::-1], 6, 12, 7) == found


def test_one_cluster_is_too_few_for_a_plan():
    assert plan("chat", [Contrast("c", "p", "k", "chat", 1)], 6, 12, 7) is None
