"""Real labelled pairs with their vectors: what is true of them, who else has spoken, and which are for training."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prefcurate.schemas.canonical import unit_interval
from prefcurate.schemas.records import Pairs
from prefcurate.transforms.annotate.bradley_terry import Floats, pair_features
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.orient import orient
from prefcurate.transforms.ingest.sources import open_source_file, plan_source
from tests.benchmarks.labels.sets import LabelSet, _held_out, _made
from tests.transforms.consensus.real import SHARED, annotations, people_truth

Encode = Callable[[list[str]], np.ndarray]
_MOST = 1500


@dataclass(frozen=True)
class Source:
    """A source, and how the opinions on its pairs are told apart from their truth.

    Attributes:
        name, format, path: as in `sources` of a configuration.
        split: of all annotations, those who speak and what is true.
    """

    name: str
    format: str
    path: str
    split: Callable[[list[dict]], LabelSet]


def _crowd(name: str, heard: int) -> Callable[[list[dict]], LabelSet]:
    """Some of a crowd are heard, the others are the truth."""
    return lambda found: _held_out(name, found, heard)


def _judges(name: str) -> Callable[[list[dict]], LabelSet]:
    """Judges are heard, people are the truth."""
    return lambda found: _made(name, found, [a for a in found if a["kind"] == "llm_judge"], people_truth(found))


def _alone(name: str) -> Callable[[list[dict]], LabelSet]:
    """Nobody else has spoken: the label that came, and what a head makes of it."""

    def split(found: list[dict]) -> LabelSet:
        told = _made(name, found, found, people_truth(found))
        return LabelSet(name, [], told.truth, told.prompts, told.longer, told.length)

    return split


SOURCES = (
    Source("prd", "prd", "prd-vicuna80", _judges("prd")),
    Source("ukp", "ukp", "ukp-convarg/UKPConvArg1-full-XML", _crowd("ukp", 2)),
    Source("autoj", "auto_j", "auto-j", _judges("autoj")),
    Source("hh", "hf_preference", "hh-rlhf/harmless-base/test.jsonl.gz", _alone("hh")),
)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Pairs with vectors, in key order.

    Attributes:
        of: opinions and truth.
        ids: the comparisons.
        features: one row a comparison, as a head reads it.
        truth: 1 where a is better, 0 where b is.
        about: what the label model needs to know of each comparison.
    """

    of: LabelSet
    ids: tuple[str, ...]
    features: Floats
    truth: Floats
    about: dict[str, dict]

    @property
    def clusters(self) -> tuple[str, ...]:
        """The prompt of each comparison."""
        return tuple(self.of.prompts[c] for c in self.ids)

    def test(self, seed: int, share: float = 0.3) -> np.ndarray:
        """Which comparisons are for testing: those of a share of the prompts."""
        return np.array([unit_interval(seed, prompt, "recovery/test") < share for prompt in self.clusters])


def read(source: Source, encode: Encode) -> Labelled:
    """A source's pairs that have a truth, at most `_MOST` of them by hash, with vectors."""
    found = annotations(str(SHARED / source.path), source.name, source.format)
    of = source.split(found)
    chosen = sorted(of.truth, key=lambda c: unit_interval(0, c, "recovery/sample"))[:_MOST]
    of = of.only(of.name, chosen)
    texts = _texts(source, set(of.truth))
    ids = tuple(sorted(of.truth, key=lambda c: (of.prompts[c], c)))
    wanted = sorted({text for c in ids for text in texts[c]})
    vectors = dict(zip(wanted, encode(wanted).astype(np.float64), strict=True))
    prompt, a, b = (np.stack([vectors[texts[c][i]] for c in ids]) for i in range(3))
    truth = np.array([of.truth[c] == "a" for c in ids], float)
    about = {one["comparison_id"]: one for one in found if one["comparison_id"] in of.truth}
    return Labelled(of, ids, pair_features(prompt, a, b), truth, about)


def _texts(source: Source, wanted: set[str]) -> dict[str, tuple[str, str, str]]:
    options = SourceOptions(name=source.name, format=source.format, path=str(SHARED / source.path))
    texts = {}
    for intake in plan_source(options):
        for row in options.reader.read(intake.unit, open_source_file):
            if isinstance(row.outcome, Pairs):
                for pair in row.outcome.pairs:
                    told = orient(pair, source.name)
                    if told["comparison_id"] in wanted:
                        texts[told["comparison_id"]] = (
                            told["prompt_text"],
                            told["response_a_text"],
                            told["response_b_text"],
                        )
    return texts
