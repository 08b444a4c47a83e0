"""The decision on one comparison: what is published for it and why.

The policy maximises the sum over published rows of expected accuracy minus `min_accuracy`: a row is published when its most
probable label is expected to be right at least that often, and not otherwise. What came with the data is only turned
round on evidence from gold.
"""

from dataclasses import dataclass, replace
from typing import Literal

from prefcurate.transforms.consensus.calibrate import Found, Strata
from prefcurate.transforms.consensus.options import Policy

Decided = Literal["keep", "flip", "assign", "soften", "drop", "hold"]
LEAST_WEIGHT = 0.05
_DIGITS = 9
_OTHER = {"a": "b", "b": "a"}


@dataclass(frozen=True)
class Beliefs:
    """What the label model says of a comparison.

    Attributes:
        p_a, p_b, p_tie: probabilities, sum 1.
        p_low: a lower bound for the more probable response.
        label_in: the label that came (a, b, tie, both_bad, both_good), None for none.
        opinions: how many acts were heard.
        gold: what gold annotations of side fit say of this very comparison (a, b, tie), None where there are none.
        said: who said what, in words.
        for_a, for_b: how many acts were heard that prefer a, or b.
    """

    p_a: float
    p_b: float
    p_tie: float
    p_low: float
    label_in: str | None
    opinions: int
    gold: str | None
    said: str
    for_a: int = 0
    for_b: int = 0

    def agreement(self, label: str | None) -> float | None:
        """Of the acts that prefer a response, the share that prefers the label's; None for no such act or label."""
        named = self.for_a + self.for_b
        if label not in _OTHER or not named:
            return None
        return round((self.for_a if label == "a" else self.for_b) / named, _DIGITS)


@dataclass(frozen=True)
class Rules:
    """A policy with what the configuration and the fit add to it.

    Attributes:
        policy: the named constants.
        min_accuracy: see `ConsensusOptions`.
        strata: what gold says, by class (flip, keep, assign).
        can_ask: the configuration has a budget for more opinions.
    """

    policy: Policy
    min_accuracy: float
    strata: dict[str, Strata]
    can_ask: bool


@dataclass(frozen=True)
class Decision:
    """One row of the table `consensus`, less its ids."""

    p_a: float
    p_b: float
    p_tie: float
    label: str | None
    decision: Decided
    expected_accuracy: float | None
    expected_accuracy_low: float | None
    weight: float | None
    reason: str


@dataclass(frozen=True)
class Override:
    """A person's word on a comparison, above consensus: a label, or None to drop it."""

    label: str | None
    who: str
    why: str


def decide(beliefs: Beliefs, rules: Rules) -> Decision:
    """The decision that the policy makes."""
    if not beliefs.opinions:
        why = (
            "nobody has given an opinion"
            if not beliefs.said
            else f"nobody who counts has given an opinion ({beliefs.said})"
        )
        return _unpublished(beliefs, rules, None, why)
    calibrated, found = by_gold(beliefs, rules)
    best = "a" if calibrated.p_a >= calibrated.p_b else "b"
    if calibrated.p_a == calibrated.p_b or max(calibrated.p_a, calibrated.p_b) <= calibrated.p_tie:
        return _even(calibrated, rules)
    if beliefs.gold == _OTHER[best]:
        return _contested(beliefs, rules, best)
    accuracy = _accuracy(calibrated, best)
    if accuracy < rules.min_accuracy:
        short = (
            f"{best.upper()} is expected to be right {accuracy:.0%}, less than min_accuracy {rules.min_accuracy:.0%}"
        )
        return _unpublished(calibrated, rules, accuracy, f"{beliefs.said}; {_came(beliefs)}{short}{_gold_words(found)}")
    return _published(calibrated, rules, best, accuracy, found)


def override(beliefs: Beliefs, word: Override) -> Decision:
    """A person's word as a decision: shown as such, with the probabilities of the consensus beside it."""
    reason = f"override by {word.who}: {word.why}"
    if word.label is None:
        return Decision(beliefs.p_a, beliefs.p_b, beliefs.p_tie, None, "drop", None, None, None, reason)
    came = beliefs.label_in
    made: Decided = "assign" if came not in _OTHER else "keep" if came == word.label else "flip"
    return Decision(beliefs.p_a, beliefs.p_b, beliefs.p_tie, word.label, made, 1.0, None, 1.0, reason)


def by_gold(beliefs: Beliefs, rules: Rules) -> tuple[Beliefs, Found | None]:
    """Where gold knows how often a contested label like this is wrong, that is its probability."""
    best = "a" if beliefs.p_a >= beliefs.p_b else "b"
    kind = "assign" if beliefs.label_in not in _OTHER else "keep" if beliefs.label_in == best else "flip"
    if beliefs.gold is not None or (kind != "flip" and kind not in rules.strata):
        return beliefs, None
    found = rules.strata.get(kind, Strata(())).like(max(beliefs.p_a, beliefs.p_b), rules.policy.flip_pairs)
    if kind != "flip":
        return beliefs, found
    named = beliefs.p_a + beliefs.p_b
    if found is None:
        top, other = max(beliefs.p_a, beliefs.p_b), min(beliefs.p_a, beliefs.p_b)
        rate = 1.0 if other == 0 else 1 / (1 + (other / top) ** rules.policy.unproven)
        right, low = named * rate, min(beliefs.p_low, rate)
    else:
        # How often gold finds both equal is in its rate: what is expected of the label is that rate.
        right = min(named, max(0.0, found.rate - beliefs.p_tie / 2))
        if found.rate <= 0.5:
            # Flips are mostly wrong: it is the label that came which may be published.
            found, low = found.other, found.other.low
        else:
            low = min(beliefs.p_low, found.low)
    right, wrong = round(right, _DIGITS), round(named - right, _DIGITS)
    p_a, p_b = (right, wrong) if best == "a" else (wrong, right)
    return replace(beliefs, p_a=p_a, p_b=p_b, p_low=low), found


def _published(beliefs: Beliefs, rules: Rules, best: str, accuracy: float, found: Found | None) -> Decision:
    came = beliefs.label_in
    said = f"{beliefs.said}; {_came(beliefs)}"
    if came == best:
        return _row(beliefs, rules, "keep", best, accuracy, found, f"{said}{best.upper()} stands{_gold_words(found)}")
    if came not in _OTHER:
        made: Decided = "assign" if came is None else "soften"
        words = f"{said}{best.upper()} is {accuracy:.0%} probable{_gold_words(found)}"
        return _row(beliefs, rules, made, best, accuracy, found, words)
    if beliefs.gold == best:
        return _row(
            beliefs, rules, "flip", best, accuracy, found, f"{said}gold on this pair itself says {best.upper()}"
        )
    if found is not None and found.low >= rules.policy.flip_lower:
        words = f"flips like this are right {found.rate:.0%} (lower bound {found.low:.0%}, {found.pairs})"
        return _row(beliefs, rules, "flip", best, accuracy, found, said + words)
    few = f"fewer than {rules.policy.flip_pairs} gold pairs like this one" if found is None else _gold_words(found)[2:]
    words = f"no evidence from gold for a flip ({few}), so {best.upper()} goes out with its probability {accuracy:.0%}"
    return _row(beliefs, rules, "soften", best, accuracy, found, said + words)


def _row(
    beliefs: Beliefs, rules: Rules, made: Decided, label: str, accuracy: float, found: Found | None, reason: str
) -> Decision:
    low = min(accuracy, beliefs.p_low if found is None else found.low)
    weight = max(LEAST_WEIGHT, 2 * accuracy - 1) * (0.5 if made == "soften" else 1.0)
    return Decision(
        beliefs.p_a, beliefs.p_b, beliefs.p_tie, label, made,
        round(accuracy, _DIGITS), round(low, _DIGITS), round(weight, _DIGITS), reason,
    )  # fmt: skip


def _even(beliefs: Beliefs, rules: Rules) -> Decision:
    if beliefs.p_tie >= max(beliefs.p_a, beliefs.p_b):
        words = f"{beliefs.said}; tie: neither response is better (probability {beliefs.p_tie:.0%})"
        return Decision(beliefs.p_a, beliefs.p_b, beliefs.p_tie, "tie", "drop", None, None, None, words)
    return _unpublished(beliefs, rules, 0.5, f"{beliefs.said}; {_came(beliefs)}both responses are equally probable")


def _contested(beliefs: Beliefs, rules: Rules, best: str) -> Decision:
    """Gold that measures others is not overruled by them, and what they doubt is not published as if it were certain."""
    words = (
        f"{beliefs.said}; gold on this pair says {_OTHER[best].upper()}, all opinions together {best.upper()}: "
        "a person should look at it again"
    )
    made: Decided = "hold" if rules.can_ask else "drop"
    accuracy = round(_accuracy(beliefs, best), _DIGITS)
    return Decision(beliefs.p_a, beliefs.p_b, beliefs.p_tie, None, made, accuracy, None, None, words)


def _unpublished(beliefs: Beliefs, rules: Rules, accuracy: float | None, why: str) -> Decision:
    """Waits for another opinion where one may be asked and one more person could make the label good enough."""
    made: Decided = "hold" if rules.can_ask and _one_more_may_do(beliefs, rules) else "drop"
    words = why + ("; one more opinion could decide it" if made == "hold" else "")
    told = None if accuracy is None else round(accuracy, _DIGITS)
    return Decision(beliefs.p_a, beliefs.p_b, beliefs.p_tie, None, made, told, None, None, words)


def _one_more_may_do(beliefs: Beliefs, rules: Rules) -> bool:
    right = rules.policy.kind_accuracy["person"]
    top, other = max(beliefs.p_a, beliefs.p_b), min(beliefs.p_a, beliefs.p_b)
    after = right * top / (right * top + (1 - right) * other + 0.5 * beliefs.p_tie)
    return after >= rules.min_accuracy


def _accuracy(beliefs: Beliefs, label: str) -> float:
    # Where neither is better, either label is right for half of the people.
    return (beliefs.p_a if label == "a" else beliefs.p_b) + beliefs.p_tie / 2


def _came(beliefs: Beliefs) -> str:
    return (
        "no label came with it; "
        if beliefs.label_in is None
        else f"the label that came says {_word(beliefs.label_in)}; "
    )


def _word(label: str) -> str:
    return label.upper() if label in _OTHER else label.replace("_", " ")


def _gold_words(found: Found | None) -> str:
    if found is None:
        return ""
    return f"; labels like this are right {found.rate:.0%} (lower bound {found.low:.0%}, {found.pairs})"
