"""Policies that believe machines only as far as people bear them out, and that know which model wrote a response."""

import numpy as np
import pytest

from prefcurate.transforms.consensus.acts import acts_of
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.options import POLICIES
from prefcurate.transforms.consensus.posterior import by_models, posterior
from prefcurate.transforms.consensus.votes import NO_LABEL, gold_truth
from prefcurate.transforms.consensus.words import said_of_models
from tests.transforms.consensus.planted import Planted
from tests.transforms.consensus.test_beside import chances, judged, right, tournaments

NEW = ["borne-out", "models", "models-length"]


def add_judges(planted, shared, number=3):
    """Judges that say the same but for one time in ten."""
    for judge in range(number):
        odd = planted.rng.random(planted.pairs) < 0.1
        for pair in range(planted.pairs):
            said = -shared[pair] if odd[pair] else shared[pair]
            planted.add(pair, f"judge{judge}", said, kind="llm_judge", given=False)


def with_a_favour(seed=0, likes="longer"):
    """Half of the time judges say the truth, half of the time what is longer (or more formatted): a coin for the truth."""
    planted = Planted(400, seed)
    planted.format = 0.5 * np.where(planted.rng.random(planted.pairs) < 0.5, 1, -1)
    liked = planted.longer if likes == "longer" else np.sign(planted.format)
    add_judges(planted, np.where(planted.rng.random(planted.pairs) < 0.5, planted.truth, liked))
    planted.gold(100)
    return planted


def chose(told, liked):
    """Where the response that is liked is the more probable one."""
    return np.sign(told[:, 0] - told[:, 1]) == liked


def surer(told, here):
    """How much surer the model is here than elsewhere."""
    sure = np.abs(told[:, 0] - told[:, 1])
    return float(sure[here].mean() - sure[~here].mean())


@pytest.mark.parametrize(("likes", "number"), [("longer", "length"), ("formatted", "format")])
def test_what_judges_like_is_taken_off_where_gold_does_not_bear_it_out(likes, number):
    planted = with_a_favour(likes=likes)
    votes = planted.votes()
    told, model = chances(votes, "borne-out")
    assert getattr(model.beside, number)[0] < -0.2
    liked = planted.longer if likes == "longer" else np.sign(planted.format).astype(int)
    # Against their liking judges are right nearly always, with it two times of three.
    assert surer(told, ~chose(told, liked)) > surer(chances(votes, "learned")[0], ~chose(told, liked)) + 0.05


def test_length_is_no_voter():
    # Here the longer response is better more often than the judges say: only a policy that says so may count it.
    planted = judged(500, seed=1)
    planted.longer = np.where(planted.rng.random(planted.pairs) < 0.8, planted.truth, -planted.truth)
    for row in planted.rows:
        row["length"] = 0.3 * float(planted.longer[row["pair"]])
    assert set(fit_label_model(planted.votes(), POLICIES["borne-out"]).beside.length) == {0.0}
    assert right(planted, "models-length") > right(planted, "models") + 0.02


def stars(seed=0):
    """Four pairs a prompt, all with one response, which judges like for no reason; a tenth has gold."""
    prompts = 120
    planted = Planted(4 * prompts, seed)
    planted.sides = np.array([(10 * p, 10 * p + 1 + other) for p in range(prompts) for other in range(4)])
    liked = np.repeat(np.where(planted.rng.random(prompts) < 0.5, 1, -1), 4)
    add_judges(planted, np.where(planted.rng.random(planted.pairs) < 0.45, liked, planted.truth))
    planted.gold(60)
    return planted


def test_judges_that_share_a_liking_for_a_response_prove_nothing_about_its_other_pairs():
    planted = stars()
    votes = planted.votes()
    # Less than nothing: what judges say of a response everywhere is their liking of it.
    assert fit_label_model(votes, POLICIES["borne-out"]).beside.machines_worth[0] < 0


def test_what_people_say_elsewhere_counts_as_before():
    planted = tournaments(prompts=10, responses=8)
    for number in range(4):
        planted.voter(f"w{number}", 0.7, share=0.5)
    assert right(planted, "borne-out") >= right(planted, "learned") - 0.005


def arena(seed=0, pairs=900, models=5):
    """Models of different strength, one noisy judge, and labels for a few."""
    planted = Planted(pairs, seed)
    planted.models = np.array([planted.rng.choice(models, 2, replace=False) for _ in range(pairs)]) + 100
    strength = np.linspace(-1.2, 1.2, models)
    odds = strength[planted.models[:, 0] - 100] - strength[planted.models[:, 1] - 100]
    planted.truth = np.where(planted.rng.random(pairs) < 1 / (1 + np.exp(-odds)), 1, -1)
    planted.voter("judge", 0.65, kind="llm_judge", given=False)
    planted.gold(90)
    return planted


def test_which_model_wrote_a_response_counts_under_the_policy_that_says_so():
    planted = arena()
    assert right(planted, "models") > right(planted, "borne-out") + 0.03
    beside = fit_label_model(planted.votes(), POLICIES["models"]).beside
    assert beside.models.tolist() == [100, 101, 102, 103, 104]
    assert np.argsort(beside.strengths[0]).tolist() == [0, 1, 2, 3, 4]
    assert not len(fit_label_model(planted.votes(), POLICIES["borne-out"]).beside.models)


def test_models_of_few_pairs_and_pairs_of_one_known_model_have_no_strength():
    planted = arena()
    planted.models[:19] = (7, 100)
    planted.models[19:40, 1] = 0
    for row in planted.rows:
        row["model_a"], row["model_b"] = (int(m) for m in planted.models[row["pair"]])
    votes = planted.votes()
    model = fit_label_model(votes, POLICIES["models"])
    assert 7 not in model.beside.models and 0 not in model.beside.models
    odds = by_models(model, votes.fold, gold_truth(votes) != NO_LABEL, votes.sides)
    assert set(odds[:40].tolist()) == {0.0}
    assert np.count_nonzero(odds[40:]) > 800


def test_judges_may_be_worth_less_on_one_kind_of_task():
    planted = Planted(500)
    planted.task = planted.rng.integers(1, 3, planted.pairs)
    sure = np.where(planted.rng.random(planted.pairs) < 0.9, planted.truth, -planted.truth)
    coin = np.where(planted.rng.random(planted.pairs) < 0.5, 1, -1)
    add_judges(planted, np.where(planted.task == 1, sure, coin))
    planted.voter("came", 0.75)
    votes = planted.votes()
    told, model = chances(votes, "borne-out")
    good, bad = model.beside.of_tasks[0]
    assert model.beside.tasks.tolist() == [1, 2]
    assert good > bad + 0.2
    assert surer(told, planted.task == 1) > surer(chances(votes, "learned")[0], planted.task == 1) + 0.05


@pytest.mark.parametrize("policy", NEW)
def test_exchanging_a_and_b_changes_no_bit(policy):
    planted = tournaments(prompts=12)
    planted.models = np.array([planted.rng.choice(4, 2, replace=False) for _ in range(planted.pairs)]) + 1
    planted.task = planted.rng.integers(1, 3, planted.pairs)
    planted.format = planted.rng.normal(size=planted.pairs)
    planted.voter("judge", 0.7, kind="llm_judge")
    planted.voter("other", 0.75, kind="llm_judge")
    planted.voter("worker", 0.8)
    planted.voter("second", 0.7)
    planted.gold(40)
    votes = planted.votes()
    one, model = chances(votes, policy)
    other, turned = chances(votes.mirrored(), policy)
    assert one.tolist() == other[:, [1, 0, 2]].tolist()
    assert _numbers(model) == _numbers(turned)


def _numbers(model):
    return [[np.asarray(each).tolist() for each in value] for value in vars(model.beside).values()]


@pytest.mark.parametrize("policy", NEW)
def test_an_exact_copy_of_a_judge_moves_nothing(policy):
    planted = judged(200)
    before, _ = chances(planted.votes(), policy)
    planted.rows += [row | {"annotator": "copy", "family": "copy"} for row in planted.rows if row["annotator"] == "own"]
    after, _ = chances(planted.votes(), policy)
    assert np.abs(before - after).max() <= 0.01


def test_a_shard_alone_says_the_same_of_its_pairs():
    planted = arena()
    votes = planted.votes()
    together, model = chances(votes, "models")
    read = LabelModel.from_json(model.to_json())
    part = votes.keep(np.arange(votes.pairs) % 3 == 0)
    alone = posterior(read, acts_of(part, read.voices), part.fold, gold_truth(part) != NO_LABEL, part.sides)
    assert alone.tolist() == together[::3].tolist()


def test_the_models_word_is_told_where_it_counts():
    assert said_of_models(0.05) == ""
    assert said_of_models(np.log(2.0)) == "the models that wrote them favour A (2.0 to 1)"
