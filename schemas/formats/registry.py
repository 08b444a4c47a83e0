"""The formats that a source may name in `format:`."""

from prefcurate.schemas.formats.auto_j import AutoJReader
from prefcurate.schemas.formats.base import Reader
from prefcurate.schemas.formats.fastchat import FastchatReader
from prefcurate.schemas.formats.hf_preference import HfPreferenceReader
from prefcurate.schemas.formats.hub import DatasetsReader
from prefcurate.schemas.formats.judge_bias_probes import JudgeBiasProbesReader
from prefcurate.schemas.formats.label_studio import LabelStudioReader
from prefcurate.schemas.formats.mapping import MappingReader
from prefcurate.schemas.formats.oasst import OasstReader
from prefcurate.schemas.formats.position_bias import PositionBiasReader
from prefcurate.schemas.formats.prd import PrdReader
from prefcurate.schemas.formats.prometheus import PrometheusReader
from prefcurate.schemas.formats.qa_feedback import QaFeedbackReader
from prefcurate.schemas.formats.ukp import UkpReader
from prefcurate.schemas.formats.wmt_mqm import WmtMqmReader

READERS: dict[str, type[Reader]] = {
    reader.format: reader
    for reader in (
        AutoJReader,
        DatasetsReader,
        FastchatReader,
        HfPreferenceReader,
        JudgeBiasProbesReader,
        LabelStudioReader,
        MappingReader,
        OasstReader,
        PositionBiasReader,
        PrdReader,
        PrometheusReader,
        QaFeedbackReader,
        UkpReader,
        WmtMqmReader,
    )
}
