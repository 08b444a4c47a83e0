"""The overrides file, and the words about its mistakes."""

import pytest

from prefcurate.transforms.consensus.decide import Override
from prefcurate.transforms.consensus.overrides import OverridesError, read_overrides

HEAD = "comparison_id,label,who,why\n"


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "overrides.csv"
    path.write_bytes(text.encode(encoding))
    return str(path)


def test_labels_and_drops_are_read(tmp_path):
    path = write(
        tmp_path, HEAD + 'c1, B ,Ann,"read both, twice"\nc2,drop,Bob,spam\nc1,b,Ann,"read both, twice"\n', "utf-8-sig"
    )
    assert read_overrides(path) == {
        "c1": Override("b", "Ann", "read both, twice"),
        "c2": Override(None, "Bob", "spam"),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,label\n", "the column 'comparison_id' is missing"),
        (HEAD + "c1,tie,Ann,x\n", "line 2: label 'tie' is none of a, b, drop"),
        (HEAD + "c1,a,,x\n", "line 2: who is empty"),
        (HEAD + "c1,a,Ann\n", "line 2: why is empty"),
        (HEAD + "c1,a,Ann,x\nc1,b,Ann,x\n", "line 3: c1 stands twice"),
    ],
)
def test_mistakes_are_named(tmp_path, text, words):
    with pytest.raises(OverridesError, match=words):
        read_overrides(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(OverridesError, match="there is no file"):
        read_overrides(str(tmp_path / "none.csv"))


def test_a_file_in_another_encoding_is_named(tmp_path):
    with pytest.raises(OverridesError, match="not UTF-8"):
        read_overrides(write(tmp_path, HEAD + "c1,a,J\u00f6rg,x\n", "latin-1"))
