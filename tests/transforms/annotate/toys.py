"""The smallest annotators of each local sort."""

from typing import ClassVar, Literal

import pyarrow as pa

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.records import Label
from prefcurate.transforms.annotate.annotator import Answer, FittedAnnotator, LocalAnnotator, Question


def lengths(snapshot, shard):
    columns = ["prompt_id", "comparison_id", "response_a_text", "response_b_text"]
    for row in snapshot.table("comparisons", shard, columns).to_pylist():
        yield row["prompt_id"], row["comparison_id"], len(row["response_a_text"]) - len(row["response_b_text"])


class Longer(LocalAnnotator):
    """Says that the longer response is better, and nothing where they are equally long."""

    kind: Literal["longer"] = "longer"
    version: int = 1
    stored_kind: ClassVar = "program"

    def fingerprint(self):
        return stable_hash("longer", self.version)

    def questions(self, snapshot, shard):
        for prompt_id, comparison_id, _ in lengths(snapshot, shard):
            yield Question(prompt_id, comparison_id)

    def answer(self, snapshot, shard, questions, artefact):
        assert artefact is None
        found = {comparison_id: n for _, comparison_id, n in lengths(snapshot, shard)}
        for question in questions:
            n = found[question.comparison_id]
            if n:
                yield Answer(question, Label.A if n > 0 else Label.B, strength=float(n))


class LongerThanUsual(FittedAnnotator):
    """Learns the mean difference of lengths over the whole store, and gives what is above it."""

    kind: Literal["usual"] = "usual"
    least: int = 1
    stored_kind: ClassVar = "reward_model"

    def fingerprint(self):
        return stable_hash("usual", self.least)

    def questions(self, snapshot, shard):
        for prompt_id, comparison_id, _ in lengths(snapshot, shard):
            yield Question(prompt_id, comparison_id)

    def examples(self, snapshot, shard):
        return pa.table({"n": pa.array([n for _, _, n in lengths(snapshot, shard)], pa.int64())})

    def fit(self, examples, seed):
        values = examples["n"].to_pylist()
        if len(values) < self.least:
            return None
        return f"{seed} {sum(values) / len(values)}".encode()

    def answer(self, snapshot, shard, questions, artefact):
        seed, mean = artefact.decode().split()
        assert seed == "7"
        found = {comparison_id: n for _, comparison_id, n in lengths(snapshot, shard)}
        for question in questions:
            yield Answer(question, None, strength=found[question.comparison_id] - float(mean))
