"""Votes out of real files, through the readers, without a store; and planted flips, whose truth is known."""

import hashlib
from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from prefcurate.schemas.canonical import stable_hash, unit_interval
from prefcurate.schemas.records import Pairs
from prefcurate.transforms.consensus.decide import Rules
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.options import ConsensusOptions
from prefcurate.transforms.consensus.rows import consensus_rows
from prefcurate.transforms.consensus.shard import ShardVotes, vote_table
from prefcurate.transforms.consensus.votes import votes_of
from prefcurate.transforms.describe.features import features
from prefcurate.transforms.ingest.options import SourceOptions
from prefcurate.transforms.ingest.orient import orient
from prefcurate.transforms.ingest.sources import open_source_file, plan_source
from prefcurate.transforms.measures.structure import style

EXAMPLES = Path(__file__).parents[3] / "examples" / "data"
SHARED = Path("/work/shared/data")


def annotations(path: str | list[str], name: str, format: str) -> list[dict]:
    """Every annotation of a source on whole answers, oriented as ingest does."""
    source = SourceOptions.model_validate({"name": name, "format": format, "path": path})
    found = []
    for intake in plan_source(source):
        for row in source.reader.read(intake.unit, open_source_file):
            if not isinstance(row.outcome, Pairs):
                continue
            for index, pair in enumerate(row.outcome.pairs):
                told = orient(pair, name)
                about = {"comparison_id": told["comparison_id"], "prompt_id": told["prompt_id"], "cluster": told["prompt_id"],
                         "response_a_id": told["response_a_id"], "response_b_id": told["response_b_id"],
                         "length_a": len(told["response_a_text"]), "length_b": len(told["response_b_text"]),
                         "format_a": formatting(told["response_a_text"]), "format_b": formatting(told["response_b_text"]),
                         "model_a": told["model_a"], "model_b": told["model_b"], "task": task(told["prompt_text"])}  # fmt: skip
                for one in told["annotations"]:
                    where = [intake.unit.file.name, row.line, index, one["index"]]
                    found.append(one | about | {"annotation_id": stable_hash("test", *where), "given": True})
    whole = [a for a in found if a["label"] not in (None, "unratable") and a["attribute"] == "overall"]
    return sorted(whole, key=lambda a: (a["prompt_id"], a["comparison_id"], a["annotation_id"]))


@lru_cache(maxsize=1 << 14)
def formatting(text: str) -> int:
    """How much of a text is headings, lists, bold and code."""
    return style(text).total


@lru_cache(maxsize=1 << 14)
def task(prompt: str) -> str:
    """The kind of task, of a prompt of one turn."""
    return features([{"role": "user", "content": [{"type": "text", "text": prompt}]}])["task"]


def thinned(annotations: list[dict], votes: int) -> list[dict]:
    """A few of the votes on each comparison, chosen by hash."""
    by_chance = sorted(annotations, key=lambda a: unit_interval(5, a["annotation_id"], "thin"))
    seen: Counter = Counter()
    kept = []
    for one in by_chance:
        seen[one["comparison_id"]] += 1
        if seen[one["comparison_id"]] <= votes:
            kept.append(one)
    return kept


def people_truth(annotations: list[dict]) -> dict[str, str]:
    """By comparison, what most people say, where that is a or b."""
    told: dict[str, Counter] = {}
    for one in annotations:
        if one["kind"] == "person":
            told.setdefault(one["comparison_id"], Counter())[one["label"]] += 1
    best = {c: by.most_common(2) for c, by in told.items()}
    return {c: b[0][0] for c, b in best.items() if b[0][0] in "ab" and (len(b) == 1 or b[0][1] > b[1][1])}


def planted(truth: dict[str, str], flipped: float, seed: int = 0) -> dict[str, str]:
    """The truth as a label that came, of which a share was turned round."""
    turn = {"a": "b", "b": "a"}
    return {c: turn[v] if unit_interval(seed, c, "flip") < flipped else v for c, v in truth.items()}


def decided(voters: list[dict], truth: dict[str, str], came: dict[str, str], gold: float, seed: int = 0, minimum=0.75):
    """Decisions on the pairs that have a planted label; a share of the prompts has gold of side fit.

    The label that came is a vote of its own, of an annotator nobody knows anything about.
    """
    options = ConsensusOptions(min_accuracy=minimum)
    about = {a["comparison_id"]: a for a in reversed(voters) if a["comparison_id"] in truth}
    rows = [a | {"judgement": a["annotation_id"], "given": False} for a in voters if a["comparison_id"] in truth]
    for c, one in about.items():
        base = one | {
            "kind": "person",
            "order_shown": "unknown",
            "judgement": f"came-{c}",
            "annotation_id": f"came-{c}",
        }
        rows.append(base | {"annotator": "person:x/came", "family": "came", "label": came[c]})
        if unit_interval(seed, one["prompt_id"], "gold") < gold:
            rows.append(base | {"annotator": "person:x/expert", "family": "expert", "label": truth[c], "judgement": f"gold-{c}",
                                "annotation_id": f"gold-{c}", "given": False})  # fmt: skip
    ids = sorted(about, key=lambda c: (about[c]["prompt_id"], c))
    place = {c: i for i, c in enumerate(ids)}
    rows.sort(key=lambda a: (place[a["comparison_id"]], a["annotation_id"]))
    pairs = [about[c] | {"comparison_id": c} for c in ids]
    table = vote_table(said_table(rows, place), pa.Table.from_pylist(pairs), seed)
    shard = ShardVotes(
        ids, [about[c]["prompt_id"] for c in ids], [came[c] for c in ids], table, [a["annotation_id"] for a in rows]
    )
    model = fit_label_model(votes_of([table]), options.rules())
    made = consensus_rows(shard, model, Rules(options.rules(), minimum, model.strata, False), {}).to_pylist()
    measured = {a["comparison_id"] for a in rows if a["family"] == "expert"}
    return model, [row for row in made if row["comparison_id"] not in measured]


def said_table(rows: list[dict], place: dict[str, int]) -> pa.Table:
    """Opinions as the columns of `VOTES` that are a vote's own; the family `expert` gives gold."""
    said = [
        row
        | {
            "pair": place[row["comparison_id"]],
            "label": {"a": 1, "b": -1}.get(row["label"], 0),
            "order": {"ab": 1, "ba": -1}.get(row["order_shown"], 0),
            "judgement": int(hashlib.sha256(row["judgement"].encode()).hexdigest()[:15], 16),
            "gold": row["family"] == "expert",
        }
        for row in rows
    ]
    return pa.Table.from_pylist(said)


def figures(rows: list[dict], truth: dict[str, str]) -> dict[str, float]:
    """On the pairs without gold: accuracy of what came and of what is published, and how much is published."""
    published = [row for row in rows if row["weight"] is not None]
    return {
        "pairs": len(rows),
        "before": float(np.mean([row["label_in"] == truth[row["comparison_id"]] for row in rows])),
        "after": float(np.mean([row["label"] == truth[row["comparison_id"]] for row in published])) if published else 1.0,
        "coverage": len(published) / len(rows),
        "turned": sum(row["label"] not in (None, row["label_in"]) for row in published),
        "turned_right": float(np.mean([row["label"] == truth[row["comparison_id"]] for row in published if row["label"] != row["label_in"]] or [1.0])),
        "decisions": dict(sorted(Counter(row["decision"] for row in rows).items())),
    }  # fmt: skip
