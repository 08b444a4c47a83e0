"""What is said of each source's labels, on a store whose figures are known by hand."""

import pytest

from prefcurate.pipelines.query import QueryError, query_store
from prefcurate.transforms.intervals import wilson
from prefcurate.transforms.report import words
from prefcurate.transforms.report.findings import Findings
from prefcurate.transforms.report.voices import RuleShare, Voice
from prefcurate.transforms.store.store import Store
from tests.helpers import label, make_store, pair
from tests.transforms.publish.stores import ids, put
from tests.transforms.report.planted import page, report

LONG, LIST, PLAIN = "a long response " * 3, "- one\n- two\n- three", "so"
EVIL = "<b>harm</b>"
SIDES = {"1": "audit", "2": "audit", "3": "fit"}


def crowd():
    """Of six pairs the longer wins three, loses one, ties one, and one is drawn; one has no label."""
    return [
        pair("1", LONG, PLAIN, label("first", "kim", order="12"), label("first", "lee", order="21")),
        pair("2", PLAIN, LONG, label("second", "kim", order="12")),
        pair("3", PLAIN, LONG, label("second", "kim"), label("second", "lee"), label("first", "max")),
        pair("4", PLAIN, LONG, label("first", "kim", order="12"), label("unratable", "lee")),
        pair("5", LONG, PLAIN, label("both_bad", "kim", order="21")),
        pair("6", LONG, PLAIN, label("first", "kim"), label("second", "lee")),
        pair("7", LONG, PLAIN),
        pair("8", "same length", "equal chars", label("first", "kim", attribute=EVIL)),
        pair("9", LIST, LONG, label("first", "gpt", "llm_judge")),
    ]


def experts():
    """Gold for three pairs of the crowd."""
    said = ((LONG, PLAIN, "second"), (PLAIN, LONG, "second"), (PLAIN, LONG, "first"))
    return [pair(str(i), first, second, label(verdict)) for i, (first, second, verdict) in enumerate(said, 1)]


def alike():
    """Thirty pairs under three prompts: the longer wins all of two of them and none of the third."""
    return [pair(f"a{i // 10}", f"{LONG}{i}", f"{PLAIN}{i}", label("first" if i < 20 else "second")) for i in range(30)]


def orders():
    """Judges asked in both orders, one of whom answers by place, and people under one name."""
    both = [label("first", "gpt", "llm_judge", order="12"), label("second", "gpt", "llm_judge", order="21")]
    people = [label("first", "anonymous"), label("first", "anonymous")]
    return [pair(f"o{i}", "x", "y", *both, label("first", "claude", "llm_judge"), *people) for i in range(12)]


def mostly(verdict: str, other: str, what: str, many: int = 40, **about):
    """The first response is the longer one; nine of ten labels say the one thing."""
    return [pair(f"{what}{i}", LONG, PLAIN, label(verdict if i % 10 else other, **about)) for i in range(many)]


def coins():
    """Three annotators, all of whose combinations are as frequent."""
    said = ("first", "second")
    return [pair(f"c{i}", "x", "y", *(label(said[(i >> j) % 2], f"w{j}") for j in range(3))) for i in range(64)]


def filled(root, shards: int) -> Store:
    judge = {"annotator": "j", "kind": "llm_judge", "order": "12"}
    sources = {
        "crowd": crowd(),
        "experts": experts(),
        "tied": [pair("t", LONG, PLAIN, label("tie"))],
        "alike": alike(),
        "orders": orders(),
        "long": mostly("first", "second", "l", **judge),
        "short": mostly("second", "first", "s"),
        "few": mostly("first", "first", "f", 19),
        "coins": coins(),
    }
    store = make_store(root, sources, shards)
    prompts = {prompt: ids(store)[prompt]["prompt_id"] for prompt in SIDES}
    put(store, "gold", [{"prompt_id": p, "prompt_cluster": p, "side": SIDES[name]} for name, p in prompts.items()])
    return store


@pytest.fixture(scope="module")
def reported(tmp_path_factory) -> tuple[Store, Findings]:
    store = filled(tmp_path_factory.mktemp("sources"), 4)
    return store, report(store)


@pytest.fixture(scope="module")
def voice(reported):
    """The voice of a source, a kind and an attribute."""

    def find(source: str, kind: str = "person", attribute: str = "overall") -> Voice:
        wanted = (source, kind, attribute)
        return next(v for v in reported[1].voices if (v.source, v.kind, v.attribute) == wanted)

    return find


def share(won: float, n: int) -> RuleShare:
    """A share of pairs that are each under a prompt of their own."""
    low, high = wilson(won / n, n)
    return RuleShare(n, n, round(won / n, 6), round(low, 6), round(high, 6))


def test_pairs_labels_and_rules_are_counted_by_hand(voice):
    found = voice("crowd")
    assert (found.pairs, found.labelled, found.decided, found.tied, found.drawn) == (9, 6, 4, 1, 1)
    assert found.verdicts == {"first": 5, "second": 4, "both_bad": 1, "unratable": 1}, "in the order of the rows"
    longer = found.rule("longer")
    assert longer.wins == share(3, 4)
    assert longer.accuracy == share(3.5, 5), "a tie counts half; the drawn pair has no label"
    # kim's and lee's labels of pair 1 were given in both orders; the tie is half.
    shown = found.rule("first_shown")
    assert (shown.wins.n, shown.wins.prompts, shown.wins.share) == (4, 3, 0.5)
    assert (shown.accuracy.n, shown.accuracy.share) == (5, 0.5)
    assert [rule.rule for rule in found.rules] == ["longer", "first_shown"]


def test_attributes_and_kinds_are_told_apart(reported, voice):
    voices = [(v.kind, v.attribute) for v in reported[1].voices if v.source == "crowd"]
    assert voices == [("person", "overall"), ("person", EVIL), ("llm_judge", "overall")]
    assert voice("crowd", attribute=EVIL).labelled == 1
    judge = voice("crowd", "llm_judge")
    assert (judge.pairs, judge.rule("longer").wins.share, judge.rule("items").wins.share) == (9, 0.0, 1.0)
    tied = voice("tied")
    assert (tied.tied, tied.rule("longer").wins, tied.rule("longer").accuracy.share) == (1, None, 0.5)


def test_pairs_of_one_prompt_are_worth_less(voice):
    found = voice("alike").rule("longer").wins
    # The variance between three prompts is (10/30)² (1/9 + 1/9 + 4/9) 3/2; that of thirty independent pairs 2/9/29.
    worth = 30 / ((6 / 9 / 9 * 1.5) / (2 / 9 / 29))
    assert (found.n, found.prompts) == (30, 3)
    assert (found.low, found.high) == pytest.approx(wilson(2 / 3, worth), abs=2e-6)


def test_gold_that_was_held_out_is_asked_too(voice):
    assert voice("crowd").rule("longer").gold == share(1, 2), "gold of side fit is not the report's"
    assert voice("crowd").rule("first_shown").gold.n == 3, "labels are shown in an order, not pairs"
    assert voice("long", "llm_judge").rule("longer").gold is None


def test_one_judge_is_one_annotator_and_people_of_one_name_are_many(voice):
    people, judges = voice("orders").alpha, voice("orders", "llm_judge").alpha
    assert (people.pairs, people.labels, people.prompts, people.same) == (12, 24, 12, 1.0)
    assert (judges.labels, judges.same) == (24, 0.0), "an answer that turns with the order is a tie"
    assert voice("long", "llm_judge").alpha is None


def test_a_rule_that_alone_says_the_labels_and_annotators_who_toss_coins_are_remarked(reported):
    low, high = wilson(0.9, 40)
    of_40 = f"90.0% (95% interval {low:.1%} to {high:.1%}) of 40"
    *of_rules, shown, short = [said for said in words.remarks(reported[1]) if said.startswith(("long", "short", "few"))]
    assert of_rules == [
        f"long (LLM judges): the longer response wins {of_40} decided pairs: labels may be about length."
    ]
    assert shown.startswith(
        f"long (LLM judges): the response shown first wins {of_40} preferences whose order is known; "
    )
    assert short == f"short (people): the shorter response wins {of_40} decided pairs: labels may be about length."
    (tossed,) = [said for said in words.remarks(reported[1]) if said.startswith("coins")]
    assert tossed.startswith("coins (people): agreement with one another cannot be told from chance (alpha 0.01, 95%")


def test_the_page_shows_it_and_what_strangers_wrote_is_no_markup(reported):
    text = page(reported[0])
    assert "Sources side by side" in text and "sources-chart" in text
    assert EVIL not in text
    assert "people, &lt;b&gt;harm&lt;/b&gt;" in text


def test_the_figures_are_a_view_once_there_is_a_report_whatever_the_number_of_shards(reported, tmp_path):
    store, found = reported
    other = filled(tmp_path, 1)
    with pytest.raises(QueryError, match="and sources once the stage report has run"):
        query_store(other, "SELECT * FROM sources")
    assert report(other).voices == found.voices
    wanted = "SELECT what, n, prompts, value FROM sources WHERE source = 'crowd' AND kind = 'person' AND attribute = 'overall'"
    rows = query_store(store, f"{wanted} AND measure = 'pairs'").read_all().to_pylist()
    assert [(row["what"], row["n"], row["value"]) for row in rows] == [
        ("pairs", 9, 1.0), ("labelled", 6, 0.666667), ("decided", 4, 0.444444), ("tied", 1, 0.111111), ("drawn", 1, 0.111111),
    ]  # fmt: skip
    (wins,) = query_store(store, f"{wanted} AND measure = 'wins' AND what = 'longer'").read_all().to_pylist()
    assert wins == {"what": "longer", "n": 4, "prompts": 4, "value": 0.75}
    of_coins = query_store(
        store,
        "SELECT what, n FROM sources WHERE source = 'coins' AND measure = 'agreement' AND what NOT LIKE 'kappa%'",
    ).read_all()
    assert of_coins.to_pylist() == [{"what": what, "n": 64} for what in ("same", "alpha", "alpha_nominal")]
