"""Flips planted into real human labels: what is published must be righter than what came, and nothing turned by weak voters."""

import pytest

from tests.transforms.consensus.real import EXAMPLES, annotations, decided, figures, people_truth, planted, thinned

SETS = {"ukp": ("ukp-convarg", "ukp"), "prd": ("prd-vicuna80", "prd")}
FOUR_DEBATES = ("ban-*_yes-*", "firefox-*_there-*", "should-*_yes-*", "tv-*_tv.*")
"""Of the twelve in examples/data: with little gold, how much is gained differs between debates."""


@pytest.fixture(scope="module", params=SETS)
def real(request):
    folder, format = SETS[request.param]
    if not (EXAMPLES / folder).exists():
        pytest.skip("examples/data is not here")
    root = EXAMPLES / folder
    paths = [str(root / "*" / debate) for debate in FOUR_DEBATES] if format == "ukp" else str(root)
    found = annotations(paths, folder, format)
    truth = people_truth(found)
    judges = [a for a in found if a["kind"] == "llm_judge"]
    return judges or thinned(found, 2), truth, planted(truth, 0.2)


@pytest.mark.parametrize("gold", [0.0, 0.3, 0.6])
def test_published_labels_are_better_than_those_that_came(real, gold):
    voters, truth, came = real
    _, rows = decided(voters, truth, came, gold)
    found = figures(rows, truth)
    assert found["before"] < 0.87
    assert found["after"] > found["before"] + 0.05
    assert found["coverage"] > 0.4
    assert gold or not found["decisions"].get("flip")


def test_coin_flipping_voters_turn_nothing_and_take_nothing_away(real):
    voters, truth, came = real
    coins = [a | {"label": "a" if int(a["annotation_id"][:8], 16) % 2 else "b"} for a in voters]
    for gold in (0.3, 0.6):
        found = figures(decided(coins, truth, came, gold)[1], truth)
        assert found["decisions"].get("flip", 0) == 0
        assert found["after"] >= found["before"] - 0.02


def test_the_published_mean_of_expected_accuracy_is_honest_where_there_is_gold(real):
    voters, truth, came = real
    _, rows = decided(voters, truth, came, 0.6)
    published = [row for row in rows if row["weight"] is not None]
    claimed = sum(row["expected_accuracy"] for row in published) / len(published)
    assert figures(rows, truth)["after"] > claimed - 0.05
