import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prefcurate.schemas.formats.mapping_values import Values, forms, is_nothing, truth
from prefcurate.schemas.records import GivenLabel, Order, Verdict
from tests.schemas.formats.mapping_helper import mapping, pair, unreadable

F, S, T = Verdict.FIRST, Verdict.SECOND, Verdict.TIE
NUMBERS = {"1": "a", "2": "b", "0": "tie"}


def only(row: dict, **fields) -> GivenLabel:
    (label,) = pair(row, **fields).labels
    return label


def test_labels_that_are_made_once_differ_where_anything_about_them_does():
    votes = [
        {"v": word, "who": who, "kind": kind, "order": order}
        for word in ("a", "b", "tie")
        for who in ("x", "X", 7, "7", 7.5, None, "")
        for kind in ("person", "llm_judge", " Person ")
        for order in ("ab", "ba", "unknown")
    ]
    fields = {"annotator": "who", "kind": "kind", "order": "order"}
    together = pair({"votes": votes * 2}, label={"each": "votes", "path": "v", **fields}).labels
    alone = [only(vote, label={"path": "v", **fields}) for vote in votes]
    assert list(together) == alone * 2
    assert together[0] is together[len(votes)]


@pytest.mark.parametrize(
    ("values", "raw", "verdict"),
    [
        (NUMBERS, "1", F),
        (NUMBERS, 1, F),
        (NUMBERS, 1.0, F),
        (NUMBERS, "2 ", S),
        (NUMBERS, "2.0", S),
        (NUMBERS, 0, T),
        (NUMBERS, -0.0, T),
        (NUMBERS, True, F),
        (NUMBERS, False, T),
        ({1: "a", 2: "b", 0: "tie"}, "1", F),
        ({1: "a", 2: "b", 0: "tie"}, 2.0, S),
        ({1.5: "a", -1.5: "b"}, "-1.5", S),
        ({True: "a", False: "b"}, True, F),
        ({True: "a", False: "b"}, "false", S),
        ({True: "a", False: "b"}, "no", S),
        ({True: "a", False: "b"}, 0, S),
        ({"true": "a", "false": "b"}, True, F),
        ({"True": "a", "False": "b"}, False, S),
        ({"a": "a", "b": "b", None: "tie"}, None, T),
        ({"a": "a", "b": "b", None: "tie"}, math.nan, T),
        ({"a": "a", "b": "b", None: "tie"}, "null", T),
        ({"a": "a", "b": "b", "": "both_bad"}, "", Verdict.BOTH_BAD),
        ({"A": "b", "a": "a"}, "A", S),
        ({"model_a": "a", "model_b": "b", "tie (bothbad)": "both_bad"}, "tie (bothbad)", Verdict.BOTH_BAD),
        ({"x": "both_good"}, "x", Verdict.BOTH_GOOD),
        ({"x": "unratable"}, "x", Verdict.UNRATABLE),
        ({"10": "a", "1e1": "a"}, 10, F),
    ],
)
def test_values_of_any_spelling(values, raw, verdict):
    assert only({"v": raw}, label={"path": "v", "values": values}).verdict is verdict


@pytest.mark.parametrize("raw", ["3", 3, "x", "A", True, "01", "none", [1], 1.5])
def test_an_unknown_value_is_named_and_never_a_tie(raw):
    problem = unreadable({"v": raw}, label={"path": "v", "values": {"a": "a", "b": "b", "0": "tie"}})
    assert problem.reason == "unknown label"
    assert repr(raw) in problem.detail
    assert "'a', 'b', '0'" in problem.detail


@pytest.mark.parametrize("raw", [None, "", "  ", math.nan])
def test_no_label_is_a_pair_without_one(raw):
    assert pair({"v": raw}, label={"path": "v", "values": NUMBERS}).labels == ()


def test_a_text_key_none_is_not_null():
    fields = {"label": {"path": "v", "values": {"a": "a", "none": "both_bad"}}}
    assert pair({"v": None}, **fields).labels == ()
    assert only({"v": "none"}, **fields).verdict is Verdict.BOTH_BAD


def test_skip_uses_the_pair_without_label():
    assert pair({"v": "n/a"}, label={"path": "v", "values": {"1": "a", "n/a": "skip"}}).labels == ()


def test_an_absent_label_key_is_no_label_but_a_misspelt_one_is_an_error():
    label = {"path": "vote", "values": NUMBERS}
    assert pair({}, label=label).labels == ()
    problem = unreadable({"votes": 1}, label=label)
    assert problem.reason == "field missing"
    assert "did you mean 'votes'?" in problem.detail
    # A key that another field uses is not taken for a misspelling.
    assert pair({"votes": "w"}, label=label, annotator="votes").labels == ()
    # In a table every row has every column.
    assert unreadable({}, columns=True, label=label).reason == "field missing"


@pytest.mark.parametrize(
    ("path", "key"), [("vote_1", "vote_2"), ("vote", "vote_count"), ("model_a", "model_b"), ("v1", "v2")]
)
def test_a_sibling_is_no_misspelling(path, key):
    assert pair({key: 1}, label={"path": path, "values": NUMBERS}).labels == ()


@pytest.mark.parametrize(("path", "key"), [("vote", "Vote"), ("worker_vote", "worker_vots"), ("verdict", "veridct")])
def test_a_misspelling_is_an_error(path, key):
    assert repr(key) in unreadable({key: 1}, label={"path": path, "values": NUMBERS}).detail


def test_without_values_the_source_uses_our_words():
    assert only({"v": "A"}, label="v").verdict is F
    assert only({"v": "tie"}, label={"path": "v"}).verdict is T
    assert "say under `values`" in unreadable({"v": "left"}, label="v").detail


@pytest.mark.parametrize(
    ("label", "row", "verdict", "strength"),
    [
        ({"path": "d", "positive": "a"}, {"d": 2}, F, 2),
        ({"path": "d", "positive": "a"}, {"d": "-0.5"}, S, -0.5),
        ({"path": "d", "positive": "b"}, {"d": 3}, S, -3),
        ({"path": "d", "negative": "a"}, {"d": 3}, S, -3),
        ({"path": "d", "positive": "a", "zero": "both_bad"}, {"d": 0}, Verdict.BOTH_BAD, 0),
        ({"path": "d", "positive": "a", "min_gap": 1}, {"d": 0.9}, T, 0.9),
        ({"path": "d", "positive": "a", "min_gap": 1}, {"d": 1}, F, 1),
        ({"path_a": "x", "path_b": "y"}, {"x": 4, "y": 2}, F, 2),
        ({"path_a": "x", "path_b": "y"}, {"x": "2", "y": "2.0"}, T, 0),
        ({"path_a": "x", "path_b": "y", "higher_is_better": False}, {"x": 1, "y": 2}, F, 1),
        ({"path_a": "x", "path_b": "y", "min_gap": 2}, {"x": 1, "y": 2}, T, -1),
        ({"path_a": "x", "path_b": "y", "min_gap": 0.1}, {"x": 1.2, "y": 1.1}, F, 1.2 - 1.1),
        ({"path_a": "x", "path_b": "y", "min_gap": 0.1}, {"x": 0.3, "y": 0.2}, F, 0.3 - 0.2),
        ({"columns": {"a": "aw", "b": "bw", "tie": "t"}}, {"aw": 0, "bw": "1", "t": False}, S, None),
        ({"constant": "a"}, {}, F, None),
        ({"path": "w", "same_as": {"a": "ma", "b": "mb"}}, {"w": "gpt", "ma": "llama", "mb": "gpt"}, S, None),
        ({"path": "w", "same_as": {"a": "ma", "b": "mb"}, "values": {"tie": "tie"}}, {"w": "tie", "ma": "x"}, T, None),
    ],
)
def test_other_rules(label, row, verdict, strength):
    found = only(row, label=label)
    assert (found.verdict, found.strength) == (verdict, strength)


@pytest.mark.parametrize("value", ["nan", "NaN", float("nan"), ""])
def test_a_signed_label_that_is_no_number_is_none_and_no_tie(value):
    assert pair({"d": value}, label={"path": "d", "positive": "a"}).labels == ()


@pytest.mark.parametrize("value", ["inf", "-inf", float("inf")])
def test_an_infinite_label_is_unreadable(value):
    assert "no number" in unreadable({"d": value}, label={"path": "d", "positive": "a"}).detail


def test_rules_that_meet_what_they_do_not_know():
    winner = {"path": "w", "same_as": {"a": "ma", "b": "mb"}}
    assert "'ma' or 'mb'" in unreadable({"w": "bard", "ma": "x", "mb": "y"}, label=winner).detail
    flags = {"columns": {"a": "aw", "b": "bw"}}
    assert "both set" in unreadable({"aw": 1, "bw": 1}, label=flags).detail
    assert "neither set nor unset" in unreadable({"aw": "maybe", "bw": 1}, label=flags).detail
    assert pair({"aw": 0, "bw": 0}, label=flags).labels == ()
    assert "no number" in unreadable({"d": "much"}, label={"path": "d", "positive": "a"}).detail
    assert unreadable({"x": "good", "y": 1}, label={"path_a": "x", "path_b": "y"}).reason == "wrong type"


def test_two_ratings_are_kept_beside_the_label_they_make():
    found = pair(
        {"x": 4, "y": 2, "w": "kim"},
        label={"path_a": "x", "path_b": "y", "scale": [1, 5], "attribute": {"constant": "helpfulness"}},
        annotator="w",
    )
    assert [(r.of, r.value, r.annotator, r.attribute, r.scale_max) for r in found.ratings] == [
        ("first", 4, "kim", "helpfulness", 5),
        ("second", 2, "kim", "helpfulness", 5),
    ]
    # One rating alone makes no label, and is not lost.
    half = pair({"x": 4, "y": None}, label={"path_a": "x", "path_b": "y"})
    assert (half.labels, [r.value for r in half.ratings]) == ((), [4])


@pytest.mark.parametrize(
    ("order", "row", "expected"),
    [
        ({"constant": "ab"}, {}, Order.FIRST_SHOWN_FIRST),
        ("ba", {}, Order.SECOND_SHOWN_FIRST),
        ("o", {"o": "ba"}, Order.SECOND_SHOWN_FIRST),
        ("o", {"o": None}, Order.UNKNOWN),
        (None, {}, Order.UNKNOWN),
        ({"path": "swapped", "values": {True: "ba", False: "ab"}}, {"swapped": "true"}, Order.SECOND_SHOWN_FIRST),
        ({"path": "swapped", "values": {True: "ba", False: "ab"}}, {"swapped": 0}, Order.FIRST_SHOWN_FIRST),
    ],
)
def test_order(order, row, expected):
    found = only({"v": 1} | row, label={"path": "v", "values": NUMBERS}, **({"order": order} if order else {}))
    assert (found.verdict, found.order) == (F, expected)  # the order never moves what a label is about


@pytest.mark.parametrize(
    ("order", "raw", "verdict"), [("ab", 1, F), ("ab", 2, S), ("ba", 1, S), ("ba", 2, F), ("ba", 0, T)]
)
def test_labels_in_shown_order(order, raw, verdict):
    label = {"path": "v", "values": NUMBERS, "of": "shown", "p_a": "p"}
    found = only({"v": raw, "o": order, "p": 0.75}, label=label, order="o")
    assert (found.verdict, found.p_first) == (verdict, 0.75 if order == "ab" else 0.25)


def test_ratings_in_shown_order():
    found = pair({"x": 5, "y": 1, "o": "ba"}, label={"path_a": "x", "path_b": "y", "of": "shown"}, order="o")
    assert found.labels[0].verdict is S
    assert {r.of: r.value for r in found.ratings} == {"second": 5, "first": 1}


def test_shown_order_needs_the_order():
    label = {"path": "v", "values": NUMBERS, "of": "shown"}
    assert unreadable({"v": 1, "o": ""}, label=label, order="o").reason == "unknown order"


def test_order_and_kind_that_nobody_knows():
    label = {"path": "v", "values": NUMBERS}
    assert "'first'" in unreadable({"v": 1, "o": "first"}, label=label, order="o").detail
    problem = unreadable({"v": 1, "k": "robot"}, label=label, kind="k")
    assert "person, llm_judge, reward_model, program" in problem.detail
    values = {"path": "k", "values": {"h": "person", "m": "llm_judge"}}
    assert only({"v": 1, "k": "m"}, label=label, kind=values).kind == "llm_judge"
    assert "known values: 'h', 'm'" in unreadable({"v": 1, "k": "x"}, label=label, kind=values).detail


@pytest.mark.parametrize(
    ("raw", "name"), [("kim", "kim"), (17, "17"), (17.0, "17"), (None, "anonymous"), ("", "anonymous"), (True, "true")]
)
def test_annotator(raw, name):
    assert only({"v": 1, "w": raw}, label={"path": "v", "values": NUMBERS}, annotator="w").annotator == name


def test_everything_else_that_is_said_about_a_label():
    found = only(
        {"v": 1, "p": 0.8, "s": "3", "why": " clear ", "crit": "tone", "n": 2, "site": "x", "w": 7},
        label={
            "path": "v", "values": NUMBERS, "p_a": "p", "strength": "s", "rationale": "why", "attribute": "crit",
            "context": {"constant": "expert"}, "principle": {"constant": "be kind"}, "sample": "n",
            "annotator": "{site}-{w}", "kind": "llm_judge", "family": {"constant": "gpt"},
        },
    )  # fmt: skip
    assert found == GivenLabel(
        annotator="x-7", kind="llm_judge", verdict=F, p_first=0.8, strength=3, attribute="tone", context="expert",
        principle="be kind", sample=2, rationale="clear", family="gpt",
    )  # fmt: skip


def test_a_probability_alone_makes_a_label():
    assert [only({"p": p}, p_a="p").verdict for p in (0.9, 0.5, 0.1)] == [F, T, S]
    assert unreadable({"p": 1.2}, p_a="p").reason == "wrong type"


class TestSeveralOpinions:
    LABELS = [
        {"path": "v1", "values": NUMBERS, "annotator": {"constant": "kim"}, "kind": "person"},
        {"path": "v2", "values": NUMBERS, "annotator": "w2", "kind": "llm_judge", "order": "ba"},
    ]

    def test_a_list(self):
        one, two = pair({"v1": 1, "v2": 2, "w2": "gpt"}, label=self.LABELS).labels
        assert (one.annotator, one.kind, one.verdict, one.order) == ("kim", "person", F, Order.UNKNOWN)
        assert (two.annotator, two.kind, two.verdict, two.order) == ("gpt", "llm_judge", S, Order.SECOND_SHOWN_FIRST)

    def test_one_that_is_missing(self):
        (two,) = pair({"v1": None, "v2": 0, "w2": "gpt"}, label=self.LABELS).labels
        assert (two.annotator, two.verdict) == ("gpt", T)

    def test_one_bad_among_good_stays_as_unparsed(self):
        one, two = pair({"v1": "?", "v2": 2, "w2": "gpt"}, label=self.LABELS).labels
        assert (one.annotator, one.verdict, one.parse_status, one.raw_output) == ("kim", None, "unparsed", "?")
        assert (two.verdict, two.parse_status) == (S, "ok")

    def test_all_bad_is_unreadable(self):
        assert unreadable({"v1": "?", "v2": "!", "w2": "gpt"}, label=self.LABELS).reason == "unknown label"

    def test_each(self):
        label = {"each": "votes", "path": "v", "values": NUMBERS, "annotator": "by.name", "order": "o", "kind": "k"}
        votes = [
            {"v": 1, "by": {"name": "kim"}, "o": "ab", "k": "person"},
            {"v": "2", "by": {"name": "bo"}, "o": "ba", "k": "llm_judge"},
            {"v": None, "by": {"name": "al"}, "o": "ba", "k": "person"},
            None,
            {"v": 0, "by": {}, "k": "person"},
        ]
        found = [(x.annotator, x.kind, x.verdict, x.order) for x in pair({"votes": votes}, label=label).labels]
        assert found == [
            ("kim", "person", F, Order.FIRST_SHOWN_FIRST),
            ("bo", "llm_judge", S, Order.SECOND_SHOWN_FIRST),
            ("anonymous", "person", T, Order.UNKNOWN),
        ]

    @pytest.mark.parametrize("votes", [[], None, "", math.nan])
    def test_each_over_nothing(self, votes):
        assert pair({"votes": votes}, label={"each": "votes", "path": "v", "values": NUMBERS}).labels == ()
        assert pair({}, label={"each": "votes", "path": "v", "values": NUMBERS}).labels == ()

    def test_each_over_bare_values_with_their_place(self):
        found = pair({"votes": [1, 2, 1]}, label={"each": "votes", "values": NUMBERS, "annotator": "worker-{@index}"})
        assert [(x.annotator, x.verdict) for x in found.labels] == [("worker-0", F), ("worker-1", S), ("worker-2", F)]

    def test_each_over_an_object_by_worker(self):
        found = pair(
            {"votes": {"kim": "1", "bo": "2"}}, label={"each": "votes", "values": NUMBERS, "annotator": "@key"}
        )
        assert [(x.annotator, x.verdict) for x in found.labels] == [("kim", F), ("bo", S)]

    def test_each_with_fields_of_the_row(self):
        label = {"each": "votes", "path": "v", "values": NUMBERS, "annotator": "{$.team}/{w}"}
        (found,) = pair({"votes": [{"v": 1, "w": 3}], "team": "red", "m": "ba"}, label=label, order="m").labels
        assert (found.annotator, found.order) == ("red/3", Order.SECOND_SHOWN_FIRST)

    def test_each_bad_vote(self):
        label = {"each": "votes", "path": "v", "values": NUMBERS}
        found = pair({"votes": [{"v": 1}, {"v": 9}]}, label=label).labels
        assert [(x.verdict, x.parse_status, x.raw_output) for x in found] == [(F, "ok", None), (None, "unparsed", "9")]
        assert "'v' is 9" in unreadable({"votes": [{"v": 9}]}, label=label).detail

    def test_each_in_json_text(self):
        label = {"each": {"path": "votes", "json": True}, "path": "v", "values": NUMBERS}
        assert [x.verdict for x in pair({"votes": '[{"v": 1}, {"v": 2}]'}, label=label).labels] == [F, S]
        assert unreadable({"votes": "[{"}, label=label).reason == "bad JSON"

    def test_each_over_what_is_no_list(self):
        assert "should be a list" in unreadable({"votes": "kim"}, label={"each": "votes", "path": "v"}).detail
        assert "write `.`" in unreadable({"votes": [1]}, label={"each": "votes", "path": "v"}).detail


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ({"path": "v", "values": {1: "left"}}, "'a', 'b', 'tie'"),
        ({"path": "v", "values": {1: "a", "1": "a", "x": "b"}, "constant": "a"}, "path and constant"),
        ({"values": {1: "a"}}, "none of them"),
        ({"path_a": "x"}, "go together"),
        ({"path": "v", "positive": "a", "negative": "a"}, "both 'a'"),
        ({"path": "v", "positive": "a", "values": {1: "a"}}, "use one"),
        ({"path": "v", "kind": {"constant": "human"}}, "'human' is none of person"),
        ({"path": "v", "order": {"path": "o", "values": {1: "first"}}}, "'first' is none of ab, ba"),
        ({"path": "v[", "values": {1: "a"}}, "no field path"),
        ({"path": "v", "valeus": {1: "a"}}, "Extra inputs"),
    ],
)
def test_a_wrong_description_is_refused(label, words):
    with pytest.raises(ValidationError) as error:
        mapping(label=label)
    assert words in str(error.value)


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_infinity=False), st.text(max_size=5)))
def test_every_value_finds_its_own_key(value):
    if is_nothing(value) and value is not None and not isinstance(value, str):
        value = None
    assert Values.of({value: "a", "another value": "b"}).get(value) == "a"
    assert forms(value)


def test_flags():
    assert [truth(x) for x in (1, "1", True, "true", "Yes", 0, "0", False, "no", None, "", "2", "x")] == (
        [True] * 5 + [False] * 6 + [None] * 2
    )
