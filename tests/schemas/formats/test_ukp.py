import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.schemas.formats.ukp import UkpReader, elements
from prefcurate.schemas.records import Order, Unreadable, Verdict
from tests.schemas.formats.reading import labels_of, outcomes, pairs_of, read_bytes, read_sample, text_of, verdicts

VOTE = "<mTurkAssignment><turkID>{who}</turkID><value>{value}</value><reason>{why}</reason></mTurkAssignment>"
PAIR = (
    "<annotatedArgumentPair><id>{id}</id><arg1><stance>Yes</stance><text>{first}</text></arg1>"
    "<arg2><stance>{stance}</stance><text>Second</text></arg2>"
    "<debateMetaData><title>Tea?</title>{about}</debateMetaData>"
    "<mTurkAssignments>{votes}</mTurkAssignments></annotatedArgumentPair>\n"
)


def vote(value="a1", who="w1", why="because"):
    return VOTE.format(value=value, who=who, why=why)


def pair(votes="", first="First", stance="Yes", about="", id="p1"):
    return PAIR.format(votes=votes, first=first, stance=stance, about=about, id=id)


def read(*pairs: str, head: str = '<?xml version="1.0"?>\n', tail: str = "</list>\n"):
    return read_bytes(UkpReader(), "debate.xml", (head + "<list>\n" + "".join(pairs) + tail).encode())


def test_the_sample():
    rows = read_sample(UkpReader(), "ukp-convarg")
    assert outcomes(rows) == {"Pairs": 480}
    labels = labels_of(rows)
    assert verdicts(labels) == {"first": 990, "second": 969, "tie": 436}
    assert len({label.annotator for label in labels}) == 905
    assert sorted({len(found.labels) for found in pairs_of(rows)}) == [4, 5]  # five pairs have four votes
    assert {label.order for label in labels} == {Order.UNKNOWN} and all(label.rationale for label in labels)
    assert len({row.row_id for row in rows}) == 480


def test_the_first_pair_of_the_sample():
    found = pairs_of(read_sample(UkpReader(), "ukp-convarg", keep="tv-is-better-than-books_tv"))[0]
    (prompt,) = text_of(found.prompt)
    assert prompt == (
        'In the debate "TV is better than Books", make a convincing argument for this side: TV\n\n'
        "About the debate: TV is better than books because, it is faster and some people can't read."
    )
    assert text_of(found.first)[0].startswith("I'm not sayin this cuz I love the tube")
    assert text_of(found.second)[0].startswith("TV can be better than books because TV can show")
    assert [(label.annotator, label.verdict) for label in found.labels] == [
        ("worker-a97e800689b4", Verdict.FIRST),
        ("worker-963066dbe671", Verdict.SECOND),
        ("worker-b046fafccbb9", Verdict.SECOND),
        ("worker-53007b8507b6", Verdict.TIE),
        ("worker-00d10d02cd9e", Verdict.SECOND),
    ]


def test_votes_that_say_nothing_are_kept_as_such():
    (row,) = read(pair(vote("a3") + vote("", who="w2") + vote("equal", who="w3", why="")))
    states = [(v.annotator, v.verdict, v.parse_status, v.raw_output) for v in labels_of([row])]
    assert states == [("w1", None, "unparsed", "a3"), ("w2", None, "empty", ""), ("w3", Verdict.TIE, "ok", None)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (pair(stance="No"), "two prompts"),
        (pair(first=" "), "field missing"),
        (pair(vote(who="")), "field missing"),
        ("<annotatedArgumentPair/>", "field missing"),
    ],
)
def test_a_pair_that_cannot_be_used_leaves_the_others(bad, reason):
    rows = read(bad, pair(vote()))
    assert outcomes(rows) == {reason: 1, "Pairs": 1}
    assert [row.line for row in rows] == [1, 2] and "annotatedArgumentPair" in rows[0].raw


def test_a_pair_without_votes_is_a_pair():
    (row,) = read(pair())
    assert outcomes([row]) == {"Pairs": 1} and labels_of([row]) == []


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE list [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE list [<!ENTITY file SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE list SYSTEM "http://localhost/list.dtd">',
    ],
)
def test_a_file_that_could_define_entities_is_refused(head):
    rows = read(pair(vote(), first="&file;"), head=head)
    assert outcomes(rows) == {"XML refused": 1}


def test_text_is_text():
    (row,) = read(pair(vote(), first="a &lt;b&gt; &amp; &#233; <![CDATA[<i>]]>"))
    assert text_of(pairs_of([row])[0].first) == ["a <b> & é <i>"]


@pytest.mark.parametrize("tail", ["", "<annotatedArgumentPair><id>", "</wrong>", "\x01</list>", "&nothing;</list>"])
def test_pairs_before_a_break_are_read(tail):
    rows = read(pair(vote()), pair(vote("a2"), id="p2"), tail=tail)
    assert outcomes(rows) == {"Pairs": 2, "bad XML": 1}
    assert "line" in rows[-1].outcome.detail and rows[-1].line == 3


def test_deep_and_endless_elements_are_refused():
    deep = "<annotatedArgumentPair>" + "<a>" * 50_000
    assert outcomes(read(pair(vote()), deep)) == {"Pairs": 1, "XML refused": 1}


def test_a_file_broken_off_in_its_compression():
    data = ("<list>" + "".join(pair(vote(), id=f"p{i}") for i in range(5_000)) + "</list>").encode()
    with gzip.open(io.BytesIO(gzip.compress(data)[:-30])) as stream:
        *good, last = elements(stream, "annotatedArgumentPair")
    assert isinstance(last, Unreadable) and last.reason == "file broken off"
    assert len(good) > 4_000


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(data):
    for row in read_bytes(UkpReader(), "debate.xml", b"<list>" + pair(vote()).encode() + data):
        assert row.line >= 1
