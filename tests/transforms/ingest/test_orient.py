"""Orientation: whichever response a source names first, what is said about the pair stays about the same texts."""

import dataclasses

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefcurate.schemas.records import (
    GivenLabel,
    GivenMaterial,
    GivenPair,
    GivenRating,
    GivenSpan,
    Message,
    Order,
    Verdict,
)
from prefcurate.transforms.ingest.orient import STAGED, orient, orient_label, row_hash
from tests.helpers import assistant, pair, user

SWAPPED_VERDICT = {Verdict.FIRST: Verdict.SECOND, Verdict.SECOND: Verdict.FIRST}
SWAPPED_ORDER = {
    Order.FIRST_SHOWN_FIRST: Order.SECOND_SHOWN_FIRST,
    Order.SECOND_SHOWN_FIRST: Order.FIRST_SHOWN_FIRST,
    Order.UNKNOWN: Order.UNKNOWN,
}
OTHER = {"first": "second", "second": "first"}
WORDS = st.text(alphabet="abc é\n", max_size=6)
LABELS = st.builds(
    GivenLabel,
    annotator=st.sampled_from(["kim", "GPT-4"]),
    kind=st.sampled_from(["person", "llm_judge"]),
    verdict=st.none() | st.sampled_from(Verdict),
    order=st.sampled_from(Order),
    # Eighths, so that one minus it is exact.
    p_first=st.none() | st.integers(0, 8).map(lambda n: n / 8),
    strength=st.none() | st.integers(-3, 3).map(float),
    sample=st.integers(0, 3),
    judgement=st.none() | st.just("act"),
)
PAIRS = st.builds(
    GivenPair,
    prompt=WORDS.map(user),
    first=WORDS.map(assistant),
    second=WORDS.map(assistant),
    labels=st.lists(LABELS, max_size=3).map(tuple),
    ratings=st.lists(
        st.builds(
            GivenRating,
            of=st.sampled_from(["first", "second"]),
            annotator=st.just("kim"),
            kind=st.just("person"),
            attribute=st.just("length"),
            value=st.floats(0, 5),
        ),
        max_size=2,
    ).map(tuple),
    spans=st.lists(
        st.builds(
            GivenSpan,
            of=st.sampled_from(["first", "second"]),
            annotator=st.just("kim"),
            kind=st.just("person"),
            attribute=st.just("error"),
            label=st.just("wrong"),
            start=st.just(0),
            end=st.just(1),
            text=st.just("a"),
        ),
        max_size=2,
    ).map(tuple),
    materials=st.just((GivenMaterial("reference", "R"),)),
    model_first=st.just("m1"),
    model_second=st.just("m2"),
    group_id=st.just("g"),
)


def swapped_label(label: GivenLabel) -> GivenLabel:
    """The same opinion, told about the responses in the other order."""
    decided = label.verdict in SWAPPED_VERDICT
    return dataclasses.replace(
        label,
        verdict=SWAPPED_VERDICT.get(label.verdict, label.verdict),
        order=SWAPPED_ORDER[label.order],
        p_first=None if label.p_first is None else 1 - label.p_first,
        strength=label.strength if label.strength is None or decided else -label.strength,
    )


def swapped(given_pair: GivenPair) -> GivenPair:
    return dataclasses.replace(
        given_pair,
        first=given_pair.second,
        second=given_pair.first,
        labels=tuple(map(swapped_label, given_pair.labels)),
        ratings=tuple(dataclasses.replace(rating, of=OTHER[rating.of]) for rating in given_pair.ratings),
        spans=tuple(dataclasses.replace(span, of=OTHER[span.of]) for span in given_pair.spans),
        model_first=given_pair.model_second,
        model_second=given_pair.model_first,
    )


@settings(max_examples=300)
@given(PAIRS)
def test_a_pair_that_is_told_the_other_way_round_is_the_same(given_pair):
    one, other = orient(given_pair, "s"), orient(swapped(given_pair), "s")
    if one["response_a_id"] == one["response_b_id"]:
        return  # two equal responses have no first
    assert one.pop("reversed") != other.pop("reversed")
    assert one == other


@given(PAIRS)
def test_response_a_has_the_smaller_id(given_pair):
    row = orient(given_pair, "s")
    assert row["response_a_id"] <= row["response_b_id"]
    assert (row["model_a"], row["model_b"]) == (("m2", "m1") if row["reversed"] else ("m1", "m2"))
    assert pa.array([row], pa.struct(list(STAGED)))[0]["comparison_id"].as_py() == row["comparison_id"]


@given(PAIRS)
def test_every_fact_keeps_its_index_and_is_counted(given_pair):
    row = orient(given_pair, "s")
    for facts in ("annotations", "ratings", "spans", "materials"):
        assert [fact["index"] for fact in row[facts]] == list(range(len(row[facts])))
    given_facts = (*given_pair.labels, *given_pair.ratings, *given_pair.spans, *given_pair.materials)
    assert row["facts"] == len(given_facts)


def texts_of(label: GivenLabel) -> list[dict]:
    """One label on "x" first and "y" second, and on them turned round: one of the two is stored reversed."""
    return [orient(pair("p", *texts, label), "s") for texts in (("x", "y"), ("y", "x"))]


def test_both_directions_occur_among_these_texts():
    assert [row["reversed"] for row in texts_of(GivenLabel("k", "person", Verdict.FIRST))] in (
        [True, False],
        [False, True],
    )


@pytest.mark.parametrize(
    ("label", "plain", "turned"),
    [
        # (label, p_a, strength, order_shown) as stored, when the first response is response_a and when it is response_b.
        (GivenLabel("k", "person", Verdict.FIRST), ("a", None, None, "unknown"), ("b", None, None, "unknown")),
        (GivenLabel("k", "person", Verdict.SECOND), ("b", None, None, "unknown"), ("a", None, None, "unknown")),
        (
            GivenLabel("k", "person", Verdict.FIRST, Order.FIRST_SHOWN_FIRST, 0.75, 2.0),
            ("a", 0.75, 2.0, "ab"),
            ("b", 0.25, -2.0, "ba"),
        ),
        (
            GivenLabel("k", "person", Verdict.SECOND, Order.SECOND_SHOWN_FIRST, 0.25, 2.0),
            ("b", 0.25, -2.0, "ba"),
            ("a", 0.75, 2.0, "ab"),
        ),
        # A strength may be signed or a size: the verdict knows.
        (
            GivenLabel("k", "person", Verdict.SECOND, strength=-2.0),
            ("b", None, -2.0, "unknown"),
            ("a", None, 2.0, "unknown"),
        ),
        (
            GivenLabel("k", "person", Verdict.TIE, strength=0.5),
            ("tie", None, 0.5, "unknown"),
            ("tie", None, -0.5, "unknown"),
        ),
        (
            GivenLabel("k", "person", Verdict.BOTH_BAD),
            ("both_bad", None, None, "unknown"),
            ("both_bad", None, None, "unknown"),
        ),
        (
            GivenLabel("k", "person", None, Order.FIRST_SHOWN_FIRST, parse_status="unparsed"),
            (None, None, None, "ab"),
            (None, None, None, "ba"),
        ),
    ],
)
def test_a_label_as_it_is_stored(label, plain, turned):
    for reversed_, expected in ((False, plain), (True, turned)):
        row = orient_label(label, "s", reversed_)
        assert (row["label"], row["p_a"], row["strength"], row["order_shown"]) == expected


@pytest.mark.parametrize(
    ("label", "annotator", "family"),
    [
        (GivenLabel("Kim", "person", None), "person:s/Kim", "s/Kim"),
        (GivenLabel("GPT-4", "llm_judge", None), "llm_judge:s/GPT-4", "gpt-4"),
        (GivenLabel("gpt-4-0613", "llm_judge", None, family="gpt-4"), "llm_judge:s/gpt-4-0613", "gpt-4"),
        (GivenLabel("rm", "reward_model", None), "reward_model:s/rm", "rm"),
    ],
)
def test_a_person_is_known_within_a_source_and_a_model_everywhere(label, annotator, family):
    row = orient_label(label, "s", False)
    assert (row["annotator"], row["family"]) == (annotator, family)


def test_ratings_and_spans_name_their_response_by_id():
    told = {"annotator": "k", "kind": "person", "attribute": "x"}
    given_pair = dataclasses.replace(
        pair("p", "x", "y"),
        ratings=(GivenRating("second", value=3.0, **told),),
        spans=(GivenSpan("first", label="bad", start=0, end=1, text="x", **told),),
    )
    row = orient(given_pair, "s")
    x, y = (row["response_a_id"], row["response_b_id"])[:: -1 if row["reversed"] else 1]
    assert (row["spans"][0]["response_id"], row["ratings"][0]["response_id"]) == (x, y)
    assert (
        row["response_a_text" if row["spans"][0]["response_id"] == row["response_a_id"] else "response_b_text"] == "x"
    )


def test_the_content_is_the_same_whoever_tells_it():
    one = orient(pair("  p\r\n", "Cafe\u0301", "y"), "one")
    other = orient(pair("p", "Café ", "y"), "other")
    content = ("prompt_id", "comparison_id", "conversation_id", "prompt", "response_a", "response_b", "prompt_text")
    assert [one[name] for name in content] == [other[name] for name in content]
    assert one["origin"] == "data"


@pytest.mark.parametrize("what", ["prompt", "first", "second"])
def test_a_pair_needs_a_prompt_and_two_responses(what):
    with pytest.raises(ValueError, match="the prompt or a response has no message"):
        orient(dataclasses.replace(pair("p", "x", "y"), **{what: ()}), "s")


def test_conversations_are_rendered_with_their_roles():
    talk = (Message.of_text("system", "Be brief."), Message.of_text("user", "Why?"))
    row = orient(dataclasses.replace(pair("p", "x", "y"), prompt=talk), "s")
    assert row["prompt_text"] == "system: Be brief.\n\nuser: Why?"


def test_row_hash():
    assert row_hash({"b": 1, "a": "é"}) == row_hash({"a": "é", "b": 1}) != row_hash({"a": "é", "b": "1"})
    # It names anonymous rows in every store: never to change.
    assert row_hash(["x", 1, None]) == "8160c1db600ea421300ff40457cc38a7"
    assert len(row_hash("\ud800")) == 32
