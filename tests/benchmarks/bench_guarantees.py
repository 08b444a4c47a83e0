"""What the label model promises, measured on real opinions and on planted ones, beside majority and Dawid-Skene.

    python tests/benchmarks/bench_guarantees.py [--policies votes,learned] [--only wrong-majority,calibration] [--pairs 1000000]
        [--draws 10]

- wrong-majority: most judges favour the longer answer and gold on 100 pairs says otherwise (Vicuna-80).
- calibration: claimed and found accuracy, and the error above what a perfectly calibrated model would show (Vicuna-80, also with a fifth of the
  labels turned round, UKPConvArg, MQM), by share of gold.
- shared: what is believed of errors that opinions share, fitted with every source left out in its turn, and how that source is calibrated under it.
- independence: copies of an annotator and ten generations of a head (Vicuna-80, MQM); nine judges in three repetitions that are no copies.
- embeddings: a head on vectors as the only voter beside labels of which a fifth is wrong (six sets); it takes the embedding model.
- million: a million pairs with five annotators each, in one process and in two.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from prefcurate.transforms.consensus.options import POLICIES
from prefcurate.transforms.embed.embedder import embedder_of
from prefcurate.transforms.embed.options import EmbedOptions
from tests.benchmarks.guarantees import calibration, embeddings, independence, million, shared, wrong_majority
from tests.benchmarks.labels.sets import flipped, mqm, ukp, vicuna
from tests.transforms.consensus.real import SHARED

PARTS = ("wrong-majority", "calibration", "shared", "independence", "embeddings", "million")


def _list(text: str) -> list[str]:
    return text.split(",")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policies", type=_list, default=sorted(POLICIES))
    parser.add_argument("--only", type=_list, default=list(PARTS))
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument(
        "--draws", type=int, default=1, help="of gold, for the part calibration; ten take a quarter of an hour"
    )
    given = parser.parse_args()
    unknown = sorted(set(given.only) - set(PARTS)) + sorted(set(given.policies) - set(POLICIES))
    if unknown:
        parser.error(
            f"{', '.join(unknown)}: there are the parts {', '.join(PARTS)} and the policies {', '.join(POLICIES)}"
        )
    if "million" in given.only:
        million.measure(given.policies, given.pairs)
    if not SHARED.exists():
        print(f"{SHARED} is not here; nothing else to measure")
        return
    if "embeddings" in given.only:
        embeddings.measure(embedder_of(EmbedOptions()).encode, given.policies)
    if set(given.only) <= {"million", "embeddings"}:
        return
    judged, raters = vicuna(), mqm()
    if "wrong-majority" in given.only:
        wrong_majority.measure(judged, given.policies)
    if "calibration" in given.only:
        calibration.measure([judged, flipped(judged, 0.2, 0), raters, ukp()], given.policies, given.draws)
    if "shared" in given.only:
        sources = {"vicuna80": [judged, flipped(judged, 0.2, 0)], "mqm": [raters], "ukp": [ukp()]}
        shared.measure(sources, given.policies)
    if "independence" in given.only:
        independence.repetitions()
        independence.measure([judged, raters], given.policies)


if __name__ == "__main__":
    main()
