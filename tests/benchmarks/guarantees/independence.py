"""Who says a thing twice is not heard twice: copies of an annotator, and ten generations of a reward head, beside what majority makes of them."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.annotate.reward_head import RewardHead
from prefcurate.transforms.consensus.acts import find_voices
from tests.benchmarks.labels.methods import CROWD_KIT, Method, chances_of, majority, votes_for
from tests.benchmarks.labels.sets import TURNED, LabelSet, Opinion, mqm, ukp, vicuna
from tests.transforms.consensus.real import SHARED, annotations

TURNED_ORDER = {"ab": "ba", "ba": "ab", "unknown": "ab"}
Change = Callable[[Opinion], Opinion | None]


def copied(of: LabelSet, who: str, change: Change = lambda v: v, share: float = 1.0, times: int = 1) -> LabelSet:
    """The set with an annotator under further names, of families of their own, on a share of its pairs."""
    copies = []
    for number in range(times):
        new = {"annotator": f"copy:{number}", "family": f"copy:{number}"}
        for vote in of.voters:
            if vote["annotator"] == who and unit_interval(1, vote["comparison_id"], "copied") < share:
                made = change(vote | new | {"annotation_id": f"{vote['annotation_id']}-{number}", "judgement_id": None})
                copies += [] if made is None else [made]
    return replace(of, voters=[*of.voters, *copies])


def copies_of(of: LabelSet, who: str) -> dict[str, LabelSet]:
    """Every way of copying that is measured."""
    return {
        "a copy": copied(of, who),
        "ten copies": copied(of, who, times=10),
        "on half of the pairs": copied(of, who, share=0.5),
        "without its orders": copied(of, who, lambda v: v | {"order_shown": "unknown"}),
        "in one order only": copied(of, who, lambda v: None if v["order_shown"] == "ba" else v),
        "in the other orders": copied(of, who, lambda v: v | {"order_shown": TURNED_ORDER[v["order_shown"]]}),
        "on some 20 pairs": copied(of, who, share=20 / len({v["comparison_id"] for v in of.voters if v["annotator"] == who})),
    }  # fmt: skip


def generations(of: LabelSet, many: int, noise: float) -> LabelSet:
    """The set with generations of a head that is right two times of three; each says the opposite on a share of the pairs."""
    about = {v["comparison_id"]: v for v in reversed(of.voters)}
    heads = [
        RewardHead(name=f"week{number}", kind="reward_head", generation=number + 1).bound(RewardHead.model_fields["embed"].default, RewardHead.model_fields["gold"].default)
        for number in range(many)
    ]  # fmt: skip
    said = []
    for number, head in enumerate(heads):
        for c, one in about.items():
            wrong = unit_interval(0, c, "head") > 2 / 3
            wrong ^= number > 0 and unit_interval(number, c, "generation") < noise
            said.append(
                one | {"annotator": head.annotator, "family": head.family, "kind": head.stored_kind, "order_shown": "unknown",
                       "label": TURNED[of.truth[c]] if wrong else of.truth[c], "annotation_id": f"{number}-{c}", "judgement_id": None}
            )  # fmt: skip
    return replace(of, voters=[*of.voters, *said])


def measure(sets: list[LabelSet], policies: list[str]) -> None:
    """Prints how far probabilities move, and how many preferred answers turn, with and without gold on a tenth of the prompts."""
    print(
        "\nIndependence: most that a probability moves (mean), pairs whose preferred answer turns; beside other models' turned pairs"
    )
    for of in sets:
        who = Counter(v["annotator"] for v in of.voters).most_common(1)[0][0]
        cases = {name: (of, changed) for name, changed in copies_of(of, who).items()}
        for noise in (0.0, 0.02, 0.05):
            cases[f"ten heads, {noise:.0%} apart"] = (generations(of, 1, 0.0), generations(of, 10, noise))
        print(f"  {of.name}: copies of {who}")
        for policy in policies:
            for gold in (frozenset[str](), of.gold(0)):
                for name, (before, after) in cases.items():
                    told = _moved(before, after, gold, policy)
                    print(f"    {policy:<15} gold on {len(gold):>4} {name:<24} {told}", flush=True)
        for name, (before, after) in cases.items():
            turned = {title: _turned(before, after, method) for title, method in BASELINES.items()}
            print(f"    {name:<45} " + ", ".join(f"{title} {n}" for title, n in turned.items()), flush=True)


BASELINES: dict[str, Method] = {"majority": majority, "Dawid-Skene": CROWD_KIT["Dawid-Skene"]}


def _moved(before: LabelSet, after: LabelSet, gold: frozenset[str], policy: str) -> str:
    (alone, _), (together, pairs) = (votes_for(of, gold) for of in (before, after))
    one, other = (chances_of(votes, policy)[0] for votes in (alone, together))
    moved, divided = np.abs(one - other).max(axis=1), _divided(after, pairs)
    turned = np.sum((one[:, 0] > one[:, 1]) != (other[:, 0] > other[:, 1]))
    found = f"{moved.max():.4f} ({moved.mean():.4f}), {turned} of {len(moved)} turn"
    if divided.any():
        found += f"; but for {divided.sum()} pairs on which the heads are divided {moved[~divided].max():.4f}"
    return found + ("" if moved[~divided].max() <= 0.01 else "   MOVES")


def _divided(of: LabelSet, pairs: list[str]) -> np.ndarray:
    """Pairs on which more than a fifth of the generations say what the others do not: there they say something new."""
    said = defaultdict(Counter)
    for vote in of.voters:
        if vote["kind"] == "reward_model":
            said[vote["comparison_id"]][vote["label"]] += 1
    return np.array([max(said[c].values(), default=0) < 0.8 * said[c].total() for c in pairs])


def _turned(before: LabelSet, after: LabelSet, method: Method) -> int:
    one, other = method(before, frozenset()), method(after, frozenset())
    return sum(np.sign(one.get(c, 0.0)) != np.sign(other.get(c, 0.0)) for c in before.truth)


def repetitions() -> None:
    """Prints who is taken for a copy among nine judges that answered the same pairs three times in both orders, and in the crowds."""
    found = annotations(str(SHARED / "position-bias-mtbench"), "mtbench", "position_bias")
    about = {a["comparison_id"]: a["prompt_id"] for a in found}
    sets = [LabelSet("position-bias-mtbench", found, dict.fromkeys(about, "a"), about, {}, {}), vicuna(), mqm(), ukp()]
    for of in sets:
        votes, _ = votes_for(of, frozenset())
        voices = find_voices(votes)
        print(
            f"  {of.name}: {len(set(votes.families))} families, taken for copies: {sorted(voices.copies) or 'none'}",
            flush=True,
        )
