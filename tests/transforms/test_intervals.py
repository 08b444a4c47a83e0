import pytest

from prefcurate.transforms.intervals import effective_number, wilson


@pytest.mark.parametrize(
    ("share", "n", "low", "high"), [(0.15, 100, 0.0931, 0.2328), (0.5, 100, 0.4038, 0.5962), (1.0, 10, 0.7225, 1.0)]
)
def test_wilson(share, n, low, high):
    assert wilson(share, n) == pytest.approx((low, high), abs=1e-4)


def test_nothing_counted_says_nothing():
    assert wilson(0.0, 0) == (0.0, 1.0)


def test_what_items_that_go_together_are_worth():
    assert effective_number(100, 50, 0.01, 0.02) == 50
    assert effective_number(100, 50, 0.01, 0.001) == 100, "never more than their number"
    assert effective_number(100, 50, 0.0, 0.0) == 50, "a cluster counts once where nothing can be estimated"
    assert effective_number(100, 1, 0.01, 0.01) == 1
