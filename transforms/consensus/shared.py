"""What all that counts on a pair proves together: less than its sum, for its errors are shared, and no less than its strongest line.

People's opinions, machines', other pairs of the same responses and the models that wrote them are no independent witnesses: a judge and a
crowd are taken in by the same fluent mistake, and the other pairs were seen by the same eyes. Agreement cannot show how much that is
(`foretold.py` takes off what votes repeat of each other, no more), and gold of few prompts hardly. What real sets of opinions show, once somebody
knows the truth, is much alike: about half of the summed log-odds is left (`SHARED`). So half is believed beforehand, and gold moves it from there
(`calibrate.py`): Platt's (1999) slope, Guo et al.'s (2017) temperature, with an empirical Bayes prior (Efron and Morris 1975) across sets of
opinions. `bench_guarantees.py --only shared` fits it anew with every set left out in its turn.

It differs from a plain slope in a floor. Opinions of unknown dependence are pooled: the mean of their log-odds, the logarithmic pool whose
weights sum to 1 (Genest and Zidek 1986), is what they prove if they repeat each other wholly. That much is left of the people's and of the machines'
opinions, whatever else agrees: a second witness who says the same never makes the first one less credible.
"""

from collections.abc import Sequence

import numpy as np

from prefcurate.transforms.consensus.votes import Floats

SHARED = 0.53
"""Of the summed log-odds, what is left: the geometric mean of what is likeliest for judges (Vicuna-80: .52), raters of translations (MQM: .44) and a
crowd (UKPConvArg: .64), under all policies. By the others it would be .53, .58 and .48 for each."""


def strongest_of(lines: Sequence[Floats], odds: Floats) -> Floats:
    """Of each pair, the log-odds of the strongest line that says what all say together; 0 where none does.

    Args:
        lines: log-odds that a is better by each line of evidence, pooled, one array a line.
        odds: by all together, summed.
    """
    found: Floats = np.maximum(0.0, np.max([line * np.sign(odds) for line in lines], axis=0))
    return found


def left_of(odds: Floats, strongest: Floats, shared: float) -> Floats:
    """The share of the summed log-odds of each pair that is left: `shared`, or as much as the strongest line has alone; at most 1."""
    size = np.maximum(np.abs(odds), 1e-12)
    return np.clip(strongest / size, shared, 1.0)
