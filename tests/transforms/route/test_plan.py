"""Value of information worked by hand, and what a plan promises."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.transforms.route.options import RouteBudget, RouteOptions
from prefcurate.transforms.route.plan import (
    JUDGE,
    PERSON,
    Asked,
    Candidate,
    best_candidates,
    expected_gain,
    plan,
)


def p(*rows):
    return np.array([(a, b, 1 - a - b) for a, b in rows])


def test_gain_of_a_vote_worked_by_hand():
    # .6 / .4 and a vote right 8 of 10 times: it says a (.56) -> .48 stays; says b (.44) -> b has .32; .80 in all, .2 more.
    assert expected_gain(p((0.6, 0.4)), 0.8) == pytest.approx([0.2])
    assert expected_gain(p((0.5, 0.5)), 0.8) == pytest.approx([0.3])


def test_a_vote_that_cannot_change_the_label_gains_nothing():
    assert expected_gain(p((0.9, 0.1), (0.8, 0.2)), 0.8) == pytest.approx([0, 0])
    assert expected_gain(p((0.1, 0.1)), 0.8) == pytest.approx([0])


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 0.99))
def test_gain_is_never_negative_and_does_not_know_which_is_a(x, y, accuracy):
    one, other = p((x * y, x * (1 - y))), p((x * (1 - y), x * y))
    assert expected_gain(one, accuracy)[0] >= 0
    assert expected_gain(one, accuracy) == pytest.approx(expected_gain(other, accuracy), abs=1e-8)


def candidates(n, queue=PERSON, price=0.5):
    return [Candidate(f"{i:032x}", 0, queue, "x", (n - i) / n / 4, price) for i in range(n)]


def test_under_a_budget_of_items_the_most_valuable_are_asked_and_a_twentieth_is_drawn():
    options = RouteOptions(budget=RouteBudget(items=40))
    routed = plan(candidates(1000), 1000, options, seed=7)
    drawn = [r for r in routed if r.reason.startswith("uniform sample")]
    best = [r for r in routed if r not in drawn]
    assert (len(routed), len(drawn)) == (40, 2)
    assert {r.inclusion_p for r in drawn} == {0.002}
    assert {r.inclusion_p for r in best} == {1.0}
    top = {c.comparison_id for c in candidates(1000)[:40]}
    assert {r.candidate.comparison_id for r in best} <= top
    assert [r.rank for r in routed] == list(range(1, 41))
    assert len({r.candidate.comparison_id for r in routed}) == 40


def test_the_lottery_is_uniform_and_does_not_know_the_gain():
    options = RouteOptions(budget=RouteBudget(items=100))
    places = []
    for seed in range(60):
        routed = plan(candidates(200), 200, options, seed)
        places += [int(r.candidate.comparison_id, 16) for r in routed if r.reason.startswith("uniform")]
    assert len(places) == 300
    assert np.mean(places) == pytest.approx(99.5, abs=10)


def test_round_after_round_the_lottery_draws_others_and_is_uniform_among_all():
    options = RouteOptions(budget=RouteBudget(items=200))
    answered: set[str] = set()
    for number in range(1, 5):
        found = [replace(c, passed=(PERSON,) if c.comparison_id in answered else ()) for c in candidates(1000)]
        routed = plan(found, 1000, options, 7, {PERSON: len(answered)})
        drawn = [r for r in routed if r.inclusion_p < 1]
        assert {r.inclusion_p for r in drawn} == {round(10 / (1000 - len(answered)), 9)}
        answered |= {r.candidate.comparison_id for r in drawn}
        assert len(answered) == 10 * number


def test_a_drawn_pair_that_is_too_dear_stands_in_nobodys_way():
    begun = [Candidate(f"begun{i}", 0, PERSON, "a person", 0.01, 0.5, 1, True) for i in range(2)]
    fresh = [Candidate(f"fresh{i:02}", 0, PERSON, "a person", 0.1, 0.5, 3) for i in range(50)]
    for budget in (RouteBudget(items=2), RouteBudget(usd=1.0)):
        routed = plan(begun + fresh, 52, RouteOptions(budget=budget), 7)
        assert routed
        assert sum(r.candidate.answers for r in routed) <= 2


def test_money_is_never_overspent():
    mixed = candidates(50) + [Candidate(f"{i:032x}", 1, JUDGE, "j", 0.1, 0.07) for i in range(100, 160)]
    for usd in (0.0, 0.3, 1.0, 9.99, 1000.0):
        routed = plan(mixed, 110, RouteOptions(budget=RouteBudget(usd=usd)), 7)
        assert sum(r.candidate.price_usd for r in routed) <= usd + 1e-6
    assert len(routed) > 100


def test_pairs_that_gain_nothing_are_not_asked_but_by_lottery():
    sure = [Candidate(f"{i:032x}", 0, PERSON, "x", 0.0, 0.5) for i in range(100)]
    assert plan(sure, 100, RouteOptions(budget=RouteBudget(items=50)), 7) == []


def test_order_of_candidates_does_not_matter():
    options = RouteOptions(budget=RouteBudget(items=30))
    assert plan(candidates(100), 100, options, 7) == plan(candidates(100)[::-1] + candidates(100)[:5], 100, options, 7)


def test_who_gains_most_per_dollar_is_asked_and_a_judge_only_once():
    person, judge = Asked(PERSON, "a person", 0.9, 0.5), Asked(JUDGE, "judge", 0.7, 0.01)
    fresh = np.array([True, False])
    found = best_candidates(["x", "y"], 0, p((0.5, 0.5), (0.5, 0.5)), [(person, np.ones(2, bool)), (judge, fresh)])
    assert [c.queue for c in found] == [JUDGE, PERSON]
    assert [c.gain for c in found] == pytest.approx([0.2, 0.4])


def test_a_budget_is_of_one_kind():
    with pytest.raises(ValueError, match="give items or usd, not both"):
        RouteBudget(items=1, usd=1.0)
    assert not RouteOptions().can_ask
    assert RouteOptions(budget=RouteBudget(usd=3)).can_ask
