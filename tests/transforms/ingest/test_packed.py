"""Compressed files and archives as sources: the same rows as unpacked, and what breaks or climbs is said."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from prefcurate.schemas.formats.base import SourceFile
from prefcurate.schemas.records import InputRow, Pairs, Unreadable
from prefcurate.transforms.ingest import packed
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.sources import (
    SourceError,
    identify,
    list_files,
    listing,
    open_source_file,
    plan_source,
)
from prefcurate.transforms.ingest.staging import _rows
from tests.helpers import ingest

FIELDS = {"prompt": "q", "response_a": "one", "response_b": "two"}
CSV = b"q,one,two\n" + b"".join(b"p%d,x,y\n" % i for i in range(2000))
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": partial(pa.compress, codec="zstd", asbytes=True),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz")


def mapped(*paths: Path | str, **more) -> SourceOptions:
    given = {"name": "team", "path": tuple(map(str, paths)), "fields": FIELDS}
    return SourceOptions.model_validate(given | more)


def archive(name: str, files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as zipped:
            for member, content in files.items():
                zipped.writestr(member, content)
        return made.getvalue()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for member, content in files.items():
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    ending = name.replace(".tgz", ".tar.gz").partition(".tar")[2]
    return COMPRESS[ending](made.getvalue()) if ending else made.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def rows(source: SourceOptions) -> list[InputRow]:
    return [row for intake in plan_source(source) for row in _rows(identify(intake))]


def told(source: SourceOptions) -> list[str]:
    return [row.outcome.reason if isinstance(row.outcome, Unreadable) else "used" for row in rows(source)]


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_file_holds_the_same_rows(tmp_path, ending):
    plain = rows(mapped(write(tmp_path / "plain" / "x.csv", CSV)))
    folder = write(tmp_path / "packed" / f"x.csv{ending}", COMPRESS[ending](CSV)).parent
    assert rows(mapped(folder)) == plain and len(plain) == 2000
    cut = write(tmp_path / f"x.csv{ending}", COMPRESS[ending](CSV)[:-20])
    *whole, last = rows(mapped(cut))
    assert whole == plain[: len(whole)]
    assert isinstance(last.outcome, Unreadable) and last.outcome.reason == "file broken off"


@pytest.mark.parametrize("ending", COMPRESS)
def test_what_is_not_compressed_as_its_name_says_is_one_row_in_quarantine(tmp_path, ending):
    assert told(mapped(write(tmp_path / f"x.jsonl{ending}", b'{"q": 1}\n'))) == ["file broken off"]


@pytest.mark.parametrize("ending", COMPRESS)
def test_several_streams_after_one_another_are_one_file(tmp_path, ending):
    path = write(tmp_path / f"x.csv{ending}", COMPRESS[ending](CSV[:5000]) + COMPRESS[ending](CSV[5000:]))
    assert len(rows(mapped(path))) == 2000


@pytest.mark.parametrize("ending", ARCHIVES)
def test_members_of_an_archive_are_files_of_the_source(tmp_path, ending):
    files = {
        "./a.csv": CSV,
        "deep/b.csv.gz": gzip.compress(CSV),
        "deep/.c.csv": CSV,
        "__MACOSX/._a.csv": b"?",
        "n.txt": b"",
    }
    path = write(tmp_path / "sub" / f"votes{ending}", archive(ending, files))
    for given, above in ((path, ""), (tmp_path, "sub/"), (f"{tmp_path}/*/votes*", "sub/")):
        found = list_files(mapped(given))
        assert [file.name for file in found] == [f"{above}votes{ending}/a.csv", f"{above}votes{ending}/deep/b.csv.gz"]
    assert [file.name for file in list_files(mapped(f"{path}/deep/*.gz"))] == [f"votes{ending}/deep/b.csv.gz"]
    assert [file.name for file in list_files(mapped(f"{path}/n.txt", type="csv"))] == [f"votes{ending}/n.txt"]
    assert told(mapped(path)) == ["used"] * 4000


def test_a_member_is_the_same_intake_wherever_its_archive_lies(tmp_path):
    content = archive(".zip", {"a.csv": CSV, "b.csv": CSV + b"p,x,z\n"})
    one, two = (write(tmp_path / where / "v.zip", content) for where in ("one", "two"))
    ids = [[identify(intake).intake_id for intake in plan_source(mapped(path))] for path in (one, two)]
    assert ids[0] == ids[1] and len(set(ids[0])) == 2
    (first, _) = (identify(intake) for intake in plan_source(mapped(one)))
    plain = write(tmp_path / "a.csv", CSV)
    assert first.sha256 == identify(plan_source(mapped(plain))[0]).sha256 and first.bytes == len(CSV)


def test_the_listing_of_an_archive_names_what_is_wanted_of_it(tmp_path):
    path = write(tmp_path / "v.zip", archive(".zip", {"a.csv": CSV, "b.csv": CSV}))
    assert listing([mapped(path)]) == listing([mapped(tmp_path)])
    assert listing([mapped(f"{path}/a.csv")]) != listing([mapped(f"{path}/b.csv")]) != listing([mapped(path)])


def test_an_archive_beside_files_counts_and_one_without_data_does_not_disturb(tmp_path):
    write(tmp_path / "a.csv", CSV)
    write(tmp_path / "pictures.zip", archive(".zip", {"a.png": b"x", "more.zip": b""}))
    write(tmp_path / "v.tgz", archive(".tgz", {"a.csv": CSV}))
    assert [file.name for file in list_files(mapped(tmp_path))] == ["a.csv", "v.tgz/a.csv"]
    with pytest.raises(
        SourceError, match=r"no file in the archive '.*pictures.zip' ends in .*; it holds a.png, more.zip"
    ):
        list_files(mapped(tmp_path / "pictures.zip"))


def test_an_archive_in_an_archive_is_not_passed_over_in_silence(tmp_path):
    inner = archive(".zip", {"b.csv": CSV})
    path = write(tmp_path / "v.tar", archive(".tar", {"a.csv": CSV, "inner.zip": inner}))
    with pytest.raises(SourceError, match="holds another one, 'inner.zip', which is not looked into: unpack it"):
        plan_source(mapped(path))
    assert [file.name for file in list_files(mapped(f"{path}/*.csv"))] == ["v.tar/a.csv"]


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.zst"])
@pytest.mark.parametrize(
    ("name", "why"), [("../../evil.csv", "climbs out"), ("/etc/evil.csv", "absolute"), ("a/../../b.csv", "climbs out")]
)
def test_names_that_leave_the_archive_are_refused_and_the_rest_is_read(tmp_path, ending, name, why):
    path = write(tmp_path / f"v{ending}", archive(ending, {name: CSV, "good.csv": CSV}))
    found = rows(mapped(path))
    refused = [row.outcome for row in found if isinstance(row.outcome, Unreadable)]
    assert [outcome.reason for outcome in refused] == ["refused archive member"]
    assert why in refused[0].detail and repr(name) in refused[0].detail
    assert sum(isinstance(row.outcome, Pairs) for row in found) == 2000
    assert not list(tmp_path.parent.glob("evil*")) and {p.name for p in tmp_path.iterdir()} == {path.name}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "v.tar", "w") as tar:
        info = tarfile.TarInfo("link.csv")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    (row,) = rows(mapped(tmp_path / "v.tar"))
    assert "link or a device" in row.outcome.detail and row.outcome.reason == "refused archive member"


def test_links_and_encrypted_members_of_a_zip_are_refused(tmp_path):
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as zipped:
        zipped.writestr(link, "/etc/passwd")
        zipped.writestr("secret.csv", CSV)
    data = bytearray((tmp_path / "v.zip").read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    (tmp_path / "v.zip").write_bytes(data)
    details = [row.outcome.detail for row in rows(mapped(tmp_path / "v.zip"))]
    assert "link or a device" in details[0] and "encrypted; unpack it first" in details[1]


@pytest.mark.parametrize("ending", ARCHIVES)
def test_an_archive_that_is_cut_off_is_named_before_anything_is_read(tmp_path, ending):
    whole = archive(ending, {f"{i}.csv": CSV for i in range(5)})
    for size in (0, 100, len(whole) // 2):
        path = write(tmp_path / f"v{ending}", whole[:size])
        with pytest.raises(SourceError, match=f"the archive 'v{ending}' is broken or cut off"):
            plan_source(mapped(path))


def test_a_tar_that_ends_between_two_members_or_has_a_damaged_header_is_broken(tmp_path):
    whole = bytearray(archive(".tar", {"a.csv": CSV, "b.csv": CSV}))
    second = whole.index(b"b.csv\0")
    for data in (whole[:second], whole[:second] + b"\xff" * 512 + whole[second + 512 :]):
        with pytest.raises(SourceError, match="no whole header at byte"):
            plan_source(mapped(write(tmp_path / "v.tar", bytes(data))))


def test_one_name_twice_in_an_archive_is_an_error(tmp_path):
    with tarfile.open(tmp_path / "v.tar", "w") as tar:
        for _ in range(2):
            info = tarfile.TarInfo("a.csv")
            tar.addfile(info)
    with pytest.raises(SourceError, match=r"holds 'a.csv' twice"):
        plan_source(mapped(tmp_path / "v.tar"))


def test_a_damaged_member_is_quarantined_and_the_others_are_read(tmp_path):
    whole = bytearray(archive(".zip", {"a.csv": CSV, "b.csv": CSV}))
    at = whole.index(b"b.csv") + 300
    whole[at : at + 40] = b"\0" * 40
    outcomes = told(mapped(write(tmp_path / "v.zip", bytes(whole))))
    assert outcomes[:2000] == ["used"] * 2000 and outcomes[-1] in ("file broken off", "broken file")
    assert len(outcomes) > 2000


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst", ".jsonl.xz", ".zip", ".tar.bz2", ".parquet.zst"])
def test_what_unpacks_to_absurdly_much_is_stopped(tmp_path, ending, monkeypatch):
    monkeypatch.setattr(packed, "BOMB_BYTES", 1 << 20)
    bomb = b"\0" * (1 << 24)
    content = (
        archive(ending, {"a.jsonl": bomb}) if ending in ARCHIVES else COMPRESS["." + ending.rpartition(".")[2]](bomb)
    )
    path = write(tmp_path / f"v{ending}", content)
    try:
        (row,) = rows(mapped(path))
        said = row.outcome.detail
    except SourceError as error:
        said = str(error)
    assert "zip bomb" in said and "give the file unpacked" in said


def test_members_behind_another_address():
    fs = fsspec.filesystem("memory")
    fs.pipe("/packed/v.zip", archive(".zip", {"in/a.csv": CSV}))
    fs.pipe("/packed/v.tar.zst", archive(".tar.zst", {"in/b.csv": CSV}))
    found = list_files(mapped("memory://packed"))
    assert found == [
        SourceFile("memory:///packed/v.tar.zst", "v.tar.zst/in/b.csv", "in/b.csv"),
        SourceFile("memory:///packed/v.zip", "v.zip/in/a.csv", "in/a.csv"),
    ]
    for file in found:
        with open_source_file(file) as stream:
            assert stream.read() == CSV
    assert [file.name for file in list_files(mapped("memory://packed/v.zip/in/*"))] == ["v.zip/in/a.csv"]
    fs.rm("/packed", recursive=True)


def test_a_special_reader_reads_an_archive_as_it_reads_the_folder(tmp_path):
    data = Path(__file__).parents[3] / "examples" / "data" / "prd-vicuna80"
    files = {str(path.relative_to(data)): path.read_bytes() for path in sorted(data.rglob("*.jsonl*"))}
    path = write(tmp_path / "prd.zip", archive(".zip", files))
    folder = SourceOptions.model_validate({"name": "p", "format": "prd", "path": str(data)})
    assert rows(folder.model_copy(update={"path": str(path)})) == rows(folder)


def test_ingest_accounts_for_members_by_name(tmp_path):
    path = write(tmp_path / "v.tgz", archive(".tgz", {"a.csv": CSV, "../b.csv": CSV}))
    store = ingest(tmp_path / "store", [mapped(path)])
    intakes = store.dataset("intakes").to_table().to_pylist()
    assert {(row["file"], row["rows"], row["quarantined"]) for row in intakes} == {
        ("v.tgz/a.csv", 2000, 0),
        ("v.tgz/../b.csv", 1, 1),
    }
