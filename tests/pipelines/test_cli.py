"""The command line: help, exit statuses, and messages that a person can act on."""

import pytest
import yaml
from typer.testing import CliRunner

from prefcurate.pipelines import cli
from prefcurate.pipelines.curate import STAGES
from prefcurate.pipelines.plan import Plan, render
from prefcurate.transforms.annotate.plan import PlannedCalls

VOTES = "id,q,x,y,vote\n1,Why?,Because.,No idea.,1\n2,How?,Thus.,So.,2\n"
FIELDS = {"prompt": "q", "response_a": "x", "response_b": "y", "label": {"path": "vote", "values": {1: "a", 2: "b"}}}


@pytest.fixture
def config(tmp_path):
    (tmp_path / "votes.csv").write_text(VOTES)
    path = tmp_path / "config.yaml"

    def write(**more) -> str:
        source = {"name": "votes", "path": "votes.csv", "fields": FIELDS}
        path.write_text(yaml.safe_dump({"store": "store", "shards": 1, "sources": [source]} | more))
        return str(path)

    return write


def command(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of the console script."""
    monkeypatch.setattr("sys.argv", ["prefcurate", *arguments])
    status = cli.status_of_command()
    told = capsys.readouterr()
    return status, told.out, told.err


def test_help_teaches():
    shown = CliRunner().invoke(cli.app, ["--help"]).output
    for name in ("check", "plan", "run", "status", "query", "show", "diff"):
        assert name in shown
    assert "A first hour" in shown


def test_check_says_what_it_understood(monkeypatch, capsys, config):
    status, out, _ = command(monkeypatch, capsys, "check", config())
    assert status == 0
    assert "2 used, giving 2 pairs" in out and "preferred the first: “Because.”" in out


def test_a_wrong_key_is_named_and_nothing_is_made(monkeypatch, capsys, config, tmp_path):
    for arguments in (("run",), ("plan",), ("check",)):
        status, _, err = command(monkeypatch, capsys, *arguments, config(buget=5))
        assert status == 2
        assert "did you mean 'budget'?" in err
    assert not (tmp_path / "store").exists()


def test_a_missing_benchmark_stops_before_anything_runs(monkeypatch, capsys, config, tmp_path):
    wrong = config(benchmarks=[{"name": "gsm8k", "path": "nowhere.jsonl", "text": "q"}])
    status, _, err = command(monkeypatch, capsys, "run", wrong)
    assert status == 2 and "nowhere.jsonl" in err
    assert not (tmp_path / "store").exists()


def test_unknown_stages_and_flags_are_wrong_settings(monkeypatch, capsys, config):
    assert command(monkeypatch, capsys, "run", config(), "--stages", "ingest,scren")[0] == 2
    status, _, err = command(monkeypatch, capsys, "run", config(), "--zzz=1")
    assert status == 2 and "--zzz" in err


def test_a_stage_needs_those_that_it_builds_on(monkeypatch, capsys, config):
    status, _, err = command(monkeypatch, capsys, "run", config(), "--stages", "screen")
    assert status == 1
    assert "stage screen builds on ingest, which has not run with this configuration" in err


def test_plan_takes_no_store_that_lost_its_store_json_for_a_new_one(monkeypatch, capsys, config, tmp_path):
    path = config()
    command(monkeypatch, capsys, "run", path, "--stages", "ingest")
    (tmp_path / "store" / "store.json").unlink()
    for arguments in (("plan", path), ("run", path)):
        status, _, err = command(monkeypatch, capsys, *arguments)
        assert status == 1
        assert "prefcurate repair" in err


def test_repair_goes_on_where_a_judge_has_nothing_to_answer(monkeypatch, capsys, config, tmp_path):
    command(monkeypatch, capsys, "run", config(), "--stages", "ingest")
    planned = Plan(2, 0, (), (PlannedCalls("llm_judge:j", 0),), (), 0.0, None, 1, 1)
    monkeypatch.setattr("prefcurate.pipelines.plan.plan", lambda config: planned)
    went_on = []
    monkeypatch.setattr("prefcurate.pipelines.keeping.run_line", lambda *given: went_on.append(given))
    (part,) = (tmp_path / "store" / "comparisons").glob("shard=*/*.parquet")
    part.write_bytes(b"")
    status, out, _ = command(monkeypatch, capsys, "repair", config())
    assert status == 0
    assert len(went_on) == 1 and "somebody may have to be paid" not in out


def test_a_store_with_other_shards_is_refused(monkeypatch, capsys, config):
    assert command(monkeypatch, capsys, "run", config(), "--stages", "ingest")[0] == 0
    status, _, err = command(monkeypatch, capsys, "run", config(shards=2), "--stages", "ingest")
    assert status == 2 and "has 1 shards, the configuration says shards: 2" in err


def test_too_many_rows_in_quarantine_stop_a_run_that_sets_a_limit(monkeypatch, capsys, config, tmp_path):
    broken = config(max_quarantined=0.2)
    (tmp_path / "votes.csv").write_text(VOTES + "3,Who?,Me.,You.,9\n")
    status, _, err = command(monkeypatch, capsys, "run", broken, "--stages", "ingest,describe")
    assert status == 1
    assert "source 'votes': 1 of 3 rows are in quarantine, more than max_quarantined: 0.2" in err
    assert command(monkeypatch, capsys, "run", config(), "--stages", "ingest,describe")[0] == 0


@pytest.mark.parametrize("votes", ["", "id,q,x,y,vote\n1,Why?,Because.,No idea.,9\n"])
def test_nothing_is_published_of_nothing(monkeypatch, capsys, config, tmp_path, votes):
    path = config()
    (tmp_path / "votes.csv").write_text(votes)
    status, _, err = command(monkeypatch, capsys, "run", path)
    assert status == 1
    assert "no row of any source can be used" in err
    assert not (tmp_path / "store" / "releases").exists()


def test_what_a_value_holds_reaches_a_pipe_as_it_is(monkeypatch, capsys, config, tmp_path):
    command(monkeypatch, capsys, "run", config(), "--stages", "ingest")
    sql = "SELECT chr(27) || '[31mred' AS x"
    for form, wanted in (("csv", "x\n\x1b[31mred\n"), ("json", '[{"x": "\\u001b[31mred"}\n]\n')):
        assert command(monkeypatch, capsys, "query", str(tmp_path / "store"), sql, "--format", form)[:2] == (0, wanted)


def test_limit_takes_a_taste(monkeypatch, capsys, config, tmp_path):
    assert command(monkeypatch, capsys, "run", config(), "--stages", "ingest", "--limit", "1")[0] == 0
    _, out, _ = command(
        monkeypatch,
        capsys,
        "query",
        str(tmp_path / "store"),
        "SELECT count(*) AS n FROM comparisons",
        "--format",
        "csv",
    )
    assert out == "n\n1\n"


def test_what_is_not_there_is_said(monkeypatch, capsys, tmp_path, config):
    nowhere = str(tmp_path / "nowhere")
    for arguments in (
        ("status", nowhere),
        ("query", nowhere, "SELECT 1"),
        ("show", nowhere, "ab"),
        ("diff", nowhere, "a"),
    ):
        status, _, err = command(monkeypatch, capsys, *arguments)
        assert status == 1
        assert "there is no store at" in err
    command(monkeypatch, capsys, "run", config(), "--stages", "ingest")
    store = str(tmp_path / "store")
    assert "no comparison or prompt" in command(monkeypatch, capsys, "show", store, "ffffff")[2]
    assert "there is no release in" in command(monkeypatch, capsys, "diff", store, "abc")[2]


def test_plan_counts_and_pays_nothing(monkeypatch, capsys, config, tmp_path):
    judge = {
        "name": "j",
        "kind": "llm_judge",
        "endpoint": "http://127.0.0.1:9/v1",
        "model": "m",
        "price": {"input": 1, "output": 2},
        "budget": 0.25,
    }
    status, out, _ = command(monkeypatch, capsys, "plan", config(annotators=[judge], budget=1))
    assert status == 0
    assert "2 comparisons" in out
    # Two pairs in both orders.
    assert "llm_judge:j: 4 questions" in out
    assert "its own cap is $0.25 over the life of the store" in out
    assert "spent so far: $0.00; cap $1.00" in out
    assert not (tmp_path / "store").exists()


def test_plan_names_what_builds_on_a_change():
    found = Plan(2, 0, tuple((s.name, s.name == "consensus") for s in STAGES), (), (), 0.0, None, 1, 1)
    assert "would run: consensus\nand where these change something: route, publish, report" in render(found)
