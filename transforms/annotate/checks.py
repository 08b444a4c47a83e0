"""Executable instruction checks: which response keeps more of what its prompt demands in a form that a program can verify.

After IFEval (Zhou et al. 2023, arXiv 2311.07911) and the use of such checks as a reward (Peng et al. 2025, "Agentic Reward
Modeling", arXiv 2502.19328). We differ from the latter in that no language model writes or picks the checks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from prefcurate.schemas.canonical import canonical_json, stable_hash
from prefcurate.schemas.records import AnnotatorKind, Label
from prefcurate.transforms.annotate.annotator import Answer, LocalAnnotator, Question
from prefcurate.transforms.annotate.texts import last_user_text, materials, texts
from prefcurate.transforms.measures.ifeval import given_requirements
from prefcurate.transforms.measures.requirement import Requirement
from prefcurate.transforms.measures.requirements import ALGORITHM, requirements
from prefcurate.transforms.measures.satisfied import satisfaction
from prefcurate.transforms.store.snapshot import Snapshot

_SURE, _SURER = 0.35, 0.1
_SMALLEST = 1e-9


@dataclass(frozen=True)
class Outcome:
    """What the checks of a prompt say about a pair: the share of each requirement that each response keeps."""

    requirements: tuple[Requirement, ...]
    kept_a: tuple[float, ...]
    kept_b: tuple[float, ...]

    @property
    def difference(self) -> float:
        """Mean share kept by a less that kept by b, from -1 to 1; never without requirements."""
        return (sum(self.kept_a) - sum(self.kept_b)) / len(self.requirements)

    @property
    def label(self) -> Label:
        """Who keeps more. Where both keep as much it cannot tell: that is no tie, since the answers may differ in all else."""
        if abs(self.difference) < _SMALLEST:
            return Label.UNRATABLE
        return Label.A if self.difference > 0 else Label.B

    @property
    def p_a(self) -> float:
        """From 0.05 to 0.95; one half where it cannot tell.

        Of 444 pairs made for this (IFBench of arXiv 2502.19328) 162 were decided, and in 91% of the 162 decided rightly.
        """
        if self.label == Label.UNRATABLE:
            return 0.5
        sure = _SURE + _SURER * abs(self.difference)
        return round(0.5 + sure if self.difference > 0 else 0.5 - sure, 6)

    def rationale(self) -> str:
        """Each check with what both responses kept of it, as JSON."""
        rows = zip(self.requirements, self.kept_a, self.kept_b, strict=True)
        return canonical_json([{"check": r.describe(), "a": round(a, 4), "b": round(b, 4)} for r, a, b in rows])


def outcome(demands: Sequence[Requirement], response_a: str, response_b: str) -> Outcome:
    """Executes checks on both responses of a pair."""
    kept_a = tuple(satisfaction(demand, response_a) for demand in demands)
    kept_b = tuple(satisfaction(demand, response_b) for demand in demands)
    return Outcome(tuple(demands), kept_a, kept_b)


def demands_of(asked: str, given: Sequence[str], read_prompts: bool) -> tuple[Requirement, ...]:
    """The checks that came with the data; where none did, or none is known, those read from the prompt's words."""
    found = tuple(dict.fromkeys(requirement for checks in given for requirement in given_requirements(checks)))
    return found or (requirements(asked) if read_prompts else ())


class Checks(LocalAnnotator):
    """Executes the checks of a prompt on both responses (kind ``checks``); prompts without checks get no annotation.

    A pair whose responses keep as much is annotated `unratable`, so that it is no vote and is not looked at again.
    """

    kind: Literal["checks"]
    read_prompts: bool = True
    """Whether demands are also read from the words of prompts that came without checks (English)."""

    stored_kind: ClassVar[AnnotatorKind] = "program"
    algorithm: ClassVar[int] = 2

    def fingerprint(self) -> str:
        """Of the settings, and of the versions of reading and judging."""
        return stable_hash("annotator", self.kind, self.algorithm, ALGORITHM, self.read_prompts)

    def questions(self, snapshot: Snapshot, shard: int) -> Iterator[Question]:
        """Every comparison of a prompt that carries a check."""
        given = materials(snapshot, shard, "checks")
        columns = ["prompt_id", "comparison_id", "prompt", "prompt_text"]
        before, demanded = "", False
        for batch in snapshot.batches("comparisons", shard, columns, rows=512):
            for row in batch.to_pylist():
                if row["prompt_id"] != before:
                    before, asked = row["prompt_id"], last_user_text(row["prompt"]) or row["prompt_text"]
                    demanded = bool(demands_of(asked, given.get(before, ()), self.read_prompts))
                if demanded:
                    yield Question(before, row["comparison_id"])

    def answer(
        self, snapshot: Snapshot, shard: int, questions: Sequence[Question], artefact: bytes | None
    ) -> Iterable[Answer]:
        """Executes the checks of each question's prompt."""
        given = materials(snapshot, shard, "checks", questions)
        for pair in texts(snapshot, shard, questions):
            demands = demands_of(pair.asked, given.get(pair.question.prompt_id, ()), self.read_prompts)
            if demands:
                found = outcome(demands, pair.response_a, pair.response_b)
                strength = round(found.difference, 6)
                yield Answer(pair.question, found.label, found.p_a, strength, found.rationale())
