"""What the shortest command on Dataflow says, adds and refuses; nothing is sent anywhere."""

import json
import re
from pathlib import Path

import pytest
from apache_beam.internal.gcp import auth
from apache_beam.options.pipeline_options import GoogleCloudOptions, SetupOptions, StandardOptions, WorkerOptions
from apache_beam.runners.dataflow.internal import apiclient
from rich.console import Console

from prefcurate.pipelines.config import load_config
from prefcurate.pipelines.curate import curate
from prefcurate.pipelines.launch import Engine, FlagError, Said
from prefcurate.pipelines.launch import dataflow as module
from prefcurate.pipelines.progress import Progress
from prefcurate.transforms.store.store import Store
from tests.e2e.line import config

SHORTEST = ("--runner=DataflowRunner", "--project=my-project", "--region=r", "--temp_location=gs://bucket/tmp")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_cloud_of_the_developer(monkeypatch, tmp_path):
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    monkeypatch.delenv("CLOUDSDK_COMPUTE_REGION", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def engine(*flags: str, store: str = "gs://bucket/store", paths: tuple[tuple[str, str], ...] = ()) -> Engine:
    return Engine(Said(flags, store, 4, None, paths))


def test_the_shortest_command_brings_prefcurate_and_its_extras_to_the_workers(tmp_path):
    options = engine(*SHORTEST).options
    assert options.view_as(SetupOptions).setup_file == str(ROOT / "setup.py")
    assert options.view_as(SetupOptions).requirements_cache == "skip"
    needed = Path(options.view_as(SetupOptions).requirements_file).read_text().splitlines()
    assert {re.split(r"[\[<>=]", line)[0] for line in needed} >= {"rensa", "httpx", "torch", "apache-beam", "gcsfs"}
    assert options.view_as(WorkerOptions).max_num_workers == 4
    assert not options.view_as(StandardOptions).streaming


@pytest.mark.parametrize(
    "flag", ["--sdk_container_image=r/p:1", "--extra_package=prefcurate-0.1.0.tar.gz", "--requirements_file=mine.txt"]
)
def test_whoever_says_how_prefcurate_comes_to_the_workers_is_believed(flag):
    options = engine(*SHORTEST, flag).options
    assert options.view_as(SetupOptions).setup_file is None


def test_an_installation_without_a_checkout_asks_for_an_image(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_CHECKOUT", tmp_path)
    with pytest.raises(FlagError, match="workers need prefcurate: name an image with --sdk_container_image"):
        engine(*SHORTEST)


def test_everything_that_is_missing_is_named_at_once():
    here = (("sources.votes.path", "/data/votes.csv"), ("overrides", "gs://bucket/o.csv"))
    with pytest.raises(FlagError) as raised:
        engine("--runner=dataflow", "--temp_location=/tmp", "--streaming", store="/data/store", paths=here)
    assert str(raised.value).splitlines() == [
        "--project: Dataflow needs it, such as --project=my-project (or set $GOOGLE_CLOUD_PROJECT)",
        "--region: Dataflow needs it, such as --region=europe-west1 (or set $CLOUDSDK_COMPUTE_REGION)",
        "--temp_location=/tmp: Dataflow takes an address such as gs://my-bucket/tmp alone",
        "--streaming: every stage is a batch job; leave the flag out",
        "store: /data/store lies on this machine, where Dataflow's workers cannot read it; put it at gs://…",
        "sources.votes.path: /data/votes.csv lies on this machine, where Dataflow's workers cannot read it; put it at gs://…",
    ]
    assert raised.value.exit_status == 2


def test_a_mistyped_flag_is_refused_before_anything_is_sent():
    with pytest.raises(FlagError, match=r"--machine_typ is no flag .* did you mean --machine_type\?"):
        engine(*SHORTEST, "--machine_typ=n2-standard-4")


def test_the_environment_says_project_and_region(monkeypatch):
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "of-environment")
    monkeypatch.setenv("CLOUDSDK_COMPUTE_REGION", "europe-west4")
    cloud = engine("--runner=DataflowRunner", "--temp_location=gs://bucket/tmp").options.view_as(GoogleCloudOptions)
    assert (cloud.project, cloud.region) == ("of-environment", "europe-west4")
    assert engine(*SHORTEST).options.view_as(GoogleCloudOptions).project == "my-project"


def test_each_stage_is_a_job_of_its_own_name():
    assert re.fullmatch(r"prefcurate-embed-\d{8}-\d{6}", module.job_name("embed"))
    assert re.fullmatch("[a-z]([-a-z0-9]{0,61}[a-z0-9])?", module.job_name("embed"))


@pytest.fixture
def sent(monkeypatch):
    """What would be uploaded, by name; nothing leaves the machine, and a store on it counts as one in the cloud."""
    found: dict[str, bytes] = {}

    def stage(client, folder, name, stream, **more):
        found[f"{folder}/{name}"] = Path(stream).read_bytes() if isinstance(stream, str) else stream.read()

    monkeypatch.setattr(apiclient.DataflowApplicationClient, "stage_file_with_retry", stage)
    # Where there are no credentials Beam looks for them for half a minute.
    monkeypatch.setattr(auth._Credentials, "get_service_credentials", lambda options: None)
    monkeypatch.setattr(GoogleCloudOptions, "_warn_if_soft_delete_policy_enabled", lambda options, name: None)
    monkeypatch.setattr(module, "_is_here", lambda path: False)
    return found


TEMPLATE = (*SHORTEST, "--template_location=gs://bucket/jobs/job", "--no_auth", "--sdk_container_image=r/p:1")


def test_a_flex_template_is_one_stages_job_and_computes_nothing(tmp_path, sent, capsys):
    path = config(tmp_path)
    curate(load_config(str(path)), Progress(Console(width=200)), ["ingest"], TEMPLATE)
    job = json.loads(sent["gs://bucket/jobs/job"])
    assert re.fullmatch(r"prefcurate-ingest-\d{8}-\d{6}", job["name"])
    (pool,) = job["environment"]["workerPools"]
    assert [image["containerImage"] for image in pool["sdkHarnessContainerImages"]] == ["r/p:1"]
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 2
    assert "the job of stage ingest is written to gs://bucket/jobs/job; nothing has run yet" in capsys.readouterr().out
    assert Store.open(str(tmp_path / "store")).ledger() == []


def test_a_flex_template_of_several_stages_is_refused(tmp_path, sent):
    with pytest.raises(FlagError, match="gs://bucket/jobs/job is one job, so one stage: name it with --stages"):
        curate(load_config(str(config(tmp_path))), Progress(Console()), None, TEMPLATE)
    assert not (tmp_path / "store").exists() and sent == {}
