"""What all that counts on a pair proves together: less than its sum, for its errors are shared, and no less than its strongest line.

People's opinions, machines', other pairs of the same responses and the models that wrote them are no independent witnesses: a judge and a
crowd are taken in by the same fluent mistake, and the other pairs were seen by the same eyes. Agreement cannot show how much that is
(`foretold.py` takes off what votes repeat of each other, no more), and gold of few prompts hardly. What real sets of opinions show, once somebody
knows the truth, is much alike: about half of the summed log-odds is left (`SHARED`). So half is believed beforehand, and gold moves it from there
(`calibrate.py`): Platt's (1999) slope, Guo et al.'s (2017) temperature, with an empirical Bayes prior (Efron and Morris 1975) across sets of
opinions. `bench_guarantees.py --only shared` fits it anew with every set left out in its turn.

It differs from a plain slope in a floor. Where one line is nearly all that counts it shares nothing, and a second witness who says the same
never makes the first one less credible. So the more one line outweighs the rest, the more is left. People's opinions are one line, and so
are machines': opinions of unknown dependence are pooled, by the mean of their log-odds, the logarithmic pool whose weights sum to 1 (Genest
and Zidek 1986), which is what they prove if they repeat each other wholly.
"""

from collections.abc import Sequence

import numpy as np

from prefcurate.transforms.consensus.votes import Floats

SHARED = 0.53
"""Of the summed log-odds, what is left. Likeliest under all policies together: .48 for judges (Vicuna-80), .44 for raters of translations (MQM), .64
for a crowd (UKPConvArg); the other two sources' geometric mean, which each is measured with in the benchmark, is .53, .55 and .46."""


def left_of(odds: Floats, lines: Sequence[Floats], rest: Floats, shared: float) -> Floats:
    """The share of the summed log-odds of each pair that is left: `shared`, or the share of one line in all that is said, if that is more.

    Args:
        odds: log-odds that a is better, by all that counts.
        lines: by each line of opinions on the pair, pooled.
        rest: by what counts besides opinions.
        shared: between 0 and 1.
    """
    strongest = np.abs(np.stack(lines)).max(axis=0)
    # What is said on both sides: a sum is the smaller, the more its terms contradict each other.
    against = np.clip(-np.stack([*lines, rest]) * np.sign(odds), 0.0, None).sum(axis=0)
    left: Floats = np.clip(strongest / np.maximum(np.abs(odds) + 2 * against, 1e-12), shared, 1.0)
    return left
