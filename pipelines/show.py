"""`prefcurate show STORE ID`: everything known about one pair, and why it was decided so, for people who do not know the code."""

from collections import Counter
from collections.abc import Iterator

from prefcurate.pipelines.explain import becomes, change_lines, worth_lines
from prefcurate.pipelines.plain import clip, line, neutral, wrapped
from prefcurate.transforms.consensus.agreement import changed_by_agreement
from prefcurate.transforms.consensus.explain import Explained, explain
from prefcurate.transforms.publish.fates import REASONS
from prefcurate.transforms.publish.story import PairStory, Published, Row, find_pairs, standing, tell
from prefcurate.transforms.store.store import Store

_SAYS = {
    "a": "prefers A",
    "b": "prefers B",
    "tie": "calls it a tie",
    "both_bad": "finds both bad",
    "both_good": "finds both good",
    "unratable": "could not rate it",
    None: "gave an answer that could not be read",
}
_KINDS = {"person": "a person", "llm_judge": "an LLM judge", "reward_model": "a reward model", "program": "a program"}
_ORDERS = {"ab": "A shown first", "ba": "B shown first"}
_STATUS = {
    "gold": "is gold: others are measured by it",
    "trusted": "is trusted",
    "used": "is used",
    "believed_less": "is believed less",
    "excluded": "is left out",
}
_UNEXPLAINED = (
    "how much each opinion is worth cannot be told: the model that decided is not there (an earlier prefcurate decided, or a "
    "forgetting cleared it); `prefcurate run CONFIG --stages consensus` decides again"
)
_SINCE = (
    "how much each opinion is worth cannot be told: opinions have come or gone since it was decided; "
    "`prefcurate run CONFIG` decides again"
)
_SAME = 1e-6
_REASON = 2000
"""Characters of a reason: what agreements and training dynamics made of a decision stands at its end."""
_REGIONS = {
    "easy": "easy to learn, as right labels mostly are",
    "ambiguous": "ambiguous, they vary most on such pairs",
    "hard": "hard to learn, as wrong labels mostly are",
}
_TEXT = 1500
_OPINIONS = 40


def show(store: Store, identity: str) -> str:
    """The story of a comparison, or a list when the id (or its beginning, or a prompt's id) fits several.

    Raises:
        StoreError: nothing has such an id.
    """
    found = find_pairs(store, identity)
    if len(found) > 1:
        pairs = [f"  {pair}  {line(text, 60)}" for pair, _, text in found]
        return "\n".join([f"{identity!r} fits several comparisons; name one of them:", *pairs])
    pair, prompt, _ = found[0]
    snapshot = standing(store)
    return render(tell(snapshot, pair, prompt), explain(snapshot, prompt, pair))


def render(story: PairStory, explained: Explained | None = None) -> str:
    """A story as plain text, with the decision taken apart where that is possible. What people and models wrote in it is clipped, and harmless to a terminal."""
    pair = story.comparison
    sections = [
        ("The prompt", [_text(pair["prompt_text"])]),
        ("Response A", [_text(pair["response_a_text"])]),
        ("Response B", [_text(pair["response_b_text"])]),
        ("Where it came from", _came_from(story)),
        ("Who said what", _said(story)),
        ("What was noticed", _noticed(story)),
        ("What was decided, and why", _decided(story, explained)),
        ("Who should look next", _next(story)),
        ("Where it is published", _published(story)),
    ]
    head = f"Comparison {pair['comparison_id']}\nof prompt  {pair['prompt_id']}"
    return "\n\n".join([head, *("\n".join([title, "-" * len(title), *lines]) for title, lines in sections)])


def _text(text: str) -> str:
    return wrapped(clip(neutral(text[: 4 * _TEXT]), _TEXT) if len(text) <= 4 * _TEXT else _long(text)) or "  (empty)"


def _long(text: str) -> str:
    shown = neutral(text[:_TEXT]).rstrip()
    return f"{shown} … ({len(text) - _TEXT:,} more characters)"


def _came_from(story: PairStory) -> Iterator[str]:
    if not story.occurrences:
        yield "  From no file that the last run read: its source is no longer configured."
    for row in story.occurrences[:10]:
        models = [f"{side} by {line(row[key], 40)}" for side, key in (("A", "model_a"), ("B", "model_b")) if row[key]]
        licence = f"licence {line(row['licence'], 40)}" if row["licence"] else "no licence stated"
        turned = "the row has B first" if row["reversed"] else "the row has A first"
        group = [f"group {line(row['group_id'], 40)}"] if row["group_id"] else []
        told = ", ".join([licence, *models, turned, *group])
        yield wrapped(f"{line(row['source'])}: {line(row['file'], 200)}, line {row['line']} ({told})")
    if len(story.occurrences) > 10:
        yield f"  … and {len(story.occurrences) - 10} more rows"


def _said(story: PairStory) -> Iterator[str]:
    if not story.annotations:
        yield "  Nobody has said anything about it yet."
    decision = story.decision
    counted = set(decision["evidence"] or ()) if decision else set()
    met: set[str] = set()
    for row in story.annotations[:_OPINIONS]:
        yield wrapped(_opinion(row) + _counts(row, decision, counted))
        worth = story.annotators.get(row["annotator"])
        if worth and row["annotator"] not in met:
            met.add(row["annotator"])
            yield wrapped(_worth(worth), 6)
        if row["rationale"]:
            yield wrapped(f'"{line(row["rationale"], 240)}"', 6)
    if len(story.annotations) > _OPINIONS:
        yield f"  … and {len(story.annotations) - _OPINIONS} more opinions"


def _opinion(row: Row) -> str:
    about = [] if row["attribute"] == "overall" else [f"on {line(row['attribute'])}"]
    about += [] if row["context"] in (None, "none") else [f"in the context {line(row['context'])}"]
    told = [_ORDERS[row["order_shown"]]] if row["order_shown"] in _ORDERS else []
    told += [f"strength {row['strength']:+g} towards A"] if row["strength"] is not None else []
    told += [f"P(A is better) {row['p_a']:.2f}"] if row["p_a"] is not None else []
    says = " ".join([_SAYS.get(row["label"], line(str(row["label"]))), *about])
    details = f" ({', '.join(told)})" if told else ""
    return f"{line(row['annotator'])}, {_KINDS.get(row['kind'], line(row['kind']))}, {says}{details}"


def _counts(row: Row, decision: Row | None, counted: set[str]) -> str:
    """Whether consensus rests on the opinion."""
    if decision is None or row["annotation_id"] in counted:
        return ""
    return " - not counted in this decision"


def _worth(row: Row) -> str:
    """What an annotator's opinions are worth in this store."""
    told = [_STATUS.get(row["status"], line(str(row["status"])))] if row["status"] else []
    if row["accuracy"] is not None:
        between = ""
        if row["accuracy_low"] is not None and row["accuracy_high"] is not None:
            between = (
                f" (between {row['accuracy_low']:.0%} and {row['accuracy_high']:.0%}, {row['n_gold'] or 0} on gold)"
            )
        told.append(f"right in {row['accuracy']:.0%} of cases{between}")
    if row["position_bias"] is not None and abs(row["position_bias"]) >= 0.05:
        place = "first" if row["position_bias"] > 0 else "second"
        told.append(f"leans towards what is shown {place} ({abs(row['position_bias']):.0%})")
    return f"here this annotator {'; '.join(told)}" if told else "here this annotator has not been measured"


def _noticed(story: PairStory) -> Iterator[str]:
    if story.cluster is None and not story.screening and not story.gold and not story.attributes:
        yield "  Nothing: no flag was raised, or screening has not run."
        return
    for row in story.screening:
        value = f" {row['value']:.3g}" if row["value"] is not None else ""
        match = f", matches {line(row['matched_id'] or '?')}" if row["matched_id"] else ""
        of = f" of {line(row['matched_source'])}" if row["matched_source"] else ""
        yield wrapped(f"{line(row['flag'])}{value}{match}{of}")
    prompts, pairs = story.near_prompts, story.near_pairs
    yield wrapped(f"near duplicates: {prompts} other prompts, {pairs} other pairs")
    if story.gold:
        side = {"audit": "only the report may see", "fit": "consensus may learn from"}.get(story.gold["side"], "")
        yield wrapped(f"its prompt is gold of the side {line(story.gold['side'])}, which {side}")
    described = [f"{line(r['name'], 40)} {line(r['value'], 60)}" for r in story.attributes if r["value"] is not None]
    if described:
        yield wrapped(f"the prompt: {', '.join(described)}")


def _decided(story: PairStory, explained: Explained | None) -> Iterator[str]:
    row = story.decision
    if row is None:
        yield "  Nothing yet: consensus has not run on this pair."
        return
    yield wrapped(f"{str(row['decision']).upper()}: {_meaning(row)}")
    yield wrapped(f"P(A is better) {_p(row['p_a'])}, P(B is better) {_p(row['p_b'])}, P(tie) {_p(row['p_tie'])}")
    if row["expected_accuracy"] is not None:
        low = f", at least {row['expected_accuracy_low']:.0%}" if row["expected_accuracy_low"] is not None else ""
        yield wrapped(f"the published label is expected to be right with {row['expected_accuracy']:.0%}{low}")
    yield wrapped(f"because: {line(row['reason'] or 'no reason was recorded', _REASON)}")
    yield wrapped(_tally(story, set(row["evidence"] or ())))
    if row["region"]:
        yield wrapped(
            f"heads trained on the labels of other prompts give this label {row['confidence']:.0%} on average over their epochs, "
            f"varying by {row['variability']:.0%}: {_REGIONS.get(row['region'], row['region'])}"
        )
    if explained is None or not _is_of(explained, row):
        yield wrapped(f"what would change it: {_would_change(row)}")
        yield wrapped(_UNEXPLAINED if explained is None else _SINCE)
        return
    if (explained.made.decision, explained.made.label) != (row["decision"], row["label"]):
        yield wrapped(f"without {_instead(row)}: {becomes(explained.made)}; what follows is about that")
    yield ""
    yield from worth_lines(explained)
    yield ""
    yield from change_lines(explained)
    if changed_by_agreement(row["reason"]):
        yield wrapped(
            "all this is before the agreements of `consensus.agreement` were asked; they changed the decision, see above"
        )


def _instead(row: Row) -> str:
    """What stands above the consensus."""
    reason = row["reason"] or ""
    if reason.startswith("override"):
        return "the override"
    return "the heads' doubt" if "dynamics.confidence" in reason else "what `consensus.agreement` asks for"


def _is_of(explained: Explained, row: Row) -> bool:
    """Whether what stands in the store now still leads to the row."""
    made = explained.made
    moved = max(abs(made.p_a - row["p_a"]), abs(made.p_b - row["p_b"]))
    after = (row["reason"] or "").startswith("override") or changed_by_agreement(row["reason"])
    return list(explained.evidence) == list(row["evidence"] or ()) and (after or moved < _SAME)


def _meaning(row: Row) -> str:
    label, given = _side(row["label"]), _side(row["label_in"])
    return {
        "keep": f"the label that came with the data stands ({given})",
        "flip": f"the data said {given}, the opposite is published ({label})",
        "assign": f"the data had no label; {label} is published",
        "soften": f"{label} is published, not as certain but with its probability (the data said {given})",
        "drop": f"it is not published (the data said {given})",
        "hold": f"it is not published until another opinion is there (the data said {given})",
    }.get(row["decision"], "a decision of another version of prefcurate")


def _side(label: str | None) -> str:
    sides = {"a": "A is better", "b": "B is better", None: "nothing"}
    return sides.get(label, str(label).replace("_", " "))


def _tally(story: PairStory, counted: set[str]) -> str:
    votes = Counter(row["label"] for row in story.annotations if row["annotation_id"] in counted)
    told = [
        f"{n} x {_SAYS.get(label, line(str(label)))}" for label, n in sorted(votes.items(), key=lambda v: str(v[0]))
    ]
    return f"it rests on {sum(votes.values())} opinions: {', '.join(told)}" if told else "it rests on no opinion"


def _would_change(row: Row) -> str:
    doubt = (
        "opinions for the other side that bring its probability above one half" if row["label"] in ("a", "b") else ""
    )
    return {
        "keep": f"{doubt}; a flip also needs evidence from gold, otherwise it is softened or dropped",
        "flip": "opinions for the label that came with the data, or less agreement with gold among those who speak against it",
        "assign": doubt,
        "soften": "further opinions: when they agree the label is published as certain, when they do not it is dropped",
        "drop": "further opinions that agree with each other, or a lower `consensus.min_accuracy`",
        "hold": "one more opinion",
    }.get(row["decision"], "new opinions") + "; a line in the overrides file stands above everything"


def _next(story: PairStory) -> Iterator[str]:
    route = story.route
    if route is None:
        yield "  Not chosen for anybody, or routing has not run."
        return
    gain = f", expected gain {route['expected_gain']:.4f}" if route["expected_gain"] is not None else ""
    rank = f", number {route['rank']} in that queue" if route["rank"] is not None else ""
    yield wrapped(f"{line(route['queue'])}{rank}{gain}: {line(route['reason'] or '', 300)}")


def _published(story: PairStory) -> Iterator[str]:
    split = story.split
    yield wrapped(
        f"split: {split['split']} (given once, never moved)" if split else "split: none yet, it was never published"
    )
    if not story.published:
        yield "  There is no release yet."
    for release in story.published:
        name = f"release {release.release_id}{' (current)' if release.current else ''}"
        yield wrapped(f"{name}: {_in_release(release)}")


def _in_release(release: Published) -> str:
    row = release.row
    if row is not None:
        probability = f"P(chosen is better) {row['p_chosen']:.2f}, margin {row['preference_margin']:+.2f}, weight {row['weight']:.3g}"
        return f"published in {row['split']} as {row['decision']}, label from {row['label_source']}; {probability}"
    if release.reason is None:
        return "not in it: the pair was not among the comparisons then"
    detail = f" ({line(release.detail, 300)})" if release.detail else ""
    return f"withheld: {REASONS.get(release.reason, release.reason)}{detail}"


def _p(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
