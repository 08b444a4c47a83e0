"""Annotators of known faults among honest ones are found, and honest ones are left alone."""

from dataclasses import fields

import numpy as np
import pytest

from prefcurate.transforms.report.quality.agreement import label_kappas
from prefcurate.transforms.report.quality.findings import CHECKS, Quality, checks_of, find_quality
from prefcurate.transforms.report.quality.rows import annotator_rows
from tests.transforms.report.quality.crowds import FAULTS, crowd, guesses, honest, opinion, opinions

HEARD_AS = {"too_fast": {"too_fast", "guessing"}, "worse_later": {"worse_later"}, "better_later": {"better_later"}}
"""Where more than the fault's own check may well speak."""


def found(quality: Quality) -> dict[str, tuple[str, ...]]:
    names = [name.removeprefix("person:made/") for name, *_ in quality.measured.opinions.annotators]
    told = {name: checks_of(quality, i) for i, name in enumerate(names)}
    return {name: checks for name, checks in told.items() if checks}


@pytest.fixture(scope="module")
def planted() -> Quality:
    return find_quality(opinions(crowd(FAULTS)))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_called_by_its_name(planted, fault):
    assert fault in found(planted)[f"planted-{fault}"]


def test_honest_ones_are_left_alone(planted):
    """One call in twenty of a sort may be chance: of some fifty calls in four crowds two or three."""
    crowds = [planted, *(find_quality(opinions(crowd(FAULTS, seed=seed))) for seed in range(1, 4))]
    assert sum(name.startswith("honest") for told in crowds for name in found(told)) <= 3


@pytest.mark.parametrize("seed", range(4))
def test_a_crowd_without_faults_has_hardly_any_findings(seed):
    assert sum(map(len, found(find_quality(opinions(crowd({}, seed=seed)))).values())) <= 1


def test_little_is_said_of_few_answers():
    rows = crowd({}) + [
        opinion("new", {"item": i, "prompt": 1, "first": 1}, guesses({}, 0, np.random.default_rng(i)), i)
        for i in range(5)
    ]
    assert "new" not in found(find_quality(opinions(rows)))


def test_who_is_quick_and_right_is_left_alone():
    rows = crowd({"quick": honest})
    for row in rows:
        if row["annotator"].endswith("planted-quick"):
            row["seconds"] *= 0.1
    told = find_quality(opinions(rows))
    assert "planted-quick" not in found(told)
    row = next(row for row in annotator_rows(told) if row.annotator.endswith("planted-quick"))
    assert row.hasty_share > 0.9
    assert row.seconds < row.usual_seconds / 3
    assert "s median against" in row.said


def test_who_has_no_peers_is_held_against_none():
    """One judge beside a crowd: others say something of its pairs, but nobody else is of its kind."""
    rows = crowd({}, workers=12)
    judge = [
        row | {"annotator": "llm_judge:made/judge", "kind": "llm_judge", "family": "judge", "act": row["act"] + 3}
        for row in rows
        if row["annotator"].endswith("honest-0")
    ]
    told = {row.annotator: row for row in annotator_rows(find_quality(opinions(rows + judge)))}
    alone, among = told["llm_judge:made/judge"], told["person:made/honest-1"]
    assert (alone.usual_agreement, alone.usual_seconds, alone.hasty_share) == (None, None, None)
    assert alone.agreement > 0.6
    assert alone.seconds > 0
    assert "peers" not in alone.said
    assert "its peers on" in among.said
    assert among.usual_seconds > 0


def test_a_copy_and_its_original_are_named_and_do_not_bear_each_other_out():
    rows = crowd({"guessing": guesses})
    copy = [
        row | {"annotator": "person:made/copy", "family": "made/copy", "act": row["act"] + 1}
        for row in rows
        if row["annotator"].endswith("planted-guessing")
    ]
    told = find_quality(opinions(rows + copy))
    assert {"guessing", "copy"} <= set(found(told)["copy"]) & set(found(told)["planted-guessing"])
    row = next(row for row in annotator_rows(told) if row.annotator.endswith("/copy"))
    assert (row.copy_of, row.copy_shared) == ("person:made/planted-guessing", 120)
    assert "the same as person:made/planted-guessing on nearly all of 120 shared pairs" in row.said


def test_agreement_with_a_copy_is_no_agreement():
    rows = crowd({"guessing": guesses})
    guessed = [row for row in rows if row["annotator"].endswith("planted-guessing")]
    copies = [
        row | {"annotator": f"person:made/copy-{k}", "family": f"made/copy-{k}", "act": row["act"] + k}
        for row in guessed
        for k in range(1, 30)
    ]
    told = next(
        row for row in annotator_rows(find_quality(opinions(rows + copies))) if row.annotator.endswith("copy-1")
    )
    assert abs(told.kappa_quadratic) < 0.2
    assert told.agreement < 0.65


def test_rows_that_are_sorted_by_the_label_say_nothing_of_places():
    """Chosen stands before rejected: who made the file is not lazy. One who always says the first among others is."""
    chosen = [
        opinion("authors", {"item": i, "prompt": i, "first": 1 - 2 * (i % 2)}, 1 - 2 * (i % 2), i, shown=False)
        for i in range(200)
    ]
    told = find_quality(opinions(chosen))
    assert found(told) == {}
    (row,) = annotator_rows(told)
    assert (row.first_share, row.tie_share, row.longest_run) == (None, 0.0, None)
    rows = [row | {"shown": False} for row in crowd({"lazy": lambda pair, *_: pair["first"]})]
    assert "one_answer" in found(find_quality(opinions(rows)))["planted-lazy"]


def test_whom_everybody_resembles_gives_no_more_of_one_answer_than_is_usual():
    rng = np.random.default_rng(0)
    rows = []
    for who in range(30):
        for i in range(150):
            tie = who == 0 and i % 10 == 0
            label = 0 if tie else 1 if rng.random() < 0.88 + 0.1 * (who == 0) else -1
            rows.append(opinion(f"w{who}", {"item": i, "prompt": i, "first": 1}, label, i))
    told = find_quality(opinions(rows))
    first, tie = told.measured.answered.share[0, :2]
    assert first > 0.85
    assert tie == pytest.approx(0.1), "ten times what is usual, but not what it answers"
    assert "one_answer" not in found(told).get("w0", ())


def test_all_who_lean_to_a_place_that_is_drawn_are_told():
    """That all do it is no excuse where the better one stands first as often as not."""
    rng = np.random.default_rng(0)
    rows = []
    for who in range(14):
        for i in range(200):
            pair = {"item": i, "prompt": i, "first": int(rng.choice([1, -1])), "truth": 1 if i % 3 else -1}
            rows.append(opinion(f"w{who}", pair, pair["first"] if rng.random() < 0.6 else honest(pair, i, rng), i))
    told = found(find_quality(opinions(rows)))
    assert sum("first_shown" in checks for checks in told.values()) == 14


def test_which_response_is_a_means_nothing(planted):
    rows = crowd(FAULTS)
    for row in rows:
        if row["item"] % 2:
            row |= {name: -row[name] for name in ("label", "first", "longer", "formatted")}
    assert found(find_quality(opinions(rows))) == found(planted)


def test_shards_and_their_order_change_no_bit(planted):
    again = find_quality(opinions(list(reversed(crowd(FAULTS))), parts=3))
    for field in fields(planted.measured.leaning):
        assert np.array_equal(
            getattr(planted.measured.leaning, field.name), getattr(again.measured.leaning, field.name)
        )
    assert annotator_rows(again) == annotator_rows(planted)


def test_labels_of_one_ranking_are_one_act():
    """Who ranks ten answers at random contradicts the others 45 times, but in one act: that is no evidence."""
    rows = crowd({})
    pair = [row for row in rows if row["annotator"].endswith("honest-0")]
    ranked = [
        row | {"annotator": "person:made/ranks", "family": "made/ranks", "act": 5, "label": -row["label"]}
        for row in pair[:45]
    ]
    assert "ranks" not in found(find_quality(opinions(rows + ranked)))
    apart = [row | {"act": 10 + i} for i, row in enumerate(ranked)]
    assert "against_others" in found(find_quality(opinions(rows + apart)))["ranks"]


def test_a_crowd_under_one_name_is_not_an_annotator():
    rows = crowd({})
    pool = [
        row
        | {
            "annotator": "person:made/anonymous",
            "family": "made/anonymous",
            "act": row["act"] + 7,
            "label": -row["label"],
        }
        for row in rows
        if row["annotator"].endswith(("honest-1", "honest-2", "honest-3", "honest-4"))
    ]
    told = find_quality(opinions(rows + pool))
    assert "anonymous" not in found(told)
    assert "person:made/anonymous" not in {row.annotator for row in annotator_rows(told)}


def test_gold_that_others_gave_counts_more_than_a_wrong_majority():
    """Three of four guess alike (they favour the longer); gold says who is right."""
    rng = np.random.default_rng(3)
    rows = []
    for i in range(200):
        truth, longer = int(rng.choice([1, -1])), int(rng.choice([1, -1]))
        pair = {"item": i, "prompt": i, "first": 1, "longer": 0}
        rows += [opinion(f"long-{k}", pair, longer if rng.random() < 0.9 else -longer, i, gold=truth) for k in range(3)]
        rows.append(opinion("right", pair, truth if rng.random() < 0.9 else -truth, i, gold=truth))
    told = find_quality(opinions(rows))
    named = dict(
        zip([name for name, *_ in told.measured.opinions.annotators], told.measured.leaning.value[:, 0], strict=True)
    )
    assert named["person:made/right"] > 0.6
    assert all(abs(named[f"person:made/long-{k}"]) < 0.3 for k in range(3))


def test_rows_tell_the_gravest_first_and_count_right(planted):
    rows = annotator_rows(planted)
    ranked = sorted((row for row in rows if row.rank), key=lambda row: row.rank)
    assert [row.rank for row in ranked] == list(range(1, len(ranked) + 1))
    gravity = [CHECKS.index(row.findings[0]) for row in ranked]
    assert gravity == sorted(gravity)
    tie = next(row for row in rows if row.annotator.endswith("planted-one_answer"))
    assert (tie.n, tie.compared, tie.agreement, tie.tie_share) == (120, 0, None, 1.0)
    good = next(row for row in rows if row.annotator.endswith("honest-0"))
    assert good.agreement_low < good.agreement < good.agreement_high
    assert good.kappa_low < good.kappa_quadratic < good.kappa_high
    assert abs(good.agreement - good.usual_agreement) < 0.15
    assert (good.rank, good.findings, good.false_discovery_rate, good.order) == (None, (), None, "time")


def test_kappa_of_a_source_is_that_of_its_couples():
    kappa = label_kappas(find_quality(opinions(crowd({}, workers=20))).measured)["made", "person", "overall"]
    assert kappa.couples == 190
    assert kappa.quadratic.low < kappa.quadratic.value < kappa.quadratic.high
    # Two who are right 80 times of 100 agree on .68 of the pairs: kappa is .36.
    assert kappa.quadratic.value == pytest.approx(0.36, abs=0.12)


def test_nobody_is_no_reason_to_fail():
    told = find_quality(opinions([]))
    assert (annotator_rows(told), label_kappas(told.measured)) == ((), {})
