"""`prefcurate diff` on real changes of a store: what happened to each pair, and why."""

import pyarrow.parquet as pq
import pytest

from prefcurate.pipelines.diff import BandMove, diff, render
from prefcurate.transforms.publish.options import PublishOptions
from prefcurate.transforms.store.store import Store, StoreError
from tests.helpers import ingest, make_store, pair, source
from tests.transforms.publish.stores import decide_all, ids, publish

NAMES = ["same", "flipped", "redecided", "moved", "nudged", "weighed", "dropped", "recovered", "left", "duplicate"]


@pytest.fixture(scope="module")
def changed(tmp_path_factory) -> tuple[Store, str, str]:
    """Two releases of a store that lost a source, gained another, and had its consensus made anew in between."""
    folder = tmp_path_factory.mktemp("changed")
    pairs = {name: pair(name, f"good {name}", f"bad {name}") for name in [*NAMES, "gained"]}
    stays = source(folder, "stays", [pairs[name] for name in NAMES if name != "left"])
    leaves, comes = source(folder, "leaves", [pairs["left"]]), source(folder, "comes", [pairs["gained"]])
    store = ingest(folder / "store", [stays, leaves])
    decide_all(store, recovered={"decision": "hold", "reason": "one more opinion"})
    first = publish(store)
    ingest(folder / "store", [stays, comes])
    decide_all(
        store,
        flipped={"decision": "flip", "label": "b", "p_a": 0.05, "reason": "four judges agree on B"},
        redecided={"decision": "soften", "p_a": 0.7},
        moved={"p_a": 0.8},
        nudged={"p_a": 0.88},
        weighed={"weight": 0.25},
        dropped={"decision": "drop", "reason": "opinions are split"},
    )
    return store, first.release_id, publish(store).release_id


def test_every_change_is_counted_once_with_its_reason(changed):
    found = diff(*changed)
    assert {(each.kind, each.reason, each.pairs) for each in found.reasons} == {
        ("added", "new among the comparisons", 1),
        ("added", "was withheld: held", 1),
        ("removed", "withheld: dropped", 1),
        ("removed", "no longer among the comparisons of the configured sources", 1),
        ("flipped", "four judges agree on B", 1),
        ("redecided", "people agree", 1),
        ("probability", "people agree", 1),
        ("details", "people agree", 2),
    }
    assert (found.rows_a, found.rows_b, found.unchanged) == (9, 9, 2)
    assert found.unchanged + sum(found.count(k) for k in ("flipped", "redecided", "probability", "details")) == 7


def test_examples_say_before_and_after(changed):
    store, a, b = changed
    examples = {change.kind: change for change in diff(store, a, b).examples}
    flipped = examples["flipped"]
    assert flipped.comparison_id == ids(store)["flipped"]["comparison_id"]
    assert flipped.prompt == "flipped"
    assert flipped.before == "train, keep by consensus, p_chosen 0.900, weight 1.000, hard"
    assert flipped.after == "train, flip by consensus, p_chosen 0.950, weight 1.000, hard"
    removed = [change for change in diff(store, a, b).examples if change.kind == "removed"]
    assert {change.reason for change in removed} >= {"withheld: dropped (opinions are split)"}
    assert len(diff(store, a, b, examples=1).examples) == 6


def test_a_band_that_changed_is_told_whatever_else_is_the_same(tmp_path):
    store = make_store(tmp_path, [pair(name, f"good {name}", f"bad {name}") for name in ("same", "banded", "both")])
    decide_all(store, **dict.fromkeys(("same", "banded", "both"), {"agreement": 1.0}))
    first = publish(store)
    decide_all(
        store, same={"agreement": 1.0}, banded={"agreement": 0.75}, both={"agreement": 0.4, "decision": "soften"}
    )
    publish(store)
    found = diff(store, first.release_id)
    assert {(each.kind, each.reason, each.pairs) for each in found.reasons} == {
        ("band", "from easy to medium", 1),
        ("redecided", "people agree", 1),
    }
    assert found.unchanged == 1
    assert found.bands == (BandMove("easy", "hard", 1), BandMove("easy", "medium", 1))
    (banded,) = [change for change in found.examples if change.kind == "band"]
    assert (banded.prompt, banded.before[-6:], banded.after[-8:]) == ("banded", ", easy", ", medium")
    text = render(found)
    assert "2 pairs of both are in another curriculum band: 1 from easy to hard, 1 from easy to medium" in text
    assert "1 same decision, in another curriculum band" in text
    assert "curriculum" not in render(diff(store, "current"))


def test_a_release_from_before_there_were_bands_has_no_other_band(tmp_path):
    store = make_store(tmp_path, [pair("same", "good", "bad"), pair("other", "one", "two")])
    decide_all(store)
    first = publish(store)
    for file in first.files("train"):
        table = pq.read_table(file)
        pq.write_table(table.drop_columns(["band"]), file)
    decide_all(store, other={"weight": 0.5})
    publish(store)
    found = diff(store, first.release_id)
    assert (found.unchanged, found.count("details"), found.bands) == (1, 1, ())
    (told,) = found.examples
    assert (told.before, told.after) == (
        "train, keep by consensus, p_chosen 0.900, weight 1.000",
        "train, keep by consensus, p_chosen 0.900, weight 0.500, hard",
    )


def test_masked_texts_are_the_same_sides_and_a_flip_under_a_mask_is_a_flip(tmp_path):
    mail = "write to {}@example-mail.org today"
    store = make_store(
        tmp_path,
        [
            pair("plain", "one", "two"),
            pair("masked", mail.format("ann"), "no address"),
            pair("both", mail.format("bob"), f"or {mail.format('eve')}"),
            pair("turned", mail.format("joe"), f"or {mail.format('sue')}"),
        ],
    )
    decide_all(store)
    first = publish(store)
    decide_all(store, turned={"decision": "flip", "label": "b", "p_a": 0.05})
    publish(store, PublishOptions.model_validate({"splits": {"train": 1}, "mask_personal_data": True}))
    found = diff(store, first.release_id)
    assert {(each.kind, each.pairs) for each in found.reasons} == {("details", 2), ("flipped", 1)}
    assert {change.prompt for change in found.examples if change.kind == "details"} == {"masked", "both"}
    assert found.unchanged == 1


def test_in_words(changed):
    text = render(diff(*changed))
    for words in (
        "9 pairs, of which 2 are as they were",
        "1 published with the opposite label",
        "four judges agree on B",
        "was withheld: held, consensus waits for another opinion",
        "not published",
    ):
        assert words in text, text
    assert "another split" not in text


def test_backwards_what_was_added_is_removed(changed):
    store, a, b = changed
    there, back = diff(store, a, b), diff(store, b, a)
    assert (there.count("added"), there.count("removed")) == (back.count("removed"), back.count("added"))
    # Today's consensus did not lead to the older release: its reasons are not claimed.
    assert {each.reason for each in back.reasons if each.kind == "flipped"} == {
        "consensus of another state of the store"
    }


def test_current_and_beginnings_of_ids_name_releases(changed):
    store, a, b = changed
    assert diff(store, a[:8], "current") == diff(store, a, b)
    same = render(diff(store, "current", b))
    assert "nothing changed" in same


@pytest.mark.parametrize("name", ["0", "next", ""])
def test_an_unknown_name_lists_what_there_is(changed, name):
    store, a, b = changed
    if name and (a.startswith(name) != b.startswith(name)):
        pytest.skip("the hash happens to begin so")
    with pytest.raises(StoreError) as caught:
        diff(store, name or "zz", "current")
    assert a in str(caught.value) and b in str(caught.value)


def test_a_store_without_releases_says_how_to_get_one(tmp_path):
    with pytest.raises(StoreError, match="prefcurate run CONFIG"):
        diff(make_store(tmp_path, [pair("q", "one", "two")]), "current")


def test_a_prompt_cannot_command_the_terminal(tmp_path):
    store = make_store(tmp_path, [pair("evil \x1b[2J\u202e", "one", "two"), pair("calm", "three", "four")])
    decide_all(store, calm={"decision": "drop"})
    first = publish(store)
    decide_all(store, **{"evil \x1b[2J\u202e": {"decision": "drop", "reason": "\x1b[31mred"}})
    publish(store, PublishOptions.model_validate({"splits": {"train": 1}}))
    text = render(diff(store, first.release_id))
    assert "\x1b" not in text and "\u202e" not in text
    assert "evil \\x1b[2J\\u202e" in text
