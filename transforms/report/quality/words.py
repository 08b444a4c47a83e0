"""What is found of an annotator, in words that its team's lead can act on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefcurate.transforms.report.quality.rows import AnnotatorQuality

LOOKS_LIKE = {
    "against_others": "answers against the others: are the sides confused, or is it meant?",
    "guessing": "looks like guessing",
    "one_answer": "gives nearly always one answer",
    "first_shown": "leans to the response shown first",
    "second_shown": "leans to the response shown second",
    "longer": "prefers the longer response for being longer",
    "shorter": "prefers the shorter response for being shorter",
    "formatted": "prefers headings, lists and bold for themselves",
    "plain": "prefers plain text for itself",
    "streaks": "repeats the answer before (straight lines)",
    "alternating": "alternates between answers",
    "too_fast": "answers too fast to have read, and agrees less than usual",
    "worse_later": "agrees less in the later half",
    "better_later": "agrees more in the later half: was it learning? Look at the earlier ones",
    "copy": "says the same as another",
}
"""Of each check of `prefcurate.transforms.report.quality.findings`."""


def sentence(row: "AnnotatorQuality") -> str:
    """One annotator in words: what was counted, then what it looks like."""
    told = "; ".join(_counted(row))
    looks = "; ".join(LOOKS_LIKE[check] for check in row.findings)
    return f"{told}." + (f" {looks[0].upper()}{looks[1:]}." if looks else "")


def _counted(row: "AnnotatorQuality") -> Iterator[str]:
    yield f"{row.n:,} {'vote' if row.n == 1 else 'votes'}"
    if row.agreement is not None and row.agreement_low is not None and row.agreement_high is not None:
        usual = "" if row.usual_agreement is None else f", its peers on {row.usual_agreement:.0%}"
        yield f"agrees with the others on {row.agreement:.0%} ({row.agreement_low:.0%} to {row.agreement_high:.0%}) of {row.compared:,}{usual}"
    found = set(row.findings)
    if (
        found & {"one_answer", "first_shown", "second_shown"}
        and row.first_share is not None
        and row.tie_share is not None
    ):
        yield f"{row.first_share:.0%} the first, {row.tie_share:.0%} ties"
    if "longer" in found or "shorter" in found:
        yield f"length alone would give {abs(row.longer_leaning or 0.0):.0%} of the answers"
    if "formatted" in found or "plain" in found:
        yield f"looks alone would give {abs(row.formatted_leaning or 0.0):.0%} of the answers"
    if found & {"streaks", "alternating"} and row.repeats is not None and row.usual_repeats is not None:
        yield f"repeats the answer before {row.repeats:.0%} of the time where the pairs ask for {row.usual_repeats:.0%}, longest run {row.longest_run}"
    if row.seconds is not None and row.usual_seconds is not None and (row.hasty_share or 0) > 0.5:
        yield f"{row.seconds:.0f} s median against {row.usual_seconds:.0f} s at such lengths"
    if found & {"worse_later", "better_later"} and row.early is not None and row.late is not None:
        by = "by time" if row.order == "time" else "by place in the file, no time is told"
        yield (
            f"goes along with the others at {row.early:.2f} in the earlier half and {row.late:.2f} in the later, {by} "
            "(1: as surely as they lean, 0: as a coin would, or always a tie)"
        )
    if row.copy_of is not None and row.copy_shared is not None:
        yield f"the same as {row.copy_of} on nearly all of {row.copy_shared:,} shared pairs"
