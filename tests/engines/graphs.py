"""The graph of every stage as Dataflow's service would be sent it, made without a network, an account or a store."""

import base64
import bz2
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import apache_beam as beam
from apache_beam.coders.coders import deserialize_coder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.portability.api import beam_runner_api_pb2 as api
from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner
from apache_beam.runners.portability.fn_api_runner import translations

from prefcurate.pipelines.config import Config, parse_config
from prefcurate.pipelines.curate import STAGES
from prefcurate.pipelines.stage import Stage
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.store import Store

GROUP_BY_KEY = "beam:transform:group_by_key:v1"
_BEAMS = re.compile(
    r"Reshuffle|RandomKeys|PerKey|WithVoid|DoOnce|InjectDefault|UnKey|GroupByKey|Impulse|^Read$|^Write$"
)
BY_NAME = {stage.name: stage for stage in STAGES}
_CHAT = {"endpoint": "https://api.example.org/v1", "model": "m", "price": {"input": 1, "output": 1}}
CONFIGURATION: dict[str, Any] = {
    "store": "gs://bucket/store",
    "shards": 4,
    "budget": 5,
    "sources": [
        {"name": "pairs", "format": "hf_preference", "path": "gs://bucket/pairs/*.parquet"},
        {
            "name": "votes",
            "path": "gs://bucket/votes.csv",
            "fields": {
                "prompt": "q",
                "response_a": "a",
                "response_b": "b",
                "label": {"path": "v", "values": {"1": "a"}},
            },
        },
    ],
    "benchmarks": [{"name": "gsm8k", "path": "gs://bucket/gsm8k.jsonl", "text": "question"}],
    "gold": {"sources": ["pairs"]},
    "overrides": "gs://bucket/overrides.csv",
    "embed": {"accelerator": "type:nvidia-tesla-t4;count:1;install-nvidia-driver"},
    "describe": {"llm": _CHAT},
    "rubrics": {"llm": _CHAT},
    "annotators": [
        {"name": "judge", "kind": "llm_judge", **_CHAT},
        {"name": "head", "kind": "reward_head"},
        {"name": "checks", "kind": "checks"},
        {"name": "likeness", "kind": "similarity"},
    ],
    "route": {"budget": {"items": 10}},
    "publish": {"exports": ["trl"]},
}
"""Everything that puts a step into a graph is switched on, and nothing lies on this machine."""


def configuration() -> Config:
    return parse_config(CONFIGURATION)


def transform(stage: Stage) -> beam.PTransform:
    """What the stage's pipeline consists of."""
    config = configuration()
    context = StageContext(
        store=Store(config.store, config.shards),
        stage=stage.name,
        run_id="run",
        reads=stage.reads,
        writes=stage.writes,
        ingest_settings="sources",
        fingerprints=("model",),
    )
    return stage.transform(config, context)


@cache
def graph(name: str) -> api.Pipeline:
    """The job of a stage, translated by Dataflow's own runner."""
    flags = ["--runner=FnApiRunner", "--project=p", "--region=r", "--temp_location=gs://bucket/tmp"]
    options = PipelineOptions([*flags, "--dry_run=True", "--no_auth"])
    # Made for another runner, a pipeline looks for no credentials.
    pipeline = beam.Pipeline(options=options)
    _ = pipeline | transform(BY_NAME[name])
    return DataflowRunner().run_pipeline(pipeline, options).job.proto_pipeline


def steps(job: api.Pipeline) -> Iterator[api.PTransform]:
    """The steps that are executed: those that consist of no others."""
    return (step for step in job.components.transforms.values() if not step.subtransforms)


def shuffles(job: api.Pipeline) -> dict[str, str]:
    """Every shuffle by its name without the stage's, with the coder of what goes through it."""
    of_input = {
        step.unique_name: job.components.pcollections[next(iter(step.inputs.values()))].coder_id
        for step in steps(job)
        if step.spec.urn == GROUP_BY_KEY
    }
    return {_short(name): coder(job, coder_id) for name, coder_id in of_input.items()}


def _short(name: str) -> str:
    inner = name.split("/", 1)[1]
    for noise in ("/ReshufflePerKey/GroupByKey", "/CombinePerKey/GroupByKey", "/CoGroupByKeyImpl/GroupByKey"):
        inner = inner.removesuffix(noise)
    return inner


def coder(job: api.Pipeline, coder_id: str) -> str:
    """A coder in words, such as ``kv(varint,FastPrimitivesCoder)``; those with a capital exist in Python alone."""
    found = job.components.coders[coder_id]
    if found.spec.urn == "beam:coder:pickled_python:v1":
        return repr(deserialize_coder(found.spec.payload))
    parts = ",".join(coder(job, part) for part in found.component_coder_ids)
    return found.spec.urn.split(":")[2] + (f"({parts})" if parts else "")


def payload(step: api.PTransform) -> bytes:
    """What a worker is handed for a step, to unpickle: its function with what was bound to it; empty where there is none."""
    if step.spec.urn == "beam:transform:pardo:v1":
        return bytes(api.ParDoPayload.FromString(step.spec.payload).do_fn.payload)
    if step.spec.urn.startswith("beam:transform:combine"):
        return bytes(api.CombinePayload.FromString(step.spec.payload).combine_fn.payload)
    return b""


def pickled(step: api.PTransform) -> bytes:
    """The same, readable."""
    return bz2.decompress(base64.b64decode(packed)) if (packed := payload(step)) else b""


def fused(job: api.Pipeline) -> list[set[str]]:
    """The steps of ours that run in one go, one set for each; by Beam's own rules, which are those of portable engines."""
    phases = [
        translations.annotate_downstream_side_inputs,
        translations.lift_combiners,
        translations.greedily_fuse,
    ]
    _, stages = translations.create_and_optimize_stages(job, phases, frozenset([GROUP_BY_KEY]))
    return [{name for step in stage.transforms if (name := _ours(step))} for stage in stages]


def _ours(step: api.PTransform) -> str:
    """The name that we gave to a step; empty for what Beam puts into a graph."""
    name = step.unique_name.split("/", 1)[-1].split("/ParDo(")[0].split("/Map(")[0]
    return "" if _BEAMS.search(name) else name


class _Travelling(PipelineVisitor):
    """Collects the types of what goes through shuffles and side inputs."""

    def __init__(self) -> None:
        self.found: set[Any] = set()

    def visit_transform(self, node: AppliedPTransform) -> None:
        if isinstance(node.transform, beam.GroupByKey):
            self.found |= {of.element_type for of in node.inputs}
        self.found |= {side.pvalue.element_type for side in node.side_inputs}

    def enter_composite_transform(self, node: AppliedPTransform) -> None:
        if isinstance(node.transform, (beam.Reshuffle, beam.CombineGlobally)):
            self.found |= {of.element_type for of in node.inputs}


def travelling(name: str) -> set[Any]:
    """The classes of what leaves a worker in a stage, taken out of the tuples and lists that they lie in."""
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    _ = pipeline | transform(BY_NAME[name])
    visitor = _Travelling()
    pipeline.visit(visitor)
    return {leaf for hint in visitor.found for leaf in _leaves(hint)}


def _leaves(hint: Any) -> Iterator[Any]:
    inner = getattr(hint, "union_types", None) or getattr(hint, "_inner_types", tuple)()
    yield from (leaf for of in inner for leaf in _leaves(of)) if inner else [hint]


def hints(job: api.Pipeline) -> dict[str, dict[str, bytes]]:
    """The resource hints of each step that has some, by urn."""
    environments = job.components.environments
    found = {step.unique_name.split("/", 1)[-1]: environments[step.environment_id] for step in steps(job)}
    return {name: dict(environment.resource_hints) for name, environment in found.items() if environment.resource_hints}
