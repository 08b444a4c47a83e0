"""Planted truths: a criterion that decides labels is found, twenty that toss a coin are not, length is seen through."""

import numpy as np
import pytest

from prefcurate.transforms.rubrics.contrasts import Contrast, part_of, tabulate
from prefcurate.transforms.rubrics.library import Criterion
from prefcurate.transforms.rubrics.mine import core_set, fit_weights, mine
from prefcurate.transforms.rubrics.options import RubricOptions

LENGTH = 1


def criterion(name: str, length: bool = False) -> Criterion:
    return Criterion(name, f"Has {name}.", "principle", lambda asked, given: None, length=length)


LIBRARY = (
    criterion("planted"),
    criterion("longer", length=True),
    criterion("follows_length"),
    criterion("reversed"),
    criterion("silent"),
    *(criterion(f"coin{i}") for i in range(20)),
)


def contrasts(pairs: int, accuracy: float = 0.75, seed: int = 0, per_cluster: int = 1, coverage: float = 0.6):
    """Labels that a planted criterion meets with `accuracy`; length does with .7, and one criterion copies length."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(pairs):
        label = 1 if random.random() < 0.5 else -1
        speaks = random.random() < coverage
        planted = label * (1 if random.random() < accuracy else -1) * speaks
        longer = label * (1 if random.random() < 0.7 else -1)
        follows = longer * (1 if random.random() < 0.95 else -1)
        coins = random.choice([-1, 0, 1], 20)
        said = [planted, longer, follows, -planted, 0, *coins]
        cluster = f"cluster{i // per_cluster}"
        rows.append(Contrast(f"c{i:05}", f"p{i}", cluster, "chat", label, np.array(said, np.int8).tobytes()))
    return rows


def mined(rows, **options):
    found = mine(tabulate(rows, 7, LENGTH), LIBRARY, RubricOptions(**options))
    return found, {finding.criterion.checker: finding for finding in found.findings}


def test_the_planted_criterion_is_found_and_nothing_else():
    found, by_name = mined(contrasts(1500))
    assert found.status == "accepted"
    assert {name for name, f in by_name.items() if f.status == "accepted"} == {"planted"}
    planted = by_name["planted"]
    assert planted.found.rate == pytest.approx(0.75, abs=0.06)
    assert planted.found.low > 0.5
    assert planted.found.coverage == pytest.approx(0.6, abs=0.05)
    assert planted.weight > 0
    assert 0 < len(planted.evidence) <= 20


def test_the_evidence_is_pairs_that_the_proposal_did_not_see_and_on_which_it_agrees():
    rows = contrasts(600)
    _, by_name = mined(rows)
    known = {row.comparison_id: row for row in rows}
    for comparison_id in by_name["planted"].evidence:
        row = known[comparison_id]
        assert part_of(7, row.cluster) == "validate"
        assert np.frombuffer(row.opinions, np.int8)[0] == row.label


def test_length_is_measured_but_never_a_criterion():
    _, by_name = mined(contrasts(1500))
    assert by_name["longer"].found.rate == pytest.approx(0.7, abs=0.06)
    assert by_name["longer"].status == "rejected"
    assert "bias" in by_name["longer"].reason


def test_what_merely_follows_length_is_refused_although_it_agrees_with_labels():
    _, by_name = mined(contrasts(1500))
    assert by_name["follows_length"].found.low > 0.5
    assert by_name["follows_length"].status == "rejected"
    assert "follows length" in by_name["follows_length"].reason


def test_a_criterion_against_the_labels_and_a_silent_one_are_refused_with_their_numbers():
    _, by_name = mined(contrasts(1500))
    assert by_name["reversed"].status == "rejected"
    assert by_name["reversed"].found.rate == pytest.approx(0.25, abs=0.06)
    assert "not meet it more often" in by_name["reversed"].reason
    assert "too few pairs (0)" in by_name["silent"].reason


def test_coins_are_kept_rarely_over_many_stores():
    """At a false discovery rate of .1 and a second, independent bound of .95, below one coin in 500 gets through."""
    kept = 0
    for seed in range(60):
        _, by_name = mined(contrasts(400, seed=seed, accuracy=0.5))
        kept += sum(by_name[f"coin{i}"].status != "rejected" for i in range(20))
    assert kept <= 3  # of 1200


def test_without_the_held_out_half_coins_would_get_through():
    """The test above can fail: the best of twenty coins on its own labels looks like a criterion."""
    lucky = 0
    for seed in range(60):
        table = tabulate(contrasts(400, seed=seed, accuracy=0.5), 7, LENGTH)
        rates = [(o[o != 0] > 0).mean() for o in table.outcomes[table.of("propose")][:, 5:].T]
        lucky += max(rates) > 0.58
    assert lucky > 20


def test_a_rubric_of_labels_by_chance_is_rejected():
    found, _ = mined(contrasts(800, accuracy=0.5, seed=3))
    assert found.status == "rejected"


def test_a_copy_of_a_criterion_adds_nothing():
    rows = contrasts(1500)
    doubled = [
        Contrast(r.comparison_id, r.prompt_id, r.cluster, r.theme, r.label, r.opinions[:1] + r.opinions) for r in rows
    ]
    library = (criterion("copy"), *LIBRARY)
    found = mine(tabulate(doubled, 7, LENGTH + 1), library, RubricOptions())
    status = {f.criterion.checker: f.status for f in found.findings}
    assert sorted([status["copy"], status["planted"]]) == ["accepted", "candidate"]


def test_two_criteria_that_complete_each_other_are_both_in_the_core():
    random = np.random.default_rng(5)
    rows = []
    for i in range(2000):
        label = random.choice([-1, 1])
        first = i % 2 == 0
        said = [label * (1 if random.random() < 0.8 else -1) * on for on in (first, not first)]
        rows.append(Contrast(f"c{i:05}", f"p{i}", f"k{i}", "chat", label, np.array([*said, 0], np.int8).tobytes()))
    table = tabulate(rows, 7, 2)
    assert core_set(table, [0, 1], RubricOptions()) == [0, 1]


def test_many_pairs_of_few_prompts_prove_little():
    """Two thousand pairs of twelve prompts in which every prompt agrees with itself are twelve opinions."""
    random = np.random.default_rng(1)
    rows = []
    for cluster in range(12):
        sign = 1 if cluster < 7 else -1
        for i in range(160):
            label = random.choice([-1, 1])
            said = np.array([label * sign, 0], np.int8).tobytes()
            rows.append(Contrast(f"c{cluster:03}{i:04}", f"p{cluster}", f"k{cluster}", "chat", label, said))
    found = mine(tabulate(rows, 7, 1), LIBRARY[:2], RubricOptions())
    assert found.findings[0].status == "rejected"


def test_the_order_of_rows_changes_nothing():
    rows = contrasts(500)
    shuffled = [rows[i] for i in np.random.default_rng(2).permutation(len(rows))]
    assert repr(mined(rows)[0].found) == repr(mined(shuffled)[0].found)
    assert [f.weight for f in mined(rows)[0].findings] == [f.weight for f in mined(shuffled)[0].findings]


def test_parts_are_by_cluster_and_of_the_stated_sizes():
    rows = contrasts(3000, per_cluster=3)
    table = tabulate(rows, 7, LENGTH)
    sides = {}
    for cluster, part in zip(table.clusters, table.parts, strict=True):
        assert sides.setdefault(cluster, part) == part
    shares = [table.of(part).mean() for part in ("propose", "validate", "accept")]
    assert shares == pytest.approx([0.4, 0.4, 0.2], abs=0.05)


def test_weights_grow_with_accuracy_and_shrink_with_little_data():
    def outcomes(right, wrong):
        return np.array([[1]] * right + [[-1]] * wrong, np.int8)

    assert fit_weights(outcomes(900, 100)) > fit_weights(outcomes(700, 300)) > 0
    assert fit_weights(outcomes(9, 1)) < fit_weights(outcomes(900, 100))
    assert fit_weights(outcomes(1000, 1000)) == pytest.approx(0, abs=1e-6)
    # Without a prior the weight is half the log odds, as both signs of one column are seen.
    assert fit_weights(outcomes(9000, 1000), ridge=1e-9)[0] == pytest.approx(np.log(9), abs=1e-3)


def test_no_pairs_no_rubric():
    found = mine(tabulate([], 7, 0), (), RubricOptions())
    assert (found.status, found.findings) == ("rejected", ())
