"""A decision in words: what a person reads of its worths and changes."""

from prefcurate.pipelines.explain import becomes, change_lines, worth_lines
from prefcurate.pipelines.show import show
from prefcurate.transforms.consensus.acts import BOTH, DIVIDED, FIRST, PLAIN
from prefcurate.transforms.consensus.change import Change
from prefcurate.transforms.consensus.decide import Beliefs, Decision
from prefcurate.transforms.consensus.explain import Explained
from prefcurate.transforms.consensus.how import How, last_how, model_of
from prefcurate.transforms.consensus.options import ConsensusOptions, policy_of
from prefcurate.transforms.consensus.worth import Worth, Worths
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.store.store import Store
from tests.helpers import label, pair, run_stage
from tests.transforms.consensus.test_stage import assign_gold, crowd, good_one, make_store, rows, stage

HOW = How("votes@1", 0.75, False, 7, GoldOptions(), "label-model-x.json")
OPINIONS = (
    Worth("llm_judge:gpt4", "", "llm_judge", 1, BOTH, False, True, 1.0986),
    Worth("person:s/ann", "", "person", -1, PLAIN, True, True, -0.6931),
    Worth("llm_judge:claude", "", "llm_judge", 0, DIVIDED, False, True, 0.0),
    Worth("llm_judge:coin", "", "llm_judge", 1, FIRST, False, False, 0.0),
    Worth("", "elsewhere", "", 0, 0, False, True, 0.4055),
)


def made(decision, label=None, accuracy=0.8):
    weight = None if decision in ("drop", "hold") else 1.0
    return Decision(0.66, 0.29, 0.05, label, decision, accuracy, None, weight, "")


def explained(*changes, worths=OPINIONS, calibration=1.0, on_gold=False, today=None):
    beliefs = Beliefs(0.66, 0.29, 0.05, 0.6, "a", 3, None, "")
    return Explained(HOW, today or made("keep", "a"), Worths(worths, beliefs, calibration, 3, on_gold), changes)


def words(lines):
    return " ".join(" ".join(lines).split())


def test_opinions_are_odds_that_multiply():
    text = words(worth_lines(explained()))
    for expected in (
        "by policy votes@1, min_accuracy 0.75",
        "llm_judge:gpt4: A (in both orders) 3.00 to 1 for A",
        "person:s/ann: B (gold) 2.00 to 1 for B",
        "llm_judge:claude: neither for neither side; a tie is likelier",
        "not counted: no better than chance on gold",
        "the same responses in other pairs 1.50 to 1 for A",
        "all together 2.25 to 1 for A",
        "A is better with 66%, B with 29%, neither with 5%",
    ):
        assert expected in text, f"{expected}\n{text}"
    assert "to the power" not in text
    for on_gold, knows in ((False, "without gold nobody sees how far"), (True, "gold shows how far")):
        text = words(worth_lines(explained(calibration=0.6, on_gold=on_gold)))
        assert f"shares errors, and {knows}: all of it is taken to the power 0.60" in text
    assert "nobody who counts" in words(worth_lines(explained(worths=())))


def test_strangers_names_cannot_command_the_terminal():
    evil = Worth("person:\x1b[2Jx" + "y" * 300, "", "person", 1, PLAIN, False, True, 1.0)
    text = "\n".join(worth_lines(explained(worths=(evil,))))
    assert "\x1b" not in text and max(map(len, text.splitlines())) <= 100


def test_what_would_change_it_in_words():
    changes = (
        Change("people", made("soften", "b", 0.7), "b", number=2),
        Change("people", made("flip", "b"), "b", number=4),
        Change("people", made("keep", "a"), "a", number=5),
        Change("gold", made("drop"), "b"),
        Change("proof", made("flip", "b"), number=14, of=20),
        Change("without", made("drop"), who="llm_judge:gpt4"),
        Change("without", made("drop"), who="person:s/ann"),
        Change("min_accuracy", made("drop"), number=0.81),
    )
    text = words(change_lines(explained(*changes)))
    for expected in (
        "- two more people for B: B would be published with its probability (70%); with four, it would be flipped: B would be",
        "- five more people for A would change nothing",
        "- a gold label that says B: it would be dropped",
        "- gold on 20 pairs like this one, at least 14 of them showing that the label which came is wrong: it would be flipped",
        "- had llm_judge:gpt4 or person:s/ann said nothing: it would be dropped",
        "- `consensus.min_accuracy` from 0.81: it would be dropped",
        "- a line in the overrides file",
    ):
        assert expected in text, f"{expected}\n{text}"
    lower = Change("min_accuracy", made("keep", "a"), number=0.7)
    assert "up to 0.70: the label that came (A)" in words(change_lines(explained(lower, today=made("drop"))))
    assert "nothing that was tried" in words(change_lines(explained()))


def test_every_decision_has_words():
    for decision in ("keep", "flip", "assign", "soften", "drop", "hold"):
        assert becomes(made(decision, "b"))


def test_a_store_explains_its_flips(tmp_path):
    store = make_store(tmp_path, crowd(300, gold=220))
    assign_gold(store, lambda prompt: "fit")
    run_stage(stage(store))
    how = last_how(store)
    assert (
        how.policy == policy_of("default").title
        and how.gold.annotators == ("person:experts/*",)
        and model_of(store, how)
    )
    found = rows(store, "consensus")
    truth = good_one(store)
    flip = next(row for row in found.values() if row["decision"] == "flip" and row["comparison_id"] in truth)
    text = words(show(store, flip["comparison_id"]).splitlines())
    assert "What each opinion is worth here" in text and "all together" in text
    assert "how such labels fare against gold" in text or "gold on this pair itself" in text
    side = flip["label"].upper()
    assert f"A is better with {flip['p_a']:.0%}, B with {flip['p_b']:.0%}" in text
    assert f"to 1 for {side}" in text.split("all together")[1]
    assert "What would change it (each decided anew)" in text


def test_a_store_that_cannot_explain_says_why(tmp_path):
    store = make_store(tmp_path, [pair("p", "good", "bad", label("first", "ann"))])
    run_stage(stage(store))
    (identity,) = rows(store, "consensus")
    assert "What each opinion is worth" in show(store, identity)
    more = {
        "data": [pair("p", "good", "bad", label("first", "ann"))],
        "late": [pair("p", "good", "bad", label("second", "zoe"))],
    }
    grown = make_store(tmp_path, more)
    assert "opinions have come or gone since it was decided" in words(show(grown, identity).splitlines())
    for path in (tmp_path / "store" / "_artefacts").glob("label-model-*"):
        path.unlink()
    text = words(show(Store.open(store.root), identity).splitlines())
    assert "the model that decided is not there" in text and "what would change it" in text


def test_an_override_stands_above_what_is_explained(tmp_path):
    store = make_store(tmp_path, crowd(12, gold=0))
    chosen = sorted(good_one(store))[0]
    path = tmp_path / "overrides.csv"
    path.write_text(f"comparison_id,label,who,why\n{chosen},drop,Ann,spam\n")
    run_stage(stage(store, ConsensusOptions(min_accuracy=0.5), overrides=str(path)))
    text = words(show(store, chosen).splitlines())
    assert "because: override by Ann: spam" in text and "without the override: " in text
    assert "What each opinion is worth here" in text
