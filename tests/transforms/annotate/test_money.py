"""Allotments, reservations and the desk: no order of failures spends more than was given."""

import random
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.chat import Asked, Call, ChatOptions, Message, Reply, Request, same_call
from prefcurate.transforms.annotate.desk import SMALLEST_BATCH, Desk
from prefcurate.transforms.annotate.money import LEAST_SHARE, Caps, Demand, divide, purse_for, spent
from prefcurate.transforms.annotate.pending import Site, compacted, pending_parts, rows_of
from prefcurate.transforms.annotate.reservations import Purse, Reservation, call_rows, settle_dead, settle_unit
from prefcurate.transforms.store.store import Store

OPTIONS = ChatOptions(model="m", price={"input": 0.0, "output": 1e6}, max_tokens=2)  # a try costs 2 USD at worst


def site(store: Store, run_id: str = "run", unit: str = "unit", shard: int = 0) -> Site:
    return Site(store, "annotate", run_id, unit, shard, "llm_judge:x", "f" * 32)


def request(key: str) -> Request:
    return Request(key, (Message("user", key),), prompt_id="p", comparison_id="c")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(str(tmp_path / "store"), 2)
    made.create()
    return made


class TestDivide:
    demands = [Demand("a", "1", 10, 4.0), Demand("a", "2", 10, 4.0), Demand("b", "3", 10, 2.0)]

    def test_without_a_cap_nobody_has_one(self):
        assert divide(self.demands, Caps(), {"a": 99.0}) == {"1": None, "2": None, "3": None}

    def test_where_everything_fits_each_gets_its_worst_price(self):
        assert divide(self.demands, Caps(11.0), {"z": 1.0}) == {"1": 4.0, "2": 4.0, "3": 2.0}

    def test_where_it_is_short_all_get_the_same_share(self):
        shared = divide(self.demands, Caps(5.0), {})
        assert shared == pytest.approx({"1": 2.0, "2": 2.0, "3": 1.0})

    def test_where_it_is_very_short_the_first_get_a_useful_share(self):
        shared = divide(self.demands[:2], Caps(1.0), {})
        assert shared == pytest.approx({"1": 4.0 * LEAST_SHARE, "2": 0.0})

    def test_less_than_one_question_is_nothing(self):
        assert divide(self.demands[:1], Caps(0.39), {}) == {"1": 0.0}

    def test_an_annotators_cap_holds_for_it_alone(self):
        shared = divide(self.demands, Caps(None, {"a": 3.0}), {"a": 1.0, "b": 50.0})
        assert shared["1"] + shared["2"] == pytest.approx(2.0)
        assert shared["3"] is None

    def test_both_caps_hold(self):
        shared = divide(self.demands, Caps(10.0, {"a": 6.0}), {"a": 2.0, "b": 5.0})
        assert shared["1"] + shared["2"] <= 4.0
        assert sum(shared.values()) == pytest.approx(3.0)

    def test_what_costs_nothing_needs_nothing(self):
        assert divide([Demand("a", "1", 10, 0.0)], Caps(0.0), {}) == {"1": 0.0}

    @given(
        st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 50), st.floats(0, 10)), max_size=12),
        st.none() | st.floats(0, 20),
        st.dictionaries(st.sampled_from("abc"), st.floats(0, 10)),
        st.dictionaries(st.sampled_from("abcz"), st.floats(0, 10)),
    )
    def test_no_division_is_above_a_cap(self, wanted, cap, each, already):
        demands = [Demand(name, f"{i:03}", n, usd) for i, (name, n, usd) in enumerate(wanted)]
        shared = divide(demands, Caps(cap, each), already)
        assert set(shared) == {demand.unit for demand in demands}
        given_to = Counter()
        for demand in demands:
            amount = shared[demand.unit]
            assert amount is None or 0 <= amount <= demand.worst_usd * (1 + 1e-9)
            assert amount is not None or (cap is None and demand.annotator not in each)
            given_to[demand.annotator] += amount or 0.0
        if cap is not None:
            assert sum(given_to.values()) <= max(0.0, cap - sum(already.values())) + 1e-9
        for name, own in each.items():
            assert given_to[name] <= max(0.0, own - already.get(name, 0.0)) + 1e-9


class TestReservation:
    def test_it_covers_what_the_purse_can_pay(self, store):
        purse = Purse(5.0)
        reservation = Reservation.open(site(store), purse, [(request(k), 2.0) for k in "abc"], 0.0)
        assert [r.key for r in reservation.requests] == ["a", "b"]
        assert purse.left == 1.0
        reservation.charge(request("a"), 0.5)
        assert reservation.close() == 0.5
        assert purse.left == 4.5

    def test_another_try_after_a_billed_one_must_be_paid_too(self, store):
        purse = Purse(5.0)
        reservation = Reservation.open(site(store), purse, [(request("a"), 2.0)], 0.0)
        assert reservation.cover(request("a"), 2.0)
        reservation.charge(request("a"), 0.0)
        assert reservation.cover(request("a"), 2.0)
        assert purse.left == 3.0
        reservation.charge(request("a"), 2.0)
        assert reservation.cover(request("a"), 2.0)
        assert purse.left == 1.0
        reservation.charge(request("a"), 2.0)
        assert not reservation.cover(request("a"), 2.0)
        assert reservation.close() == 4.0
        assert purse.left == 1.0

    def test_a_dead_one_becomes_lost_calls(self, store):
        Reservation.open(site(store, "dead"), Purse(None), [(request("a"), 2.0), (request("b"), 1.0)], 0.0)
        settle_dead(store, "annotate", living_run="run")
        settle_dead(store, "annotate", living_run="run")
        assert spent(store) == {"llm_judge:x": 3.0}
        (lost,) = pending_parts(store, "annotate", "calls", 0)
        assert lost.run_id == "dead"
        assert {row["status"] for row in rows_of([lost.part], ["status"]).to_pylist()} == {"lost"}
        assert not list(Path(store.root).rglob("_reservations/**/*.json"))

    def test_a_living_runs_is_left_alone(self, store):
        Reservation.open(site(store, "run"), Purse(None), [(request("a"), 2.0)], 0.0)
        settle_dead(store, "annotate", living_run="run")
        assert spent(store) == {}
        settle_unit(site(store, "run", unit="another"))
        assert spent(store) == {}
        settle_unit(site(store, "run"))
        assert spent(store) == {"llm_judge:x": 2.0}

    def test_losing_the_same_batch_twice_costs_twice(self, store):
        before = 0.0
        for _ in range(2):
            Reservation.open(site(store), Purse(None), [(request("a"), 2.0)], before)
            settle_unit(site(store))
            before += 2.0
        assert spent(store) == {"llm_judge:x": 4.0}

    def test_calls_that_were_written_are_not_lost(self, store):
        """The run died after the batch's calls were written and before its reservation was removed."""
        reservation = Reservation.open(site(store, "dead"), Purse(None), [(request("a"), 2.0)], 0.0)
        asked = Asked(reservation.requests[0], None, (Call(request("a").call_id(0), "ok", 1, 1, 0.25),))
        site(store, "dead").write("calls", call_rows(site(store), [asked]))
        settle_dead(store, "annotate", living_run="run")
        assert spent(store) == {"llm_judge:x": 0.25}

    def test_what_costs_nothing_leaves_no_file(self, store):
        Reservation.open(site(store), Purse(0.0), [(request("a"), 0.0)], 0.0)
        assert not list(Path(store.root).rglob("_reservations/**/*.json"))


def test_what_is_pending_and_committed_by_now_counts_once(store):
    asked = Asked(request("a"), None, (Call("id", "ok", 1, 1, 0.25),))
    part = site(store, "dead").write("calls", call_rows(site(store), [asked]))
    assert spent(store) == {"llm_judge:x": 0.25}
    assert spent(store, except_run="dead") == {}
    base = store.delta("calls").version()
    from prefcurate.transforms.store.merge import merge_parts

    merged = merge_parts(store, [part], base)
    store.commit("calls", [merged], base=base, replace=False, transaction="t", metadata={})
    assert spent(store) == {"llm_judge:x": 0.25}


def test_a_purse_has_what_both_caps_leave(store):
    calls = pa.Table.from_pylist(
        [
            {"prompt_id": "p", "call_id": "1", "annotator": "me", "price_usd": 1.0},
            {"prompt_id": "p", "call_id": "2", "annotator": "other", "price_usd": 3.0},
        ],
        schema=TABLES["calls"].schema,
    )
    Site(store, "rubrics", "dead", "u", 0, "me", "f").write("calls", calls)
    assert purse_for(store, "annotate", "run", "me", Caps()).left is None
    assert purse_for(store, "annotate", "run", "me", Caps(10.0)).left == 6.0
    assert purse_for(store, "annotate", "run", "me", Caps(10.0, {"me": 2.5})).left == 1.5
    assert purse_for(store, "annotate", "run", "me", Caps(3.0)).left == 0.0


class FakeSession:
    """Answers from memory: some tries fail and may be billed; the true cost is known to the test alone."""

    def __init__(self, seed: int, concurrency: int = 2) -> None:
        self.options, self.concurrency, self.down = OPTIONS, concurrency, ""
        self.chance, self.true_cost, self.batches, self.sent = random.Random(seed), 0.0, [], []

    def ask(self, requests, payer):
        self.batches.append(len(requests))
        return [self._one(r, payer) for r in requests]

    def _one(self, r, payer):
        calls = []
        for _ in range(3):
            if not payer.cover(r, 2.0):
                return Asked(r, None, tuple(calls), "budget")
            self.sent.append(r.key)
            usd = self.chance.choice([0.0, 2.0, 0.5, 1.0])
            self.true_cost += usd
            payer.charge(r, usd)
            call = Call(r.call_id(r.calls_before + len(calls)), "ok" if usd in (0.5, 1.0) else "bad_body", 1, 1, usd)
            calls.append(call)
            if call.status == "ok":
                return Asked(r, Reply("yes", call.call_id), tuple(calls))
        return Asked(r, None, tuple(calls))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("allotment", [0.0, 1.9, 2.0, 7.0, 33.0, 1000.0])
def test_a_desk_never_spends_more_than_its_allotment(store, seed, allotment):
    session, purse, kept = FakeSession(seed), Purse(allotment), []

    def keep(outcomes):
        kept.extend(asked.request.key for asked in outcomes if asked.reply)
        return []

    desk = Desk(site(store), session, purse)
    account = desk.ask((request(f"k{i}") for i in range(25)), keep)
    assert session.true_cost <= allotment
    assert purse.left == pytest.approx(allotment - session.true_cost)
    assert spent(store).get("llm_judge:x", 0.0) == pytest.approx(session.true_cost)
    assert account.replied + account.failed + account.unasked_budget + account.unasked_endpoint == 25
    assert account.replied == len(kept) == len(set(kept))
    assert account.requests == len(session.sent)
    assert max([0, *session.batches]) <= SMALLEST_BATCH
    if allotment == 1000.0:
        assert account.unasked_budget == 0
    if allotment < 2.0:
        assert session.sent == []


def test_a_desk_asks_what_follows_from_answers(store):
    session = FakeSession(1)
    session.chance = random.Random(0)
    session.chance.choice = lambda _: 0.5

    def keep(outcomes):
        return [request(asked.request.key + "'") for asked in outcomes if "'" not in asked.request.key]

    account = Desk(site(store), session, Purse(None)).ask([request("a"), request("b")], keep)
    assert session.sent == ["a", "b", "a'", "b'"]
    assert account.replied == 4


def test_a_desk_stops_when_the_endpoint_is_down(store):
    session = FakeSession(1)

    def keep(outcomes):
        session.down = "http_401: bad key"
        return []

    account = Desk(site(store), session, Purse(50.0)).ask([request(f"k{i}") for i in range(20)], keep)
    assert len(session.batches) == 1
    assert account.unasked_endpoint == 12
    assert account.down == "http_401: bad key"
    assert not list(Path(store.root).rglob("_reservations/**/*.json"))


def test_calls_have_other_ids_than_those_known(store):
    session = FakeSession(1)
    session.chance.choice = lambda _: 0.5
    known = {same_call(request("a").call_id(0)), same_call(request("a").call_id(1))}
    desk = Desk(site(store), session, Purse(None), known_calls=known)
    desk.ask([request("a")], lambda outcomes: [])
    assert rows_of(desk.parts, ["call_id"])["call_id"].to_pylist() == [request("a").call_id(2)]


def test_a_units_small_parts_become_one(store):
    here, other = site(store), site(store, unit="other")
    for i in range(5):
        asked = Asked(request(f"k{i}"), None, (Call(f"id{i}", "ok"),))
        here.write("calls", call_rows(here, [asked]))
    other.write("calls", call_rows(other, [Asked(request("x"), None, (Call("idx", "ok"),))]))
    (whole,) = compacted(here, "calls")
    assert compacted(here, "calls") == [whole]
    assert sorted(rows_of([whole], ["call_id"])["call_id"].to_pylist()) == [f"id{i}" for i in range(5)]
    assert {found.unit: found.part.rows for found in pending_parts(store, "annotate", "calls", 0)} == {
        "unit": 5,
        "other": 1,
    }
