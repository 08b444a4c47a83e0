"""The graphs that Dataflow would be sent, looked at without a network: there is no account here to run them with."""

import re
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import apache_beam
import pytest
from apache_beam.coders import FastPrimitivesCoder

from prefcurate.transforms.embed.missing import Group
from prefcurate.transforms.embed.stage import GroupUnit
from prefcurate.transforms.steps.units import Unit
from tests.engines.graphs import BY_NAME, fused, graph, hints, pickled, shuffles, steps, travelling
from tests.helpers import context, make_store, pair

STAGES = tuple(BY_NAME)
COMMON = {"Pin/once", "CommitStage/gather", "CommitStage/all of the stage"}
"""The shuffles of every stage: the snapshot is fixed, parts meet by shard, one worker commits."""
SHUFFLES = {
    "ingest": {"spread files", "files of a source", "resolved once", "all active", "slices of a shard"},
    "embed": {"ShardUnits/spread", "spread groups"},
    "screen": {
        "ShardUnits/spread", "all edges", "spread",
        *(f"near duplicates/{name}" for name in ("same band", "same shards", "same shard", "both ends")),
    },
    "describe": {"ShardUnits/spread"},
    "rubrics": {"ShardUnits/spread", "gather", "once"},
    "annotate": {
        "ShardUnits/spread", "all of them", "a lane each", "learn from all", "spread",
        *(f"tell of the {name}/GroupByKey" for name in ("asked", "computed")),
    },
    "consensus": {"ShardUnits/spread", "all votes"},
    "route": {"ShardUnits/spread", "of all shards"},
    "publish": {"spread shards", "all loads", "spread files", "all files"},
    "report": {"spread", "of all shards"},
}  # fmt: skip
ALONE = [
    ("ingest", {"read new files", "by source"}),
    ("ingest", {"build shards"}),
    ("embed", {"missing texts"}),
    ("embed", {"embed"}),
    ("screen", {"sketch", "bands", "flags", "gold prompts", "sketches"}),
    ("screen", {"near duplicates/candidates"}),
    ("screen", {"near duplicates/compare", "near duplicates/near the threshold", "near duplicates/sure"}),
    ("screen", {"join"}),
    ("screen", {"write"}),
    ("describe", {"MapShards/work"}),
    ("rubrics", {"trusted labels", "together"}),
    ("rubrics", {"mine"}),
    ("consensus", {"write votes"}),
    ("consensus", {"fit label model"}),
    ("consensus", {"decide", "CommitStage/by table and shard"}),
    ("route", {"candidates"}),
    ("publish", {"judge pairs"}),
    ("publish", {"write files"}),
    ("report", {"figures"}),
    *((stage, {"CommitStage/merge parts"}) for stage in STAGES),
]
"""The steps that do the work, with what is fused with them: nothing that would keep them on one worker."""
DESCRIPTIONS = {
    "BandSlice", "ExampleFile", "FileTask", "Finished", "GroupUnit", "Intake", "Losses", "Part", "ReleaseFile", "Remark", "ShardTask", "SketchFile",
    "Slice", "Snapshot", "Staged", "Task", "Unit", "VotePart", "Work", "_Merged",
}  # fmt: skip
"""What flows: where something lies. They are pickled, and small."""
IDS = {"Contrast", "GoldPrompt", "Load", "Planned", "Plans", "Routed", "ShardCandidates", "ShardFigures", "ShardShare"}
"""What is truly global: ids, hashes, integers and counts."""
INDEX = {"Indexes"}
"""Hashes of the benchmarks' n-grams, one element that every worker reads as a side input."""
BEAMS = {"NoneType", "PaneInfo", "Timestamp", "bytes", "int", "str"}
PORTABLE = r"(?:bytes|iterable|kv|nullable|string_utf8|tuple|varint)"
"""Coders that are written the same in every language and release."""
KEY = (
    rf"kv\((?:{PORTABLE}|kv\({PORTABLE},{PORTABLE}\)|tuple\((?:{PORTABLE},?)+\)|DeterministicFastPrimitivesCoderV2),.*"
)
"""A group's key; the last of them is Beam's own for the one key of CombineGlobally, which is None."""


@pytest.mark.parametrize("stage", STAGES)
def test_every_key_is_coded_the_same_everywhere(stage):
    coders = shuffles(graph(stage))
    assert [name for name, coder in coders.items() if not re.fullmatch(KEY, coder)] == []
    void = {name for name, coder in coders.items() if coder.startswith("kv(Deterministic")}
    assert {name for name in void if not name.startswith(("all", "CommitStage/all", "of all"))} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_no_coder_but_those_that_are_portable_or_pickle_what_is_described(stage):
    job = graph(stage)
    allowed = {"FastPrimitivesCoder", "DeterministicFastPrimitivesCoderV2", "PaneInfoCoder"}
    for name, coder in shuffles(job).items():
        assert set(re.findall(r"\w+", coder)) - allowed <= set(re.findall(r"\w+", PORTABLE)), name
    assert {kind.__name__ for kind in travelling(stage) - {None}} <= DESCRIPTIONS | IDS | INDEX | BEAMS


def test_what_travels_is_immutable_and_holds_no_table():
    ours = {kind for stage in STAGES for kind in travelling(stage) - {None} if "prefcurate" in kind.__module__}
    assert {kind.__name__ for kind in ours} == DESCRIPTIONS | IDS | INDEX
    for kind in ours:
        assert is_dataclass(kind) and kind.__dataclass_params__.frozen, kind
        assert [field.name for field in fields(kind) if re.search(r"\b(pa|pd)\.", str(field.type))] == [], kind


def test_a_description_is_small(tmp_path):
    store = make_store(tmp_path, [pair("p", "a", "b")], shards=2)
    stage = BY_NAME["report"]
    unit = Unit(context(store, stage.name, stage.reads, stage.writes).pin(), 1)
    coded = FastPrimitivesCoder().encode(GroupUnit(unit, Group("0" * 32, "f" * 32, "0" * 64, 128), None))
    assert len(coded) < 2000


@pytest.mark.parametrize("stage", STAGES)
def test_the_shuffles_are_those_that_are_meant(stage):
    assert set(shuffles(graph(stage))) == COMMON | SHUFFLES[stage]


@pytest.mark.parametrize(("stage", "names"), ALONE, ids=lambda of: of if isinstance(of, str) else min(of))
def test_what_does_the_work_can_be_spread(stage, names):
    assert names in fused(graph(stage))


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_of_this_machine_is_in_a_graph(stage):
    # Beam's own functions carry the names of the files that they were written in; they are read by nobody.
    beams = str(Path(apache_beam.__file__).parent).encode()
    here = [str(path).encode() for path in (Path.cwd(), Path(__file__).parents[2], Path.home(), Path(sys.prefix))]
    job = graph(stage)
    for content in (job.SerializeToString(), *map(pickled, steps(job))):
        content = content.replace(beams, b"")
        assert [path for path in here if path in content] == []
    assert any(b"gs://bucket/store" in pickled(step) for step in steps(job))


def test_the_step_that_embeds_asks_for_a_gpu_and_no_other_does():
    asked = {"beam:resources:accelerator:v1": b"type:nvidia-tesla-t4;count:1;install-nvidia-driver"}
    assert {stage: found for stage in STAGES if (found := hints(graph(stage)))} == {"embed": {"embed": asked}}
