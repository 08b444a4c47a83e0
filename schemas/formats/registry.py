"""The formats that a source may name in `format:`: readers, and named settings of readers (`named/*.yaml`)."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from prefcurate.schemas.formats.argilla import ArgillaReader
from prefcurate.schemas.formats.auto_j import AutoJReader
from prefcurate.schemas.formats.base import Reader
from prefcurate.schemas.formats.biggen import BiggenReader
from prefcurate.schemas.formats.deepresearch import DeepresearchReader
from prefcurate.schemas.formats.fastchat import FastchatReader
from prefcurate.schemas.formats.hf_preference import HfPreferenceReader
from prefcurate.schemas.formats.hub import DatasetsReader
from prefcurate.schemas.formats.judge_bias_probes import JudgeBiasProbesReader
from prefcurate.schemas.formats.label_studio import LabelStudioReader
from prefcurate.schemas.formats.label_studio_project import LabelStudioProjectReader
from prefcurate.schemas.formats.labelbox import LabelboxReader
from prefcurate.schemas.formats.llm_rubric import LlmRubricReader
from prefcurate.schemas.formats.mapping import MappingReader
from prefcurate.schemas.formats.oasst import OasstReader
from prefcurate.schemas.formats.position_bias import PositionBiasReader
from prefcurate.schemas.formats.prd import PrdReader
from prefcurate.schemas.formats.prm import PrmReader
from prefcurate.schemas.formats.prometheus import PrometheusReader
from prefcurate.schemas.formats.qa_feedback import QaFeedbackReader
from prefcurate.schemas.formats.shp import ShpReader
from prefcurate.schemas.formats.ukp import UkpReader
from prefcurate.schemas.formats.wmt_mqm import WmtMqmReader

READERS: dict[str, type[Reader]] = {
    reader.format: reader
    for reader in (
        ArgillaReader,
        AutoJReader,
        BiggenReader,
        DatasetsReader,
        DeepresearchReader,
        FastchatReader,
        HfPreferenceReader,
        JudgeBiasProbesReader,
        LabelStudioReader,
        LabelStudioProjectReader,
        LabelboxReader,
        LlmRubricReader,
        MappingReader,
        OasstReader,
        PositionBiasReader,
        PrdReader,
        PrmReader,
        PrometheusReader,
        QaFeedbackReader,
        ShpReader,
        UkpReader,
        WmtMqmReader,
    )
}

_FOLDER = files(__package__) / "named"


@cache
def named_formats() -> frozenset[str]:
    """The formats that are settings of a reader."""
    return frozenset(file.name.removesuffix(".yaml") for file in _FOLDER.iterdir() if file.name.endswith(".yaml"))


@cache
def _named(name: str) -> Mapping[str, Any]:
    found: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def is_benchmark(name: Any) -> bool:
    """Whether a format is a benchmark's, which is not read as data unless somebody says so."""
    return isinstance(name, str) and name in named_formats() and bool(_named(name).get("benchmark"))


def reader_settings(name: str, settings: Mapping[str, Any]) -> tuple[type[Reader], dict[str, Any]]:
    """The reader of a format and its settings: those of a named format, with what is given in their place.

    Args:
        name: one of `READERS` or `named_formats`.
        settings: as given; of `fields` each one counts by itself.
    """
    if name == DatasetsReader.format and "like" in settings:
        return DatasetsReader, _like(settings)
    if name in READERS:
        return READERS[name], dict(settings)
    told = {key: value for key, value in _named(name).items() if key not in ("format", "benchmark")}
    both = isinstance(told.get("fields"), dict) and isinstance(settings.get("fields"), Mapping)
    fields = {"fields": {**told["fields"], **settings["fields"]}} if both else {}
    return READERS[_named(name)["format"]], {**told, **settings, **fields}


def _like(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a dataset whose rows are those of a named format."""
    told = {key: value for key, value in settings.items() if key != "like"}
    described = sorted(name for name in named_formats() if "fields" in _named(name))
    if settings["like"] not in described:
        raise ValueError(
            f"like: {settings['like']!r} is none of the formats that describe rows by fields: {', '.join(described)}"
        )
    return {**told, "fields": {**_named(settings["like"])["fields"], **(told.get("fields") or {})}}
