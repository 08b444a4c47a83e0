"""A handful of rounds of the harness, and engines that are unkind on purpose; `python -m tests.faults --rounds 100` does more."""

import os

import pytest

from tests.faults import stores
from tests.faults.harness import Harness
from tests.faults.modes import LOCAL, Mode
from tests.faults.rounds import Disturbed

SEED = int(os.environ.get("FAULTS_SEED", "1"))
ROUNDS = int(os.environ.get("FAULTS_ROUNDS", "4"))


@pytest.fixture(scope="module")
def harness(tmp_path_factory) -> Harness:
    """With an undisturbed run to compare with."""
    made = Harness(tmp_path_factory.mktemp("faults"), LOCAL, SEED, print)
    made.calm()
    return made


@pytest.mark.parametrize("engine", ["AtOnce", "AgainInAnotherOrder"])
def test_an_engine_that_repeats_or_reorders_steps_changes_nothing(harness, engine):
    mode = Mode(engine, (f"--runner=tests.faults.unkind.{engine}",))
    folder = harness.folder / engine
    store = Disturbed(folder, harness.judge(folder), mode, print)
    stores.configured(folder, store.judge.endpoint)
    store.calmly()
    assert stores.differences(store.store, harness.folder / "calm" / "store") == []
    assert stores.left_behind(store.store, harness.folder / "calm" / "store") == []
    # Two attempts at once both pay; one after the other the second finds what the first was answered.
    asked = store.judge.asked()
    assert asked.keys() == harness.judge(harness.folder / "calm").asked().keys()
    if engine == "AgainInAnotherOrder":
        assert set(asked.values()) == {1}
        assert stores.calls(store.store) >= asked.total()


def test_stores_survive_kills(harness):
    """One with everything in one process, one with worker processes; what was killed when is printed with the seed."""
    assert harness.run(ROUNDS, kills=ROUNDS // 2) == []
