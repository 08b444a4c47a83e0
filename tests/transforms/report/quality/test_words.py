"""What is said of an annotator, from figures set by hand."""

from dataclasses import replace

import pytest

from prefcurate.transforms.report.quality.findings import CHECKS, find_quality
from prefcurate.transforms.report.quality.rows import annotator_rows
from prefcurate.transforms.report.quality.words import LOOKS_LIKE, sentence
from tests.transforms.report.quality.crowds import opinion, opinions

(ROW,) = annotator_rows(find_quality(opinions([opinion("w", {"item": 1, "prompt": 1, "first": 1}, 1, 0)])))


def test_of_one_vote_beside_nobody_little_is_said():
    assert (sentence(ROW), ROW.said) == ("1 vote.", "1 vote.")
    assert (ROW.agreement, ROW.usual_agreement, ROW.kappa_quadratic, ROW.follows, ROW.early) == (None,) * 5


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"n": 1200, "agreement": 0.9, "agreement_low": 0.8, "agreement_high": 0.95, "compared": 1100, "usual_agreement": 0.8},
            "1,200 votes; agrees with the others on 90% (80% to 95%) of 1,100, its peers on 80%.",
        ),
        (
            {"findings": ("first_shown",), "first_share": 0.9, "tie_share": 0.05},
            "1 vote; 90% the first, 5% ties. Leans to the response shown first.",
        ),
        (
            {"findings": ("copy",), "copy_of": "person:s/w1", "copy_shared": 1200},
            "1 vote; the same as person:s/w1 on nearly all of 1,200 shared pairs. Says the same as another.",
        ),
        (
            {"findings": ("worse_later",), "early": 1.17, "late": 0.31, "order": "time"},
            "1 vote; goes along with the others at 1.17 in the earlier half and 0.31 in the later, by time (1: as surely as they lean, 0: as a coin "
            "would, or always a tie). Agrees less in the later half.",
        ),
        (
            {"findings": ("guessing", "streaks"), "repeats": 0.9, "usual_repeats": 0.5, "longest_run": 40},
            "1 vote; repeats the answer before 90% of the time where the pairs ask for 50%, longest run 40. Looks like guessing; "
            "repeats the answer before (straight lines).",
        ),
    ],
)  # fmt: skip
def test_figures_in_words(given, told):
    assert sentence(replace(ROW, **given)) == told


def test_every_check_has_words():
    assert set(LOOKS_LIKE) == set(CHECKS)
