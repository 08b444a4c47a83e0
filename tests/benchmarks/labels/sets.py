"""Real sets of opinions whose truth somebody else has said: judges against people, some of a crowd against the others."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from prefcurate.schemas.canonical import unit_interval
from tests.transforms.consensus.real import SHARED, annotations, people_truth

Opinion = dict[str, Any]
"""An annotation as `real.annotations` gives it."""
TURNED = {"a": "b", "b": "a"}
CAME = "person:came/label"
"""The annotator of the label that came with the data, where some of those labels were flipped."""


@dataclass(frozen=True)
class LabelSet:
    """Opinions on some pairs and what is true of them.

    Attributes:
        name: for the table.
        voters: the opinions, none of them the truth's.
        truth: a or b of each comparison that is measured.
        prompts: the prompt of each.
        longer: +1 where a is longer by a tenth, -1 where b is, else 0.
        length: log of the lengths' ratio.
        held_out: the opinions that the truth is made of, where they have names.
    """

    name: str
    voters: list[Opinion]
    truth: dict[str, str]
    prompts: dict[str, str]
    longer: dict[str, int]
    length: dict[str, float]
    held_out: list[Opinion] = field(default_factory=list)

    @property
    def pairs(self) -> list[str]:
        """The comparisons, in key order."""
        return sorted(self.truth)

    def only(self, name: str, chosen: Iterable[str]) -> "LabelSet":
        """Some of the pairs."""
        kept = set(chosen) & set(self.truth)
        voters = [v for v in self.voters if v["comparison_id"] in kept]
        return replace(self, name=name, voters=voters, truth={c: self.truth[c] for c in sorted(kept)})

    def gold(self, tenth: int, seed: int = 0) -> frozenset[str]:
        """The pairs of every tenth prompt."""
        prompts = sorted({self.prompts[c] for c in self.truth}, key=lambda p: unit_interval(seed, p, "tenths"))
        mine = set(prompts[tenth::10])
        return frozenset(c for c in self.truth if self.prompts[c] in mine)


def vicuna() -> LabelSet:
    """PRD's Vicuna-80 (Li et al. 2023): five judges in both orders; the majority of one to three people is the truth."""
    found = _prd()
    return _made("vicuna80", found, [a for a in found if a["kind"] == "llm_judge"], people_truth(found))


@lru_cache(maxsize=1)
def _prd() -> list[Opinion]:
    return annotations(str(SHARED / "prd-vicuna80"), "prd-vicuna80", "prd")


def three_votes(of: LabelSet) -> tuple[LabelSet, LabelSet]:
    """The pairs of Vicuna-80 with three people's votes, and those with one."""
    found = _prd()
    votes = Counter(a["comparison_id"] for a in found if a["kind"] == "person")
    several = [c for c in of.truth if votes[c] > 1]
    return of.only("vicuna80, three votes", several), of.only("vicuna80, one vote", set(of.truth) - set(several))


def ukp() -> LabelSet:
    """UKPConvArg1 (Habernal and Gurevych 2016): two workers' votes against the majority of the others."""
    return _held_out("ukp", annotations(str(SHARED / "ukp-convarg" / "UKPConvArg1-full-XML"), "ukp", "ukp"), 2)


def ukp_by_pair() -> LabelSet:
    """The same with who is heard drawn for each pair: more workers have votes on both sides."""
    found = annotations(str(SHARED / "ukp-convarg" / "UKPConvArg1-full-XML"), "ukp", "ukp")
    return _held_out("ukp, drawn by pair", found, 2, by="comparison_id")


def mqm() -> LabelSet:
    """WMT 2023 MQM (Freitag et al.): two of three raters' order of two translations against the third's."""
    return _held_out("mqm", annotations(str(SHARED / "wmt-mqm-sxs-ende"), "mqm", "wmt_mqm"), 2)


def flipped(of: LabelSet, share: float, seed: int) -> LabelSet:
    """The set with its true labels as one more opinion, of which a share is turned round."""
    about = {a["comparison_id"]: a for a in of.voters}
    came = [
        about[c]
        | {"annotator": CAME, "family": CAME, "kind": "person", "order_shown": "unknown", "annotation_id": f"came-{c}",
           "label": TURNED[label] if unit_interval(seed, c, "flip") < share else label}
        for c, label in of.truth.items() if c in about
    ]  # fmt: skip
    return replace(of, name=f"{of.name}, {share:.0%} flipped", voters=[*of.voters, *came])


def _held_out(name: str, found: list[Opinion], heard: int, by: str = "prompt_id") -> LabelSet:
    """Some people's votes on each pair; the majority of the others is the truth.

    Who is heard is drawn for a whole prompt: a rater whose scores order ten answers to it has said something of each pair.
    """
    people = [a for a in found if a["kind"] == "person"]
    by_pair = defaultdict(list)
    for one in sorted(people, key=lambda a: (unit_interval(3, a[by] + a["annotator"], "heard"), a["annotation_id"])):
        by_pair[one["comparison_id"]].append(one)
    voters = [one for of_pair in by_pair.values() for one in of_pair[:heard]]
    others = [one for of_pair in by_pair.values() for one in of_pair[heard:]]
    return replace(_made(name, found, voters, people_truth(others)), held_out=others)


def _made(name: str, found: list[Opinion], voters: list[Opinion], truth: dict[str, str]) -> LabelSet:
    about = {a["comparison_id"]: a for a in found}
    heard = {a["comparison_id"] for a in voters}
    truth = {c: label for c, label in truth.items() if c in heard}
    sizes = {c: (about[c]["length_a"], about[c]["length_b"]) for c in truth}
    return LabelSet(
        name,
        [a for a in voters if a["comparison_id"] in truth],
        truth,
        {c: about[c]["prompt_id"] for c in truth},
        {c: int(a > 1.1 * b) - int(b > 1.1 * a) for c, (a, b) in sizes.items()},
        {c: float(np.log((a + 20) / (b + 20))) for c, (a, b) in sizes.items()},
    )
