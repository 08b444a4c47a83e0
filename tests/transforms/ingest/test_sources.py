"""Which files a source has, what they are called, and what makes two of them the same intake."""

import shutil
from pathlib import Path

import fsspec
import pytest

from prefcurate.schemas.formats.registry import READERS
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.sources import (
    Intake,
    SourceError,
    identify,
    list_files,
    listing,
    open_source_file,
    plan_source,
)

FIELDS = {"prompt": "q", "response_a": "one", "response_b": "two"}
CSV = b"q,one,two\np,x,y\n"
PRD = "answer_gpt4-vs-answer_bard-{}-reviewer_threeclass.jsonl"


def mapped(*paths: Path | str, **more) -> SourceOptions:
    path = [str(path) for path in paths]
    given = {"name": "team", "path": path[0] if len(path) == 1 else tuple(path), "fields": FIELDS}
    return SourceOptions.model_validate(given | more)


def write(path: Path, content: bytes = CSV) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(*paths: Path | str, **more) -> list[str]:
    return [file.name for file in list_files(mapped(*paths, **more))]


def ids(source: SourceOptions, limit: int | None = None) -> dict[str, str]:
    found = [identify(intake) for intake in plan_source(source, limit)]
    return {intake.unit.file.name: intake.intake_id for intake in found}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "a.jsonl.gz", "deep/er/c.csv", "notes.txt", ".d.csv", ".ipynb_checkpoints/b.csv"):
        write(tmp_path / "votes" / name)
    return tmp_path / "votes"


def test_the_files_of_a_folder_have_the_suffixes_of_the_format_and_are_not_hidden(folder):
    assert names(folder) == ["a.jsonl.gz", "b.csv", "deep/er/c.csv"]
    assert names(f"{folder}/") == ["a.jsonl.gz", "b.csv", "deep/er/c.csv"]


def test_one_file_a_pattern_and_a_list(folder):
    assert names(folder / "b.csv") == ["b.csv"]
    assert names(f"{folder}/*.csv") == ["b.csv"]
    assert names(f"{folder}/**/*.csv") == ["b.csv", "deep/er/c.csv"]
    assert names(f"{folder}/d*/er/?.csv") == ["deep/er/c.csv"]
    assert names(folder / "b.csv", f"{folder}/*.gz") == ["a.jsonl.gz", "b.csv"]


def test_a_file_that_is_named_counts_whatever_its_name(folder, tmp_path):
    assert names(folder / ".d.csv") == [".d.csv"]
    assert names(write(tmp_path / "run [2]" / "x*.csv")) == ["x*.csv"]
    assert names(tmp_path / "run [2]") == ["x*.csv"]


def test_a_file_that_two_paths_list_is_read_once(folder):
    for paths in ((folder, folder / "deep/er/c.csv"), (folder / "deep/er/c.csv", folder)):
        assert names(*paths) == ["a.jsonl.gz", "b.csv", "deep/er/c.csv"]


def test_files_of_one_name_are_told_apart_by_the_folders_above(tmp_path):
    for name in ("one/week/x.csv", "two/week/x.csv", "three/x.csv", "three/y.csv"):
        write(tmp_path / name)
    paths = [tmp_path / name for name in ("one/week/x.csv", "two/week/x.csv", "three/x.csv", "three/y.csv")]
    assert names(*paths) == ["one/week/x.csv", "three/x.csv", "y.csv", "two/week/x.csv"]
    assert sorted(names(tmp_path / "one", tmp_path / "two")) == ["one/week/x.csv", "two/week/x.csv"]


def test_an_address_with_a_protocol():
    fs = fsspec.filesystem("memory")
    for name in ("a.csv", "deep/b.csv"):
        fs.pipe(f"/listed/{name}", CSV)
    assert [file.uri for file in list_files(mapped("memory://listed"))] == [
        "memory:///listed/a.csv",
        "memory:///listed/deep/b.csv",
    ]
    assert names("memory://listed") == ["a.csv", "deep/b.csv"]
    assert names("memory://listed/*.csv") == names("memory://listed/a.csv") == ["a.csv"]
    fs.rm("/listed", recursive=True)


@pytest.mark.parametrize("path", ["nowhere.csv", "nowhere/*.csv"])
def test_a_path_with_nothing_there_is_named_even_beside_others(folder, path):
    message = f"source 'team': no file at '{folder / path}'; a path is a file, a folder or a pattern"
    for paths in ([folder / path], [folder, folder / path]):
        with pytest.raises(SourceError) as raised:
            plan_source(mapped(*paths))
        assert str(raised.value) == message


def test_a_folder_without_files_of_the_format_is_named(tmp_path):
    write(tmp_path / "votes.txt")
    with pytest.raises(SourceError) as raised:
        plan_source(SourceOptions(name="p", path=str(tmp_path), reader=READERS["prd"]()))
    assert (
        str(raised.value)
        == f"source 'p': no file in the folder '{tmp_path}' ends in .jsonl (or that and .gz, .zst, .bz2, .xz)"
    )


def test_files_that_make_no_source_of_the_format_are_named(tmp_path):
    write(tmp_path / "x.xls")
    with pytest.raises(
        SourceError, match=r"source 'team' at '.*x.xls': x.xls: the name does not say .*; save it as .xlsx or CSV"
    ):
        plan_source(mapped(tmp_path / "x.xls"))


def test_an_intake_is_the_same_wherever_its_files_lie(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "elsewhere" / "copied")
    assert ids(mapped(folder)) == ids(mapped(tmp_path / "elsewhere" / "copied"))
    assert ids(mapped(folder / "b.csv")) == ids(mapped(tmp_path / "elsewhere" / "copied" / "b.csv"))
    assert ids(mapped(folder))["b.csv"] == ids(mapped(folder / "b.csv"))["b.csv"]


@pytest.mark.parametrize(
    "other",
    [
        {"name": "other"},
        {"fields": FIELDS | {"row_id": "id"}},
        {"fields": FIELDS | {"label": {"path": "vote", "values": {"1": "a", "2": "b"}}}},
        {"delimiter": ";"},
    ],
)
def test_an_intake_is_another_when_it_is_read_otherwise(folder, other):
    assert ids(mapped(folder / "b.csv")) != ids(mapped(folder / "b.csv", **other))


def test_what_changes_no_row_changes_no_intake(folder):
    assert ids(mapped(folder / "b.csv")) == ids(mapped(folder / "b.csv", licence="MIT"))


def test_bytes_names_and_limits_make_another_intake(folder, tmp_path):
    before = ids(mapped(folder / "b.csv"))["b.csv"]
    assert ids(mapped(folder / "b.csv"), 5)["b.csv"] != before
    assert ids(mapped(write(tmp_path / "z.csv")))["z.csv"] != before
    write(folder / "b.csv", CSV + b"p,x,z\n")
    assert ids(mapped(folder / "b.csv"))["b.csv"] != before


def test_the_same_bytes_as_another_kind_of_file_are_another_intake(tmp_path):
    path = write(tmp_path / "votes.data", b"q\tone\n")
    assert ids(mapped(path, type="csv")) != ids(mapped(path, type="tsv"))


def prd(*paths: Path) -> SourceOptions:
    return SourceOptions.model_validate({"name": "p", "format": "prd", "path": tuple(map(str, paths))})


def test_equal_names_and_bytes_in_folders_that_say_something_are_different_intakes(tmp_path):
    tsv = b"question_1\tjudge\n"
    files = [write(tmp_path / f"Repetition{n}-x" / "record.tsv", tsv) for n in (1, 2)]
    source = SourceOptions.model_validate({"name": "p", "format": "position_bias", "path": tuple(map(str, files))})
    assert len(set(ids(source).values())) == 2
    alone = [
        ids(SourceOptions.model_validate({"name": "p", "format": "position_bias", "path": str(file)})) for file in files
    ]
    assert alone[0]["record.tsv"] != alone[1]["record.tsv"]


def test_a_folder_that_is_listed_itself_still_says_who_rated(tmp_path):
    name = PRD.format("human")
    rated = write(tmp_path / "ratings-human" / name, b"{}\n")
    unknown = write(tmp_path / "stray" / name, b"{}\n")
    others = write(tmp_path / "ratings-human" / PRD.format("human").replace("gpt4", "x"), b"{}\n")
    one, two = ids(prd(rated.parent))[name], ids(prd(unknown.parent, others))[name]
    assert one != two
    shutil.copytree(rated.parent, tmp_path / "copy" / "ratings-human")
    assert ids(prd(tmp_path / "copy" / "ratings-human"))[name] == one


def test_a_folder_says_which_files_are_answers(tmp_path):
    pairs = write(tmp_path / "gpt-4_pair.jsonl", b"{}\n")
    known = []
    for folder in ("model_answer", "stray"):
        answers = write(tmp_path / folder / "m.jsonl", b'{"question_id": 1}\n')
        path = (str(pairs), str(answers.parent))
        known.append(ids(SourceOptions.model_validate({"name": "m", "format": "fastchat", "path": path})))
    assert known[0].keys() == known[1].keys() == {"gpt-4_pair.jsonl", "m.jsonl"}
    assert not set(known[0].values()) & set(known[1].values())


def test_a_file_that_is_joined_into_others_is_part_of_what_they_are(tmp_path):
    rated = write(tmp_path / "ratings-human" / PRD.format("human"), b"{}\n")
    answers = write(tmp_path / "generations" / "answer_bard.jsonl", b'{"text": "one"}\n')
    before = ids(prd(tmp_path))
    write(answers, b'{"text": "two"}\n')
    after = ids(prd(tmp_path))
    assert before.keys() == after.keys() and not set(before.values()) & set(after.values())
    write(tmp_path / "generations" / "answer_vicuna.jsonl", b"{}\n")
    assert ids(prd(tmp_path))[f"ratings-human/{rated.name}"] == after[f"ratings-human/{rated.name}"]


def test_the_sha256_is_of_the_file_as_it_lies_there(tmp_path):
    (intake,) = plan_source(mapped(write(tmp_path / "x.csv", b"abc")))
    assert identify(intake).sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert isinstance(intake, Intake) and (intake.intake_id, intake.sha256) == ("", "")


def test_a_listing_changes_when_a_file_does(folder):
    before = listing([mapped(folder)])
    assert listing([mapped(folder)]) == before
    write(folder / "b.csv", CSV + CSV)
    assert listing([mapped(folder)]) != before


def test_a_listing_does_not_depend_on_the_order_of_sources(folder):
    one, two = mapped(folder), mapped(folder / "b.csv", name="other")
    assert listing([one, two]) == listing([two, one])


def test_gz_is_opened_decompressed(tmp_path):
    import gzip

    for name, content in (("x.csv", CSV), ("x.csv.gz", gzip.compress(CSV))):
        (intake,) = plan_source(mapped(write(tmp_path / name, content)))
        with open_source_file(intake.unit.file) as stream:
            assert stream.read() == CSV
