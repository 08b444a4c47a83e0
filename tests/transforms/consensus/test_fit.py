"""The label model on planted votes: what it must find, and what must not move it."""

import numpy as np
import pytest

from prefcurate.transforms.consensus.acts import BOTH, DIVIDED, FIRST, PLAIN, SECOND, acts_of, find_voices
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.model import LabelModel, load_model, save_model
from prefcurate.transforms.consensus.options import POLICIES
from prefcurate.transforms.consensus.posterior import posterior
from prefcurate.transforms.consensus.votes import NO_LABEL, gold_truth, label_without_gold, majority, votes_of
from tests.transforms.consensus.planted import Planted

POLICY = POLICIES["votes"]


def fitted(planted: Planted) -> LabelModel:
    return fit_label_model(planted.votes(), POLICY)


def chances(votes, model=None, with_gold=False):
    model = model or fit_label_model(votes, POLICY)
    acts = acts_of(votes, model.voices)
    acts = acts if with_gold else acts.keep(~acts.gold)
    return posterior(model, acts, votes.fold, gold_truth(votes) != NO_LABEL, votes.sides)


def figures(model: LabelModel, name: str):
    return next(f for f in model.annotators if f.annotator == name)


def accuracy_of(model: LabelModel, name: str, cell: int = PLAIN) -> float:
    return model.reliability[0].accuracy[model.voices.names.index(name), cell]


def best(p):
    return np.where(p[:, 0] > p[:, 1], 1, np.where(p[:, 1] > p[:, 0], -1, 0))


FIVE = {"v/a": 0.95, "v/b": 0.85, "v/c": 0.75, "v/d": 0.65, "v/e": 0.55}


def five(gold=0, pairs=800, seed=1) -> Planted:
    planted = Planted(pairs, seed)
    for name, accuracy in FIVE.items():
        planted.voter(name, accuracy, share=0.9)
    planted.gold(gold)
    return planted


@pytest.mark.parametrize("gold", [0, 150])
def test_planted_accuracies_are_recovered_with_and_without_gold(gold):
    model = fitted(five(gold))
    for name, accuracy in FIVE.items():
        assert accuracy_of(model, name) == pytest.approx(accuracy, abs=0.07)


def test_accuracy_on_gold_comes_with_its_interval_and_only_where_there_is_gold():
    with_gold, without = fitted(five(200)), fitted(five(0))
    for name, accuracy in FIVE.items():
        found = figures(with_gold, name)
        assert found.accuracy_low <= accuracy <= found.accuracy_high
        assert found.accuracy_low < found.accuracy < found.accuracy_high
        assert figures(without, name).accuracy is None
        assert figures(without, name).n_gold == 0
    assert figures(with_gold, "v/a").status == "trusted"
    assert figures(with_gold, "v/e").status in ("believed_less", "excluded")
    assert figures(with_gold, "person:gold/expert").status == "gold"


def test_consensus_beats_majority_and_is_calibrated():
    planted = five(200, pairs=1500)
    votes = planted.votes()
    p = chances(votes)
    rest = gold_truth(votes) == NO_LABEL
    counted = ~votes.gold
    crowd = majority(votes.pair[counted], votes.label[counted], votes.pairs)
    right = (best(p) == planted.truth)[rest]
    assert right.mean() > (crowd == planted.truth)[rest].mean() + 0.03
    assert p.max(axis=1)[rest].mean() == pytest.approx(right.mean(), abs=0.03)


def test_hand_worked_naive_bayes():
    # Two voters with known reliability say a, one says b; tie share .01, no tempering, slope 1.
    planted = five(0, pairs=50)
    planted.rows = []
    for name, label in (("v/a", 1), ("v/b", 1), ("v/c", -1)):
        planted.add(0, name, label)
    votes = planted.votes()
    model = fit_label_model(votes, POLICY)
    plain = model.reliability[0]
    n = len(model.voices.names)
    for values, told in ((plain.accuracy, 0.8), (plain.tie_if_better, 0.1), (plain.tie_if_tie, 0.5)):
        values[...] = told
    object.__setattr__(model, "correlation", 0.0)
    object.__setattr__(model, "shared", 1.0)
    object.__setattr__(model, "tie_share", 0.1)
    object.__setattr__(model, "slopes", (1.0,) * 6)
    a = 0.45 * (0.9 * 0.8) ** 2 * (0.9 * 0.2)
    b = 0.45 * (0.9 * 0.2) ** 2 * (0.9 * 0.8)
    tie = 0.1 * 0.25**3
    p = chances(votes, model)[0]
    assert n == 3
    assert p == pytest.approx(np.array([a, b, tie]) / (a + b + tie), abs=1e-8)


def test_exchanging_a_and_b_everywhere_mirrors_the_probabilities_exactly():
    for gold in (0, 60):
        planted = five(gold, pairs=400)
        planted.voter("judge", 0.7, kind="llm_judge", order=1)
        votes = planted.votes()
        model, mirrored = fit_label_model(votes, POLICY), fit_label_model(votes.mirrored(), POLICY)
        assert model.reliability[0].accuracy.tolist() == mirrored.reliability[0].accuracy.tolist()
        assert chances(votes, model).tolist() == chances(votes.mirrored(), mirrored)[:, [1, 0, 2]].tolist()


def test_order_of_rows_and_split_into_shards_change_no_byte():
    planted = five(60, pairs=300)
    whole = fit_label_model(planted.votes(), POLICY).to_json()
    shuffled = [planted.rows[i] for i in np.random.default_rng(3).permutation(len(planted.rows))]
    assert fit_label_model(votes_of([planted.table(shuffled)]), POLICY).to_json() == whole
    low = [row for row in shuffled if row["pair"] < 150]
    high = [row | {"pair": row["pair"] - 150} for row in shuffled if row["pair"] >= 150]
    assert fit_label_model(votes_of([planted.table(low), planted.table(high)]), POLICY).to_json() == whole


@pytest.mark.parametrize("family", [None, "v/b"])
def test_an_exact_copy_of_an_annotator_moves_no_probability(family):
    planted = five(100, pairs=400)
    before = chances(planted.votes())
    for row in [row for row in planted.rows if row["annotator"] == "v/b"]:
        for copy in range(5):
            planted.rows.append(row | {"annotator": f"copy{copy}", "family": family or f"copy{copy}"})
    after = chances(planted.votes())
    assert np.abs(before - after).max() < 0.01


def test_ten_generations_of_one_head_do_not_outvote_three_people():
    planted = Planted(300, 4)
    people = [planted.voter(f"p/{i}", 0.85) for i in range(3)]
    for generation in range(10):
        head = np.random.default_rng(9).random(300) < 0.6  # nearly the same head every week
        for pair in range(300):
            noise = planted.rng.random() < 0.02
            vote = planted.truth[pair] if head[pair] != noise else -planted.truth[pair]
            planted.add(pair, f"head{generation}", vote, kind="reward_model", family="head")
    p = chances(planted.votes())
    crowd = np.sign(np.sum(people, axis=0))
    unanimous = np.abs(np.sum(people, axis=0)) == 3
    assert (best(p) == crowd)[unanimous].all()


def test_a_judge_that_says_first_is_discounted_and_its_bias_is_told():
    planted = Planted(600, 5)
    for name in ("v/a", "v/b", "v/c"):
        planted.voter(name, 0.8)
    for pair in range(600):
        order = 1 if planted.rng.random() < 0.5 else -1
        biased = planted.rng.random() < 0.7
        planted.add(pair, "judge", order if biased else planted.truth[pair], kind="llm_judge", order=order)
    planted.gold(150)
    model = fitted(planted)
    assert figures(model, "judge").position_bias > 0.25
    assert accuracy_of(model, "judge", FIRST) < 0.7
    assert accuracy_of(model, "judge", SECOND) > accuracy_of(model, "judge", FIRST) + 0.1


def test_both_orders_that_agree_are_believed_more_and_flips_are_counted():
    planted = Planted(600, 6)
    for name in ("v/a", "v/b", "v/c"):
        planted.voter(name, 0.85)
    for pair in range(600):
        knows = planted.rng.random() < 0.5
        for order in (1, -1):
            planted.add(pair, "judge", planted.truth[pair] if knows else order, kind="llm_judge", order=order)
    model = fitted(planted)
    assert figures(model, "judge").flip_rate == pytest.approx(0.5, abs=0.07)
    assert accuracy_of(model, "judge", BOTH) > 0.9


def test_a_wrong_majority_of_length_followers_is_not_followed_where_gold_says_so():
    planted = Planted(500, 7)
    # On these pairs the shorter answer is always the better one.
    planted.longer = -planted.truth
    for i in range(4):
        follows = planted.rng.random(500) < 0.95
        for pair in range(500):
            planted.add(pair, f"long{i}", planted.longer[pair] if follows[pair] else -planted.longer[pair], "llm_judge")
    planted.voter("careful", 0.85)
    planted.gold(100)
    votes = planted.votes()
    model = fit_label_model(votes, POLICY)
    rest = gold_truth(votes) == NO_LABEL
    assert [figures(model, f"long{i}").status for i in range(4)] == ["excluded"] * 4
    assert figures(model, "long0").length_bias > 0.4
    assert (best(chances(votes, model)) == planted.truth)[rest].mean() > 0.8


def test_ties_are_found_where_voters_say_them():
    planted = Planted(600, 8, ties=0.2)
    for i in range(5):
        planted.voter(f"v/{i}", 0.85, tie_if_tie=0.7)
    p = chances(planted.votes())
    says_tie = p[:, 2] > p[:, :2].max(axis=1)
    assert (planted.truth[says_tie] == 0).mean() > 0.8
    assert (says_tie[planted.truth == 0]).mean() > 0.6


def test_labels_derived_from_one_act_count_as_one_act_of_gold():
    planted = Planted(200, 9)
    planted.voter("lucky", 1.0, judgement=77)  # one ranking that gave all pairs
    planted.voter("steady", 0.9)
    planted.voter("third", 0.8)
    planted.gold(100)
    model = fitted(planted)
    assert figures(model, "lucky").n_gold == 1
    assert figures(model, "steady").n_gold == 100
    assert accuracy_of(model, "lucky") < accuracy_of(model, "steady")


def test_crowds_without_names_are_many_people_and_named_people_are_one():
    planted = Planted(100, 10)
    for _ in range(3):
        planted.voter("crowd", 0.8)
    planted.voter("named", 0.8)
    planted.add(0, "named", planted.truth[0])
    votes = planted.votes()
    voices = find_voices(votes)
    assert voices.pools == {"crowd"}
    acts = acts_of(votes, voices)
    assert (np.bincount(acts.pair)[0], np.bincount(acts.pair)[1]) == (4, 4)


def test_cells_tell_how_an_act_came_about():
    planted = Planted(10, 11)
    for pair, votes in enumerate(
        [[(1, 1), (1, -1)], [(1, 1)], [(-1, 1)], [(1, 0)], [(1, 1), (1, -1), (-1, 1)], [(1, 1), (-1, -1)]]
    ):
        for label, order in votes:
            planted.add(pair, "judge", label, "llm_judge", order=order)
    acts = acts_of(planted.votes(), find_voices(planted.votes()))
    assert acts.cell.tolist()[:5] == [BOTH, FIRST, SECOND, PLAIN, DIVIDED]
    assert acts.vote.tolist() == [1, 1, -1, 1, 1, 0]


def test_probabilities_of_a_gold_pair_never_saw_its_fold():
    planted = five(100, pairs=200)
    votes = planted.votes()
    model = fit_label_model(votes, POLICY)
    # Turning the gold of fold 0 round must not change what its pairs are judged by.
    for row in planted.rows:
        if row["gold"] and row["fold"] == 0:
            row["label"] = -row["label"]
    turned = fit_label_model(planted.votes(), POLICY)
    assert model.reliability[1].accuracy.tolist() == turned.reliability[1].accuracy.tolist()
    assert np.abs(model.reliability[2].accuracy - turned.reliability[2].accuracy).max() > 0.02


def test_label_without_gold_is_of_people_first():
    planted = Planted(3, 12)
    planted.add(0, "p", 1)
    planted.add(0, "j1", -1, "llm_judge")
    planted.add(0, "j2", -1, "llm_judge")
    planted.add(0, "gold", -1, gold=True)
    planted.add(1, "j1", -1, "llm_judge")
    planted.add(1, "ours", 1, "llm_judge", given=False)
    planted.add(2, "p", 1)
    planted.add(2, "q", -1)
    assert label_without_gold(planted.votes()).tolist() == [1, -1, NO_LABEL]


def test_no_votes_at_all_and_a_single_vote_give_a_model():
    empty = fit_label_model(votes_of([Planted(0).table()]), POLICY)
    assert empty.annotators == ()
    planted = Planted(1)
    planted.add(0, "only", 1)
    p = chances(planted.votes())[0]
    assert 0.75 < p[0] < 0.85


def test_the_model_is_one_small_document_named_by_its_content(tmp_path):
    model = fitted(five(60, pairs=100))
    path = save_model(str(tmp_path), model)
    assert save_model(str(tmp_path), model) == path
    assert load_model(path).to_json() == model.to_json()
    with pytest.raises(ValueError, match="version 99"):
        LabelModel.from_json(model.to_json().replace('"version":2', '"version":99'))
