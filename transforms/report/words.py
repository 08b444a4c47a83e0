"""The report's words: what names in the tables mean, and the sentence on top."""

from collections.abc import Iterator

from prefcurate.transforms.ingest.agreement import PLURALS
from prefcurate.transforms.measures.rules import FEWEST, says_alone
from prefcurate.transforms.report.alpha import Estimate
from prefcurate.transforms.report.findings import Agreement, Findings, Share, Stratum
from prefcurate.transforms.report.quality.kappa import Kappa
from prefcurate.transforms.report.quality.rated import Rated
from prefcurate.transforms.report.voices import RuleFigures, RuleShare, Voice

KINDS = {"person": "a person", "llm_judge": "an LLM judge", "reward_model": "a reward model", "program": "a program"}
STATUSES = {
    "gold": "trusted by the configuration; the others are measured by it",
    "trusted": "right at least 70% of the time on gold, at the lower end of its interval",
    "used": "counted by what is known of it so far; too few gold pairs, or in the middle",
    "believed_less": "could be a coin on the gold pairs seen; counted, but weighs little",
    "excluded": "no better than a coin on gold: it is not counted",
}
DECISIONS = {
    "keep": "the label that came with the data stands",
    "flip": "the opposite of the label that came is published",
    "assign": "no label came; one is published",
    "soften": "published with its probability instead of as certain",
    "drop": "not published: no label is likely enough to be right",
    "hold": "not published until another opinion is there",
    "undecided": "consensus has not looked at it",
}
ROWS = {
    "used": "gave a comparison or an opinion that was not there yet",
    "merged": "repeated something and gave nothing new",
    "auxiliary": "was joined into other rows: an answer file, a question list",
    "quarantined": "could not be read; kept aside with the reason",
}
OUTCOMES = {
    "undecided": "undecided",
    "empty_prompt": "empty prompt",
    "empty_response": "empty response",
    "identical_responses": "same response twice",
    "non_text": "not only text",
    "dropped": "dropped by consensus",
    "held": "waits for an opinion",
    "tie": "tie",
    "people_draw": "people draw",
    "split_conflict": "split conflict",
    "contaminated": "in a benchmark",
    "duplicate": "near duplicate",
    "beyond_max_per_prompt": "beyond the cap per prompt",
}
FLAGS = {
    "near_duplicate": "another pair is nearly the same",
    "near_duplicate_prompt": "another prompt is nearly the same",
    "near_duplicate_response": "nearly the same response stands under another prompt",
    "contradictory_repeat": "people prefer different responses of it, or its label and that of a near duplicate do",
    "contamination": "the prompt is in a benchmark",
    "empty_response": "a response is empty",
    "identical_responses": "both responses are the same",
    "same_beginning": "both responses are the same where a trainer cuts them off",
    "refusal": "a response declines to answer",
    "harmless_refused": "a response declines to answer a prompt that shows no sign of harm",
    "placeholder": "a response is, or holds, a placeholder",
    "cut_off": "a response breaks off",
    "repetition": "a response goes round in circles",
    "wrong_language": "one response is in another language than its prompt",
    "leaked_markup": "a response holds marks of a chat's template, names of roles, a system prompt or HTML",
    "as_a_model": "a response speaks of itself as a language model",
    "judge_hacking": "a response is empty words, or tells a judge what to say",
    "personal_data": "the prompt or a response holds an e-mail address, a phone number, an IBAN, a card number or a key",
    "length_ratio": "one response is many times longer",
}
OF_PAIRS = frozenset(
    (
        "near_duplicate", "near_duplicate_prompt", "contradictory_repeat", "contamination", "identical_responses", "same_beginning",
        "length_ratio",
    )
)  # fmt: skip
"""Flags that are about no response of its own: that it was chosen says nothing."""
LENGTHS = {
    "longer": "gold prefers the clearly longer response",
    "shorter": "gold prefers the clearly shorter response",
    "similar": "responses of similar length",
    "tie": "gold is a tie, lengths differ",
}
RULES = {
    "longer": "the clearly longer",
    "formatted": "the more formatted",
    "headings": "the one with more headings",
    "items": "the one with more items of lists",
    "bold": "the one with more in bold",
    "code": "the one with more blocks of code",
    "first_shown": "the one shown first",
}
_SAYS = {
    "a": "A is better",
    "b": "B is better",
    "tie": "neither is better",
    "both_bad": "both are bad",
    "both_good": "both are good",
    "unratable": "cannot be rated",
}


def says(label: str | None) -> str:
    """A label in words."""
    return "nothing" if label is None else _SAYS.get(label, label)


def percent(value: float | None) -> str:
    """`0.834` as `83.4%`."""
    return "" if value is None else f"{value:.1%}"


def points(value: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}"


def interval(share: Share | RuleShare) -> str:
    """A share's interval."""
    return f"{share.low:.1%} to {share.high:.1%}"


def headline(findings: Findings) -> str:
    """What came of it all, in one sentence; it claims nothing that audit gold does not show."""
    sources = len(findings.accounts)
    came = f"{findings.rows:,} rows came in from {sources} {'source' if sources == 1 else 'sources'}"
    out = (
        f"{findings.published_pairs:,} of {findings.pairs:,} pairs are published"
        if findings.release
        else f"they hold {findings.pairs:,} pairs, of which none is published yet"
    )
    return f"{came}, {out}{_claim(findings)}."


def _claim(findings: Findings) -> str:
    overall = findings.overall
    if not findings.gold_configured:
        return "; no gold is configured, so nothing is said about how good the labels are"
    if not overall.gold:
        return "; no pair has gold that was held out, so nothing is said about how good the labels are"
    if overall.same_before and overall.same_after:
        return (
            f"; published labels agree with held-out gold on {overall.same_after.agreement:.1%} of "
            f"{overall.same_after.pairs:,} pairs against {overall.same_before.agreement:.1%} for the labels that came in"
        )
    if overall.after:
        return (
            f"; published labels agree with held-out gold on {overall.after.agreement:.1%} of "
            f"{overall.after.pairs:,} pairs, to which no other label came in"
        )
    return f"; none of the {overall.gold:,} pairs with held-out gold is given a label, so they cannot be compared"


CROWDED = 0.1
"""Share of all pairs from which the largest crowd is worth a sentence (and fifty of them)."""


def crowd(findings: Findings) -> str:
    """What one prompt, or one cluster of alike prompts, that has many of the pairs does to the rest; empty where there is none."""
    found = findings.crowd
    if found is None or not (found.cut or found.giant or found.pairs >= max(50, CROWDED * found.of_pairs)):
        return ""
    who = "One prompt" if found.prompts == 1 else f"One cluster of {found.prompts:,} alike prompts"
    told = (
        f"{who} has {found.pairs:,} of {found.of_pairs:,} pairs ({found.pairs / found.of_pairs:.1%}). All of it is in one split, "
        "so splits cannot have the shares that were asked for; and it counts as one where intervals are computed."
    )
    if found.cut:
        told += f" {found.cut:,} larger {_clusters(found.cut)} cut where prompts are less alike."
    if found.giant:
        told += f" {found.giant:,} {_clusters(found.giant)} left larger than screen.largest_cluster: nothing cuts them."
    return told


BAD = ("empty_response", "placeholder", "judge_hacking")
"""Flags of responses that should not be preferred to anything."""


def preferred(findings: Findings) -> str:
    """How many published pairs prefer a response that is worth nothing; empty where none does."""
    found = [f"{row.chosen:,} ({FLAGS[row.flag]})" for row in findings.flags if row.flag in BAD and row.chosen]
    return f"Look at these published pairs, whose chosen response is flagged: {'; '.join(found)}." if found else ""


LEANING = 0.05
"""Points from one half from which a leaning towards the response shown first is worth one."""
_ABOUT = {"longer": ("longer", "shorter", "length"), "formatted": ("more formatted", "less formatted", "looks")}


def remarks(findings: Findings) -> list[str]:
    """What sticks out of the sources' labels: those that a rule alone says, a leaning to a place, annotators who do not agree."""
    return [remark for voice in findings.voices for remark in _remarks(voice)]


def rated_about(rated: Rated) -> str:
    """Whose ratings, of what: `people, helpfulness`."""
    return PLURALS.get(rated.kind, rated.kind) + ("" if rated.attribute == "overall" else f", {rated.attribute}")


def about(voice: Voice) -> str:
    """Whose labels, on what: `people`, `LLM judges, helpfulness`."""
    return PLURALS.get(voice.kind, voice.kind) + ("" if voice.attribute == "overall" else f", {voice.attribute}")


def _remarks(voice: Voice) -> Iterator[str]:
    for rule in voice.rules:
        if rule.rule in _ABOUT and rule.wins is not None:
            yield from _about_rule(voice, rule, rule.wins, *_ABOUT[rule.rule])
    shown = voice.rule("first_shown")
    if shown is not None and shown.wins is not None and shown.wins.n >= FEWEST and _leans(shown.wins):
        yield (
            f"{voice.source} ({about(voice)}): the response shown first wins {_counted(shown.wins)} preferences whose order is known; "
            "by chance it would be half, unless what is better was shown there more often."
        )
    agreed = voice.alpha.value if voice.alpha else None
    if agreed is not None and agreed.low is not None and agreed.low <= 0:
        told = f"alpha {agreed.value:.2f}, 95% interval {between(agreed)}"
        yield f"{voice.source} ({about(voice)}): agreement with one another cannot be told from chance ({told})."


def _leans(first: RuleShare) -> bool:
    return abs(first.share - 0.5) >= LEANING and not first.low <= 0.5 <= first.high


def _about_rule(voice: Voice, rule: RuleFigures, wins: RuleShare, more: str, less: str, what: str) -> Iterator[str]:
    turned = wins.share < 0.5
    share, low = (1 - wins.share, 1 - wins.high) if turned else (wins.share, wins.low)
    if not says_alone(share, low, wins.n):
        return
    told = RuleShare(wins.n, wins.prompts, share, low, 1 - wins.low if turned else wins.high)
    remark = f"{voice.source} ({about(voice)}): the {less if turned else more} response wins {_counted(told)} decided pairs: labels may be about {what}."
    if rule.gold is not None:
        gold = 1 - rule.gold.share if turned else rule.gold.share
        remark += f" Held-out gold takes it on {gold:.1%} of {rule.gold.n:,} pairs of theirs."
    yield remark


def _counted(share: RuleShare) -> str:
    return f"{share.share:.1%} (95% interval {share.low:.1%} to {share.high:.1%}) of {share.n:,}"


def between(found: Estimate) -> str:
    """The interval of an alpha; empty where there is none."""
    return "" if found.low is None else f"{found.low:.2f} to {found.high:.2f}"


def couples(found: Kappa) -> str:
    """How many couples a kappa rests on."""
    return f"{found.couples:,} {'couple' if found.couples == 1 else 'couples'}"


def _clusters(count: int) -> str:
    return "cluster was" if count == 1 else "clusters were"


def verdict(overall: Agreement) -> str:
    """What the difference between before and after allows to say; nothing where no gold was held out."""
    if not overall.gold:
        return ""
    if overall.change is None:
        return (
            "No label came with these pairs but the gold itself: before is gold by construction, and nothing is claimed "
            "about what curation changed."
        )
    change = overall.change
    if change.difference == 0:
        return (
            "On the pairs that have both, the published label agrees with gold exactly as often as the one that came."
        )
    told = (
        f"On the pairs that have both, the difference is {points(change.difference)} points "
        f"(95% interval {points(change.low)} to {points(change.high)}): "
    )
    if change.low > 0:
        return told + "the published labels are better than those that came in."
    if change.high < 0:
        return told + "the published labels are worse than those that came in. Look at the flips below."
    return told + "too small to tell from chance."


def selection(overall: Agreement) -> str:
    """What leaving pairs out does to the agreement; empty when nothing can be compared."""
    if overall.before is None or overall.after is None or overall.before.pairs == overall.after.pairs:
        return ""
    return (
        f"Leaving pairs out counts too: {overall.before.agreement:.1%} of all {overall.before.pairs:,} pairs with a label that "
        f"came in agree with gold, and {overall.after.agreement:.1%} of the {overall.after.pairs:,} that are given a label to publish."
    )


def follows(row: Stratum, enough: int) -> str:
    """What is done with labels of a stratum."""
    if row.kind != "flip":
        return "the probability comes from the opinions; gold is shown beside it"
    if row.joined is None:
        return f"softened: fewer than {enough} gold pairs, with those of less probability too"
    how = "" if row.joined == row.pairs else f", with those of less probability ({row.joined:.0f} in all)"
    return f"flipped{how}" if row.proven else f"softened{how}: gold does not show that such flips are right"


STRATA = {"flip": "against the label that came", "keep": "with the label that came", "assign": "where no label came"}
"""Kinds of published labels, for the table of what gold says of them."""
