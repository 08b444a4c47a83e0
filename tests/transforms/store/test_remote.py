"""A store behind an S3 server that refuses, resets, answers late or not at all: nothing is lost, done twice or told that is secret."""

import json
import time

import pytest
from s3fs import S3FileSystem

from prefcurate.transforms.store import remote
from prefcurate.transforms.store.errors import CommitConflict, WrongStore
from prefcurate.transforms.store.files import create_bytes, exists, listed, read_bytes, remove, write_bytes
from prefcurate.transforms.store.remote import Unreachable
from prefcurate.transforms.store.repair import repair
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.verify import find_damage
from tests.s3_server import BUCKET, KEY, SECRET, FaultyProxy, Seeded, environment, s3_server
from tests.transforms.store.toys import FACT, commit, fact_part, held


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """One proxy for all tests: fsspec remembers the endpoint of a file system."""
    S3FileSystem.clear_instance_cache()
    with (
        s3_server(tmp_path_factory.mktemp("s3")) as upstream,
        FaultyProxy(upstream) as found,
        pytest.MonkeyPatch.context() as patched,
    ):
        for name, value in environment(found.endpoint).items():
            patched.setenv(name, value)
        yield found
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def proxy(line):
    line.choose, line.slow_seconds = good, 0.3
    line.seen.clear()
    remote._given_up.clear()
    yield line
    remote._given_up.clear()
    line.choose = good


@pytest.fixture(scope="module")
def made(line):
    made = Store(f"s3://{BUCKET}/store", 2)
    made.create()
    return made


@pytest.fixture
def store(made, proxy):
    return made


def good(method, path):
    return None


def once(fault, method, *within):
    """A choice that makes one fault, at the first request whose path holds all of some words."""
    left = [fault]

    def choose(asked, path):
        return left.pop() if left and asked == method and all(word in path for word in within) else None

    return choose


@pytest.mark.parametrize("fault", ["lost", "refused_after", "reset", "refuse", "slow"])
def test_a_commit_is_made_once_whatever_becomes_of_its_answer(store, proxy, fault):
    parts, base = [fact_part(store, (f"p {fault}", fault))], store.delta(FACT).version()
    proxy.choose = once(fault, "PUT", f"/{FACT}/_delta_log/")
    assert commit(store, parts, fault) == base + 1
    assert proxy.seen[fault] == 1
    proxy.choose = good
    assert held(store).count(fault) == 1 and store.delta(FACT).version() == base + 1
    assert commit(store, parts, fault, base) == base + 1, "an engine that commits again"


def test_a_log_whose_answer_broke_in_its_middle_is_read_again(store, proxy):
    version = store.delta(FACT).version()
    proxy.choose = once("half", "GET", f"/{FACT}/_delta_log/", ".json")
    assert store.delta(FACT).version() == version
    assert proxy.seen["half"] == 1


def test_what_a_version_holds_is_asked_for_once(store, proxy):
    version = store.delta(FACT).version()
    first, asked = store.files(FACT, version), proxy.seen["requests"]
    assert store.files(FACT, version) == first and proxy.seen["requests"] == asked


def test_a_log_that_a_repair_made_again_gives_old_numbers_new_versions(proxy, request):
    mine = Store(f"s3://{BUCKET}/{request.node.name}", 2)
    mine.create()
    parts = [fact_part(mine, (prompt * 32, "x")) for prompt in "01"]
    for number, part in enumerate(parts):
        commit(mine, [part], str(number))
    assert [path for _, path in mine.files(FACT, 1)] == [parts[0].path]
    remove(f"{mine.root}/{FACT}/_delta_log")
    repair(mine.root, "mend", find_damage(mine.root))
    assert (len(held(mine)), find_damage(mine.root)) == (2, [])
    assert sum(len(mine.dataset(FACT, 1, shard).to_table()) for shard in range(2)) == 2


def test_a_place_that_is_not_there_is_a_wrong_setting(proxy, impatient):
    with pytest.raises(WrongStore, match="no store can be made at s3://nobodys-bucket/store: .*[Bb]ucket"):
        Store("s3://nobodys-bucket/store", 2).create()


def test_of_two_commits_the_second_is_refused_though_the_firsts_answer_was_lost(store, proxy):
    mine, other = fact_part(store, ("p", "mine")), fact_part(store, ("p", "other"))
    base = store.delta(FACT).version()
    proxy.choose = once("lost", "PUT", f"/{FACT}/_delta_log/")
    commit(store, [other], "other", base)
    with pytest.raises(CommitConflict, match=f"another run changed the table {FACT}"):
        commit(store, [mine], "mine", base)
    assert "other" in held(store) and "mine" not in held(store)


def test_a_file_that_is_to_be_new_is_ours_though_the_answer_was_lost(proxy, request):
    address = f"s3://{BUCKET}/{request.node.name}/file"
    proxy.choose = once("lost", "PUT", "file")
    assert create_bytes(address, b"mine")
    assert proxy.seen["lost"] == 1
    assert not create_bytes(address, b"another's")
    assert read_bytes(address) == b"mine"


@pytest.mark.parametrize("seed", [1, 2])
def test_files_pass_through_a_bad_line_whole(proxy, request, seed):
    folder = f"s3://{BUCKET}/{request.node.name}"
    proxy.choose = Seeded(seed, {"refuse": 0.06, "reset": 0.06, "lost": 0.06, "half": 0.06, "slow": 0.03})
    contents = {f"{folder}/{i}": bytes([i]) * 100_000 for i in range(12)}
    for address, content in contents.items():
        write_bytes(address, content)
    assert listed(folder) == sorted(contents)
    assert {address: read_bytes(address) for address in contents} == contents
    for address in contents:
        remove(address)
    assert not exists(folder)
    assert {"refuse", "reset", "lost"} <= set(proxy.seen), f"seed {seed}"


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(remote, "TRIES", 2)
    monkeypatch.setattr(remote, "READ_TRIES", 1)


@pytest.mark.parametrize("fault", ["refuse", "reset"])
def test_a_store_that_stays_down_is_told_in_one_line_without_keys(store, proxy, impatient, fault):
    proxy.choose = lambda method, path: fault
    for act in (lambda: read_bytes(f"{store.root}/store.json"), lambda: store.versions([FACT])):
        before = proxy.seen["requests"]
        with pytest.raises(Unreachable) as caught:
            act()
        said = str(caught.value)
        assert said.startswith(f"{store.root}") and "\n" not in said and "\x1b" not in said
        assert "the same command goes on from there" in said
        assert KEY not in said and SECRET not in said
        assert 1 < proxy.seen["requests"] - before < 12


def test_a_store_that_does_not_answer_is_given_up(proxy, impatient, monkeypatch, request):
    monkeypatch.setattr(remote, "ANSWER_SECONDS", 1)
    proxy.slow_seconds, proxy.choose = 20, lambda method, path: "slow"
    began = time.monotonic()
    with pytest.raises(Unreachable, match="[Tt]ime"):
        read_bytes(f"s3://{BUCKET}/{request.node.name}")
    assert time.monotonic() - began < 15, "four waits of a second, and not of twenty"
    waited = proxy.seen["requests"]
    with pytest.raises(Unreachable, match="[Tt]ime"):
        Store.open(f"s3://{BUCKET}/another")
    assert proxy.seen["requests"] == waited, "who ends does not wait for it again and again"
    monkeypatch.setattr(remote, "_given_up", {})
    proxy.choose = good
    assert not exists(f"s3://{BUCKET}/{request.node.name}")


def test_what_is_not_there_is_not_a_failure(proxy, request):
    assert not exists(f"s3://{BUCKET}/{request.node.name}")
    with pytest.raises(FileNotFoundError):
        read_bytes(f"s3://{BUCKET}/{request.node.name}")
    assert listed(f"s3://{BUCKET}/{request.node.name}") == []


def test_keys_in_an_error_are_blanked(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert remote.told(OSError(f"bad request: {SECRET}.")) == "bad request: [AWS_SECRET_ACCESS_KEY]"


def test_deltalake_is_told_of_an_endpoint_without_tls(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    assert json.dumps(remote.table_options("s3://b/store")).count("http://127.0.0.1:9000") == 1
    assert remote.table_options("s3://b/store")["allow_http"] == "true"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://objects.example")
    options = remote.table_options("s3://b/store")
    assert options["aws_endpoint"] == "https://objects.example" and "allow_http" not in options
    assert remote.table_options("/data/store") is None
