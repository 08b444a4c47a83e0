"""Krippendorff's alpha against his own example, a definition written out, and annotators of known reliability."""

import hashlib
from itertools import permutations

import numpy as np
import pytest

from prefcurate.transforms.report.alpha import (
    PREFERENCES,
    AlphaSums,
    alpha_sums,
    interval_alpha,
    nominal_alpha,
    same,
    together,
)

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C: 4 observers, 12 units, a column each; 0 is missing.
EXAMPLE = ["1101", "2232", "3333", "3333", "2222", "1234", "4444", "1121", "2222", "0555", "0011", "0030"]


def ids(many: int, what: str = "p") -> list[str]:
    return [hashlib.sha256(f"{what}{i}".encode()).hexdigest()[:32] for i in range(many)]


def written_out(counts: np.ndarray, difference) -> float:
    """Alpha by its definition, over all pairs of labels within units and over all pairs of labels."""
    units = [[v for v, n in enumerate(row) for _ in range(n)] for row in counts if row.sum() > 1]
    given = [v for unit in units for v in unit]
    within = sum(sum(difference(x, y) for x, y in permutations(unit, 2)) / (len(unit) - 1) for unit in units)
    among = sum(difference(x, y) for x, y in permutations(given, 2)) / (len(given) - 1)
    return 1 - within / among


def planted(prompts: int, annotators: int, knows: float, seed: int) -> np.ndarray:
    """Counts of b, tie, a: each annotator knows the truth so often and guesses otherwise, so that alpha is `knows` squared."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([-1, 1], (prompts, 1))
    knowing = rng.random((prompts, annotators)) < knows
    said = np.where(knowing, truth, rng.choice([-1, 1], knowing.shape))
    return np.stack([(said == v).sum(axis=1) for v in (-1, 0, 1)], axis=1)


def test_krippendorffs_own_example():
    counts = np.array([[unit.count(str(value)) for value in range(1, 6)] for unit in EXAMPLE])
    found = alpha_sums(ids(12), counts)
    assert (found.pairs, found.labels) == (11, 40), "a unit with one label is left out"
    assert nominal_alpha(found, 5).value == pytest.approx(0.743, abs=5e-4)
    assert interval_alpha(found, range(1, 6)).value == pytest.approx(0.849, abs=5e-4)


def test_it_is_the_definition_also_with_many_annotators():
    counts = np.random.default_rng(7).multinomial(5, [0.3, 0.2, 0.5], 40)
    counts[:5] = [[0, 1, 0], [9, 3, 18], [0, 0, 0], [2, 0, 0], [30, 1, 0]]
    found = alpha_sums(ids(40), counts)
    assert interval_alpha(found).value == pytest.approx(written_out(counts, lambda x, y: (x - y) ** 2), abs=2e-6)
    assert nominal_alpha(found).value == pytest.approx(written_out(counts, lambda x, y: float(x != y)), abs=2e-6)


def test_turning_all_pairs_round_changes_nothing():
    counts = planted(50, 3, 0.5, 1)
    one, other = alpha_sums(ids(50), counts), alpha_sums(ids(50), counts[:, ::-1])
    assert (interval_alpha(one), nominal_alpha(one)) == (interval_alpha(other), nominal_alpha(other))


def test_where_a_and_b_are_as_frequent_the_ordinal_difference_is_the_same():
    times = np.array([70, 20, 70])  # b, tie, a

    def ordinal(x: int, y: int) -> float:
        x, y = sorted((x, y))
        return float(times[x : y + 1].sum() - (times[x] + times[y]) / 2) ** 2

    assert ordinal(0, 2) == 4 * ordinal(0, 1) == 4 * ordinal(1, 2)
    assert PREFERENCES == (-1.0, 0.0, 1.0)


def test_annotators_of_known_reliability():
    found = interval_alpha(alpha_sums(ids(600), planted(600, 4, 0.7, 8)))
    assert found.low < 0.49 < found.high
    assert found.high - found.low < 0.12
    coins = interval_alpha(alpha_sums(ids(600), planted(600, 4, 0.0, 3)))
    assert coins.low < 0 < coins.high


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    found = [interval_alpha(alpha_sums(ids(80, f"{seed}-"), planted(80, 3, 0.7, seed))) for seed in range(100)]
    assert 89 <= sum(each.low <= 0.49 <= each.high for each in found) <= 100


def test_pairs_of_one_prompt_are_drawn_together():
    counts = np.repeat(planted(60, 3, 0.6, 4), 10, axis=0)
    narrow = interval_alpha(alpha_sums(ids(600), counts))
    wide = interval_alpha(alpha_sums([i for i in ids(60) for _ in range(10)], counts))
    assert wide.value == narrow.value
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low), (
        "ten copies say no more than one: about the root of ten"
    )


def test_shards_add_up_to_the_same_bytes_in_any_order():
    counts, prompts = (
        np.random.default_rng(5).multinomial(4, [0.4, 0.2, 0.4], 300),
        [i for i in ids(100) for _ in "abc"],
    )
    whole = alpha_sums(prompts, counts)
    shards: list[AlphaSums] = []
    for digit in "0123456789abcdef":
        of = [i for i, prompt in enumerate(prompts) if prompt[0] == digit]
        shards.append(alpha_sums([prompts[i] for i in of], counts[of]))
    joined = together(reversed(shards))
    assert (joined.prompts, joined.pairs, joined.labels) == (whole.prompts, whole.pairs, whole.labels)
    assert joined.sums.tobytes() == whole.sums.tobytes()


def test_what_cannot_be_told():
    few = alpha_sums(ids(9), planted(9, 3, 0.9, 6))
    assert interval_alpha(few).low is None, "nine prompts"
    alone = alpha_sums(ids(3), np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]]))
    assert (alone.pairs, interval_alpha(alone), nominal_alpha(alone), same(alone)) == (0, None, None, None)
    one_label = alpha_sums(ids(20), np.array([[3, 0, 0]] * 20))
    assert (interval_alpha(one_label), same(one_label)) == (None, 1.0)


def test_how_often_two_say_the_same():
    # aab: one of three pairs of labels is the same; aa: all.
    assert same(alpha_sums(ids(2), np.array([[1, 0, 2], [0, 0, 2]]))) == pytest.approx((3 * (1 / 3) + 2) / 5)
