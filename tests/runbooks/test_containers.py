"""The worker's image and the Flex Template. No docker runs here: what their files say is held against what they speak of."""

import json
import re
import runpy

import apache_beam
import pytest
from google.cloud.dataflow_v1beta3.types import TemplateMetadata

from prefcurate.pipelines.curate import STAGES
from prefcurate.pipelines.launch import Engine, FlagError, Said
from tests.runbooks.commands import ROOT, known, mistakes

CONTAINERS = ROOT / "runbooks" / "containers"
METADATA = json.loads((CONTAINERS / "flex_template.json").read_text(encoding="utf-8"))
PARAMETERS = {parameter["name"]: parameter for parameter in METADATA["parameters"]}
GIVEN = {
    "config": "gs://bucket/prefs/config.yaml",
    "stages": "embed",
    "limit": "20",
    "sdk_container_image": "europe-docker.pkg.dev/p/prefs/prefcurate:0.1.0-gpu",
}
ADDED = (
    "--runner=DataflowRunner",
    "--project=p",
    "--region=r",
    "--temp_location=gs://bucket/t",
    "--template_location=gs://bucket/j",
)
"""What Dataflow's launcher adds to the parameters."""


def launched(*flags: str) -> list[str]:
    return runpy.run_path(str(CONTAINERS / "flex_template.py"))["command"](flags)


def test_the_metadata_is_what_dataflows_api_takes():
    # Raises at a field or a type of parameter that the API does not have.
    found = TemplateMetadata.from_json(json.dumps(METADATA))
    assert [parameter.name for parameter in found.parameters] == list(PARAMETERS)
    for parameter in found.parameters:
        assert parameter.label and parameter.help_text.endswith((".", ".yaml", "0.1.0")), parameter.name
    assert {name for name, p in PARAMETERS.items() if not p.get("isOptional")} == {
        "config",
        "stages",
        "sdk_container_image",
    }


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_parameter_takes_what_is_right_alone(name):
    (pattern,) = PARAMETERS[name]["regexes"]
    assert re.search(pattern, GIVEN[name])
    for wrong in ("", " ", "/etc/config.yaml", "embed,screen", "0", "Image", GIVEN[name] + "\n"):
        assert not re.fullmatch(pattern, wrong), wrong


def test_the_stages_are_the_stages():
    named = re.findall(r"\w+", PARAMETERS["stages"]["regexes"][0])
    assert named == [stage.name for stage in STAGES]
    assert all(stage.name in PARAMETERS["stages"]["helpText"] for stage in STAGES)


def test_the_launcher_takes_every_parameter_and_runs_the_command_itself():
    command = launched(*(f"--{name}={value}" for name, value in GIVEN.items()), *ADDED)
    assert command[:3] == ["run", GIVEN["config"], "--stages=embed"]
    assert list(mistakes(command)) == []
    own = {name for parameter in known()["run"].params for name in parameter.opts}
    beams = tuple(flag for flag in command[2:] if flag.split("=")[0] not in own)
    assert (
        Engine(Said(beams, "gs://bucket/store")).options.get_all_options()["sdk_container_image"]
        == GIVEN["sdk_container_image"]
    )


def test_the_launcher_takes_no_other_parameter():
    command = launched("--config=gs://bucket/c.yaml", "--stages=embed", "--sdk_container_imag=x", *ADDED)
    with pytest.raises(FlagError, match=r"--sdk_container_imag is no flag .* did you mean --sdk_container_image\?"):
        Engine(Said(tuple(command[3:]), "gs://bucket/store"))
    with pytest.raises(SystemExit):
        launched("--config=gs://bucket/c.yaml")


def test_the_image_holds_what_is_copied_and_the_beam_that_is_tested():
    text = (CONTAINERS / "worker.Dockerfile").read_text(encoding="utf-8")
    (beam,) = re.findall(r"^ARG BEAM=(\S+)$", text, re.MULTILINE)
    assert beam == apache_beam.__version__
    copied = [word for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]]
    allowed = {
        line[1:]
        for line in (CONTAINERS / "worker.Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert set(copied) == allowed and all((ROOT / name).exists() for name in copied)
    assert set(re.findall(r"^FROM \S+ AS (\w+)$", text, re.MULTILINE)) == {"launcher", "base", "cpu", "gpu"}
    assert text.count('ENTRYPOINT ["/opt/apache/beam/boot"]') == 2
    main = re.search(r"FLEX_TEMPLATE_PYTHON_PY_FILE=/opt/prefcurate/(\S+)", text)
    assert main and (CONTAINERS / main.group(1)).is_file()
