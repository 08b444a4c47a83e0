import pytest

from tests.fuzz.__main__ import fuzz
from tests.fuzz.corpus import write_corpus


@pytest.mark.parametrize("seed", [7, 11])
def test_some_thousand_rows_with_planted_damage_have_exact_accounts(tmp_path, seed):
    """As ``python -m tests.fuzz``, which does it with a million."""
    assert fuzz(tmp_path / "fuzz", 4000, seed) == []


def test_one_seed_gives_the_same_files(tmp_path):
    for name in ("one", "two"):
        write_corpus(tmp_path / name, 800, 3)
    files = [
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*l*")} for n in ("one", "two")
    ]
    same = {name for name in files[0] if files[0][name] == files[1][name]}
    assert files[0].keys() == files[1].keys()
    assert {name for name in files[0] if name.suffix not in (".xlsx", ".zip", ".gz")} <= same
